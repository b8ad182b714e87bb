"""The one way to a ClickHouse server, on the real engine behind its HTTP interface."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import trustme

from exporter.clients.clickhouse import ClickHouse
from exporter.errors import Denied, Malformed, PollError, Throttled, TimedOut, Unreachable
from exporter.fields import Secret
from tests.clickhouse import READER, Server, serving

USER, KEY = READER


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        server.execute("create table visitors (mail String, at DateTime) engine = MergeTree order by at")
        server.insert("visitors", [("ann@example.com", datetime(2026, 5, 1, tzinfo=UTC))])
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[ClickHouse]:
    client = ClickHouse(server.url, USER, Secret(KEY))
    yield client
    await client.close()


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """The address of a server that gives one answer to whatever it is asked, as something before ClickHouse might."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_numbers_are_what_they_are_and_null_is_none(client: ClickHouse) -> None:
    result = await client.ask("""
        select 18446744073709551615 as whole, toInt64(-1) as negative, toDecimal64('1234567890123456.10', 2) as amount,
               0.1 as half, nan as none, -inf as low, null as absent, toNullable(toInt8(1)) as perhaps, true as yes,
               toLowCardinality(toNullable('a')) as word, toFixedString('ab', 4) as code, toDate('2026-05-01') as day
    """)
    [row] = result.rows
    assert math.isnan(row.pop("none"))
    assert row == {
        "whole": 18446744073709551615,
        "negative": -1,
        "amount": Decimal("1234567890123456.10"),
        "half": 0.1,
        "low": -math.inf,
        "absent": None,
        "perhaps": 1,
        "yes": True,
        "word": "a",
        "code": "ab",
        "day": "2026-05-01",
    }
    assert isinstance(row["yes"], bool)
    assert result.columns[:2] == ["whole", "negative"]


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 10, 25, 3, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(2299, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
async def test_an_instant_that_is_bound_arrives_to_the_microsecond(client: ClickHouse, instant: datetime) -> None:
    result = await client.ask("select toUnixTimestamp64Micro({at:DateTime64(6, 'UTC')}) as micros", {"at": instant})
    assert result.rows == [{"micros": (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}]


async def test_sql_means_what_it_does_elsewhere(client: ClickHouse) -> None:
    """A join that finds nothing gives NULL, a name means the column, union drops what is twice, and days are those of UTC."""
    result = await client.ask("""
        select max(number) as number, any(other) as other, timezone() as zone,
               (select count() from (select 1 union select 1) as both) as ones
        from numbers(3) as three
        left join (select toUInt64(9) as number, 'nine' as other) as nine using (number)
        where number < 2
    """)
    assert result.rows == [{"number": 1, "other": None, "zone": "UTC", "ones": 1}]


async def test_it_asks_in_the_database_that_it_was_given(server: Server) -> None:
    client = ClickHouse(server.url, USER, Secret(KEY), database="system")
    assert (await client.ask("select currentDatabase() as name, count() as ones from one")).rows == [
        {"name": "system", "ones": 1}
    ]
    await client.close()


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("create table written (a Int8) engine = Memory", Denied, "default: Cannot execute query in readonly mode. (READONLY)"),
        ("insert into visitors values ('b', now())", Denied, "default: Cannot execute query in readonly mode. (READONLY)"),
        ("select 1 as a settings readonly = 0", Denied, "Cannot modify 'readonly' setting in readonly mode. (READONLY)"),
        ("select absent from visitors", Malformed, "Unknown expression identifier `absent`"),
        ("select 1 as a from nowhere", Malformed, "Unknown table expression identifier 'nowhere'"),
        ("select 1 as a\nfrom from visitors", Malformed, "Syntax error: failed at position"),
        ("select number from numbers(11)", Malformed, "Limit for result exceeded, max rows: 10.00, current rows: 11.00. "),
        ("select count() as a from numbers(1000000000000) where not ignore(number)", TimedOut, "Timeout exceeded: elapsed"),
        ("select toInt32(mail) as a from visitors", Malformed, "CANNOT_PARSE_TEXT (code 6)"),
        ("select cast(mail as Enum8('a' = 1)) as a from visitors", Malformed, "UNKNOWN_ELEMENT_OF_ENUM (code 691)"),
        ("select throwIf(at > 0, mail) as a from visitors", Malformed, ""),
    ],
)
async def test_what_a_query_may_not_do_ends_in_its_reason_and_the_client_goes_on(
    client: ClickHouse, sql: str, error: type[PollError], message: str
) -> None:
    with pytest.raises(error) as caught:
        await client.ask(sql, limit=0.5, max_rows=10)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert "ann@example.com" not in str(caught.value)
    assert (await client.ask("select 1 as one")).rows == [{"one": 1}]


@pytest.mark.parametrize(("user", "key"), [(USER, "wrong"), ("nobody", KEY), (USER, None)])
async def test_a_wrong_key_is_denied_and_stands_in_no_message(server: Server, user: str, key: str | None) -> None:
    client = ClickHouse(server.url, user, None if key is None else Secret(key))
    with pytest.raises(Denied, match="Authentication failed") as caught:
        await client.ask("select 1")
    assert key is None or key not in str(caught.value)
    await client.close()


async def test_a_key_that_changes_in_its_file_is_used_at_once(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("wrong")
    client = ClickHouse(server.url, USER, Secret(file=file))
    with pytest.raises(Denied):
        await client.ask("select 1")
    file.write_text(f"{KEY}\n")
    assert (await client.ask("select 1 as one")).rows == [{"one": 1}]
    file.unlink()
    with pytest.raises(Denied, match="cannot read the secret file"):
        await client.ask("select 1")
    await client.close()


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with answering(b"") as address:
        pass
    client = ClickHouse(address)
    with pytest.raises(Unreachable):
        await client.ask("select 1")
    await client.close()


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b"", Unreachable, "disconnected"),
        (http("200 OK", b"Ok.\n"), Malformed, "not a result of ClickHouse"),
        (
            http("200 OK", b'{"meta": [{"name": "a", "type": "Int8"}], "data": [[1], [2'),
            Malformed,
            "not a result of ClickHouse",
        ),
        (
            http("200 OK", b'{"meta": [{"name": "a", "type": "Int8"}], "data": [["x"]]}'),
            Malformed,
            "not a result of ClickHouse",
        ),
        (
            http("200 OK", b'{"meta": [{"name": "a", "type": "Int8"}], "data": [[1, 2]]}'),
            Malformed,
            "not a result of ClickHouse",
        ),
        (
            http(
                "200 OK",
                b"Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED) "
                b"(version 25.8.1.1 (official build))",
                "X-ClickHouse-Exception-Code: 241",
            ),
            Unreachable,
            r"^Memory limit \(total\) exceeded. \(MEMORY_LIMIT_EXCEEDED\)$",
        ),
        (
            http("500 Internal", b"Code: 202. DB::Exception: Too many", "X-ClickHouse-Exception-Code: 202"),
            Throttled,
            "^Too many$",
        ),
        (http("301 Moved", b"", "Location: http://127.0.0.1:1/"), Malformed, "status 301"),
        (http("401 Unauthorized", b"the body"), Denied, "^the answer has status 401 and is not ClickHouse's$"),
        (http("502 Bad Gateway", b"the body"), Unreachable, "status 502"),
        (http("404 Not Found", b"the body"), Malformed, "status 404"),
    ],
)
async def test_an_answer_that_is_no_result_ends_in_its_reason(answer: bytes, error: type[PollError], message: str) -> None:
    async with answering(answer) as address:
        client = ClickHouse(address)
        with pytest.raises(error, match=message):
            await client.ask("select 1")
        await client.close()


async def test_a_proxy_that_asks_for_patience_gets_it() -> None:
    async with answering(http("429 Too Many Requests", b"", "Retry-After: 7")) as address:
        client = ClickHouse(address)
        with pytest.raises(Throttled) as caught:
            await client.ask("select 1")
        assert caught.value.retry_after == 7
        await client.close()


async def test_a_server_that_stops_answering_is_given_up() -> None:
    began = time.perf_counter()
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{") as address:
        client = ClickHouse(address)
        with pytest.raises((TimedOut, Unreachable)):
            await client.ask("select 1", limit=0.1)
        await client.close()
    assert time.perf_counter() - began < 60


async def test_tls_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    for name, issuer in (("ca", authority), ("stranger", stranger)):
        issuer.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    (tmp_path / "none.pem").write_text("no certificate")

    async def answers(ca_file: Path | None = None, *, verify: bool = True) -> bool:
        client = ClickHouse(tls.url, USER, Secret(KEY), ca_file=ca_file, verify=verify)
        try:
            return (await client.ask("select 1 as one")).rows == [{"one": 1}]
        finally:
            await client.close()

    with serving(tmp_path / "server.pem") as tls:
        assert await answers(tmp_path / "ca.pem")
        assert await answers(verify=False)
        for ca_file in (None, tmp_path / "stranger.pem"):
            with pytest.raises(Unreachable, match="certificate verify failed"):
                await answers(ca_file)
        with pytest.raises(Denied, match="holds no certificates as PEM"):
            await answers(tmp_path / "none.pem")


def test_the_server_of_the_tests_speaks_as_documented(server: Server) -> None:
    """As https://clickhouse.com/docs/interfaces/http shows it: a GET without a query, and a wrong one with its code."""
    assert httpx.get(server.url).text == "Ok.\n"
    headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": KEY}
    wrong = httpx.post(server.url, content="selec 1", headers=headers)
    assert (wrong.status_code, wrong.headers["X-ClickHouse-Exception-Code"]) == (400, "62")
