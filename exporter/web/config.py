"""The web configuration file: TLS, response headers, users and rate limit, in the format of exporter-toolkit.

Source: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

import re
import ssl
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from exporter.document import Document, Problem, problems_of
from exporter.fields import Model
from exporter.web.access import Access
from exporter.web.limits import Bucket
from exporter.web.tls import SECTION, Tls, server_context

Stamp = tuple[int, ...] | None
"""What changes with a file: when it was written, its size, its number. None when there is no such file."""

Headers = tuple[tuple[bytes, bytes], ...]

_ModelT = TypeVar("_ModelT", bound=Model)

_FILES = ("cert_file", "key_file", "client_ca_file")
_HEADERS: Mapping[str, tuple[str, ...]] = {  # and the values that are allowed; any, when there are none
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_HASH = re.compile(r"\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}


def _headers(given: object) -> object:
    """The headers that are given a value, if they are some that may be set."""
    if not isinstance(given, dict):
        return given
    headers = {name: value for name, value in given.items() if value not in (None, "")}
    for name, value in headers.items():
        allowed = _HEADERS.get(name)
        if allowed is None:
            raise ValueError(f"{name} cannot be set; expected some of {', '.join(_HEADERS)}")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise ValueError(f"expected printable ASCII text for {name}")
        if allowed and value not in allowed:
            raise ValueError(f"expected {' or '.join(allowed)} for {name}")
    return headers


def _interval(given: object) -> object:
    """Seconds of a duration as Go writes it. A bare number is nanoseconds there, seconds elsewhere: only 0 is clear."""
    if given == 0 and not isinstance(given, bool):
        return 0.0
    if isinstance(given, str) and _PART.sub("", given) == "" and given:
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(given))
    raise ValueError("expected a duration such as 1s or 100ms, or 0 for no limit")


def _hash(given: str) -> str:
    if not _HASH.fullmatch(given):
        raise ValueError("expected a bcrypt hash, such as `htpasswd -nBC 10 NAME` makes")
    return given


class Http(Model):
    """The section `http_server_config`."""

    http2: bool = True
    """Accepted for the format's sake: HTTP/1.1 alone is spoken, and clients that can do more settle on it."""
    headers: Annotated[dict[str, str], BeforeValidator(_headers)] = Field(default_factory=dict)


class RateLimit(Model):
    """The section `rate_limit`: a request takes a token, `interval` seconds bring a new one, `burst` can be saved up."""

    interval: Annotated[float, BeforeValidator(_interval)] = 0.0
    burst: Annotated[int, Field(ge=0)] = 0


class _Users(Model):
    basic_auth_users: dict[str, Annotated[str, AfterValidator(_hash)]] = Field(default_factory=dict)

    @classmethod
    def hides(cls, _: str) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What a web configuration file asks for. Without a file: plain HTTP for everybody."""

    context: ssl.SSLContext | None = None
    headers: Headers = ()
    access: Access | None = None
    bucket: Bucket | None = None


def stamp(file: Path) -> Stamp:
    """What tells one version of a file from another."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def read(file: Path, stamps: MutableMapping[Path, Stamp]) -> WebConfig:
    """What a file asks for; notes in `stamps` each file that was read, as it was before. Raises `SettingsError`."""
    stamps[file] = stamp(file)
    document = Document.read(file)
    data = {} if document.data is None else document.data
    problems: list[Problem] = []
    if not isinstance(data, dict):
        raise document.error([Problem((), "expected a mapping with the key tls_server_config")])
    known = (SECTION, "http_server_config", "basic_auth_users", "rate_limit")
    problems += [
        Problem((str(key),), f"unknown key; expected one of {', '.join(known)}", shows_value=False)
        for key in data
        if key not in known
    ]
    context = _context(data.get(SECTION), file.parent, stamps, problems)
    http = _section(Http, data, "http_server_config", problems)
    rate = _section(RateLimit, data, "rate_limit", problems)
    users = _users(data.get("basic_auth_users"), problems)
    if rate.interval and not rate.burst:
        problems.append(Problem(("rate_limit",), "expected a burst of at least 1: with 0 every request would be refused"))
    if problems:
        raise document.error(problems)
    return WebConfig(
        context,
        tuple((name.lower().encode(), value.encode()) for name, value in http.headers.items()),
        Access(users) if users else None,
        Bucket(rate.interval, rate.burst) if rate.interval else None,
    )


def _section(model: type[_ModelT], data: dict[str, Any], key: str, problems: list[Problem]) -> _ModelT:
    given = data.get(key)
    if isinstance(given, dict):
        try:
            return model.model_validate(given)
        except ValidationError as error:
            problems += problems_of(error, model, (key,), given)
    elif given is not None:
        problems.append(Problem((key,), "expected a mapping", shows_value=False))
    return model()


def _users(given: Any, problems: list[Problem]) -> dict[str, str]:
    try:
        return _Users(basic_auth_users=given or {}).basic_auth_users
    except ValidationError as error:
        problems += problems_of(error, _Users, (), given)
    return {}


def _context(given: Any, folder: Path, stamps: MutableMapping[Path, Stamp], problems: list[Problem]) -> ssl.SSLContext | None:
    if not isinstance(given, dict | None):
        problems.append(Problem((SECTION,), "expected a mapping", shows_value=False))
        return None
    section = {key: value for key, value in (given or {}).items() if value not in (None, "")}
    for key in _FILES:
        if isinstance(section.get(key), str):
            path = folder / section[key]
            section[key], stamps[path] = str(path), stamp(path)
    if not section:
        return None
    try:
        return server_context(Tls.model_validate(section))
    except ValidationError as error:
        problems += problems_of(error, Tls, (SECTION,), section)
    except Problem as problem:
        problems.append(problem)
    return None
