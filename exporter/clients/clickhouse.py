"""A ClickHouse server, read and never written, through its HTTP interface: one query a request, every wait and result bounded.

Source: https://clickhouse.com/docs/interfaces/http, https://clickhouse.com/docs/operations/settings/permissions-for-queries,
https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
"""

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.fields import Secret

Row = dict[str, Any]

_CONNECT_TIMEOUT = 5.0  # seconds
_GRACE = 2.0  # seconds beyond a query's time, for the server to say that it is over
_MOST_BYTES = 64 * 2**20  # of one result

_SETTINGS = {
    "readonly": "2",  # reads alone; unlike 1, it lets a query have the limits below
    "cancel_http_readonly_queries_on_client_close": "1",  # a run that was cut short costs the server nothing more
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
    "timeout_before_checking_execution_speed": "0",  # else max_execution_time is held against a guess
    "max_result_bytes": str(_MOST_BYTES),
    "session_timezone": "UTC",
    # Where its SQL has a meaning of its own, the standard's: NULL where a join finds nothing, names mean columns first.
    "join_use_nulls": "1",
    "prefer_column_name_to_alias": "1",
    "union_default_mode": "DISTINCT",
    # Numbers as they are: decimals in full, and nan as something other than NULL.
    "output_format_json_quote_decimals": "1",
    "output_format_json_quote_denormals": "1",
    "output_format_json_quote_64bit_integers": "0",
}

_TIMED_OUT = {159, 160, 209, 394}  # the query's time, its speed, a socket, cancelled by somebody
_DENIED = {
    164,  # READONLY
    192,  # UNKNOWN_USER
    193,  # WRONG_PASSWORD
    194,  # REQUIRED_PASSWORD
    195,  # IP_ADDRESS_NOT_ALLOWED
    291,  # DATABASE_ACCESS_DENIED
    452,  # SETTING_CONSTRAINT_VIOLATION
    497,  # ACCESS_DENIED
    516,  # AUTHENTICATION_FAILED
}
_THROTTLED = {201, 202}  # a quota, or too many queries at once
_UNREACHABLE = {210, 241, 243, 279, 439, 999}  # network, memory, disk, other servers, threads, Keeper
_TOLD = {
    *(8, 10, 16, 47, 207, 352),  # columns: missing, ambiguous
    *(42, 43, 44, 46, 63, 386),  # functions and their arguments' types
    *(48, 62, 115, 179, 184, 206, 215, 456, 457),  # what SQL does not allow or ClickHouse does not have
    *(60, 81),  # tables and databases
    *(158, 307, 396),  # rows and bytes beyond limits
    *(_TIMED_OUT | _DENIED | _THROTTLED | _UNREACHABLE),
}
"""Errors whose message speaks of names and limits. Others may quote what stands in a row: their text is not passed on."""

_MESSAGE = re.compile(r"^(?:Code: \d+\. )?(?:DB::(?:Net)?Exception: )?(?:Code: \d+\. DB::Exception: )?")
_TAIL = re.compile(r"(?:\s*\((?:version [^)]*(?:\([^)]*\))?|official build)\))+\s*$")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_WRAPPED = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)")
_LONGEST_MESSAGE = 300  # characters


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave."""

    columns: list[str]
    rows: list[Row]


class ClickHouse:
    """One database of one server. Connections are opened when needed; the secrets are read again at each request."""

    def __init__(
        self,
        url: str,
        user: str = "default",
        password: Secret | None = None,
        *,
        database: str = "default",
        ca_file: Path | None = None,
        verify: bool = True,
    ) -> None:
        self._url, self._user, self._password, self._database = url, user, password, database
        self._ca_file, self._verify = ca_file, verify
        self._client: httpx.AsyncClient | None = None

    async def ask(
        self, sql: str, parameters: Mapping[str, datetime] | None = None, *, limit: float = 5.0, max_rows: int = 10_000
    ) -> Result:
        """The result of one query, `{name:DateTime64(6, 'UTC')}` in it standing for a parameter.

        It may take `limit` seconds. Raises `PollError` for whatever goes wrong, and for more rows than `max_rows`.
        """
        limits = {"max_execution_time": f"{limit:.3f}", "max_result_rows": str(max_rows)}
        bound = {f"param_{name}": _instant(value) for name, value in (parameters or {}).items()}
        fixed = {"database": self._database, "default_format": "JSONCompact", "wait_end_of_query": "1"}
        client = await self._opened()
        try:
            response = await client.post(
                self._url,
                params={**fixed, **_SETTINGS, **limits, **bound},
                content=sql.encode(),
                headers={"X-ClickHouse-User": self._user, "X-ClickHouse-Key": self._key()},
                timeout=httpx.Timeout(limit + _GRACE, connect=_CONNECT_TIMEOUT),
            )
        except httpx.ConnectTimeout as error:
            raise Unreachable(f"no connection within {_CONNECT_TIMEOUT:g} s") from error
        except httpx.TimeoutException as error:
            raise TimedOut(f"no answer within {limit + _GRACE:g} s") from error
        except httpx.TransportError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        return _result(response)

    async def close(self) -> None:
        """Close the connections; the next query opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _key(self) -> str:
        try:
            return "" if self._password is None else self._password.read()
        except OSError as error:
            raise Denied(f"cannot read the secret file {error.filename}: {error.strerror}") from error

    async def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            context = await asyncio.to_thread(_tls, self._ca_file, self._verify)
            self._client = httpx.AsyncClient(verify=context, trust_env=False, headers={"User-Agent": "bellwether"})
        return self._client


def _tls(ca_file: Path | None, verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError among them
        cause = "holds no certificates as PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise Denied(f"ca_file: {ca_file}: {cause}") from error
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _result(response: httpx.Response) -> Result:
    code = response.headers.get("X-ClickHouse-Exception-Code", "")
    if code or response.status_code != httpx.codes.OK:
        raise _error(response, int(code) if code.isdecimal() else 0)
    try:
        answer = json.loads(response.content)
        columns = [column["name"] for column in answer["meta"]]
        readers = [_reader(column["type"]) for column in answer["meta"]]
        rows = [
            {name: None if cell is None else read(cell) for name, read, cell in zip(columns, readers, cells, strict=True)}
            for cells in answer["data"]
        ]
    except (ValueError, ArithmeticError, LookupError, TypeError) as error:
        raise Malformed("the answer is not a result of ClickHouse, as JSONCompact") from error
    return Result(columns, rows)


def _reader(type_: str) -> Callable[[Any], Any]:
    """What makes a value of Python of one in JSON, by ClickHouse's name of the column's type."""
    while wrapped := _WRAPPED.fullmatch(type_):
        type_ = wrapped[1]
    if type_.startswith(("Int", "UInt")) and not type_.startswith("Interval"):
        return int
    if type_.startswith(("Float", "BFloat")):
        return float  # nan and inf come in quotes
    if type_.startswith("Decimal"):
        return Decimal
    if type_.startswith("FixedString"):
        return lambda text: text.rstrip("\0")
    return lambda value: value


def _error(response: httpx.Response, code: int) -> PollError:
    """The reason that a query failed, without the values that ClickHouse quotes in some messages."""
    if not code:
        return _http_error(response)
    text = next(iter(response.text.splitlines()), "")
    said = _TAIL.sub("", _MESSAGE.sub("", text)).partition(". Expected one of")[0]
    if code not in _TOLD:
        name = _NAME.findall(said)
        said = f"{name[-1] if name else 'error'} (code {code})"
    said = said if len(said) <= _LONGEST_MESSAGE else said[: _LONGEST_MESSAGE - 1] + "…"
    if code in _TIMED_OUT:
        return TimedOut(said)
    if code in _DENIED:
        return Denied(said)
    if code in _THROTTLED:
        return Throttled(said)
    return Unreachable(said) if code in _UNREACHABLE else Malformed(said)


def _http_error(response: httpx.Response) -> PollError:
    """The reason in an answer that is not ClickHouse's, but of something before it."""
    status = response.status_code
    said = f"the answer has status {status} and is not ClickHouse's"
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.PROXY_AUTHENTICATION_REQUIRED}:
        return Denied(said)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        after = response.headers.get("Retry-After", "")
        return Throttled(said, float(after) if after.isdecimal() else None)
    return Unreachable(said) if status in {502, 503, 504} else Malformed(said)
