"""What single values of the bundle's configuration have to be. Each says what was wanted in words, not by a pattern."""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from exporter.fields import seconds

_SPAN = r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?"
_DAY = "(sunday|monday|tuesday|wednesday|thursday|friday|saturday)"


def _text(pattern: str, wanted: str) -> AfterValidator:
    """Of texts those that a pattern fits from end to end."""
    fits = re.compile(pattern).fullmatch

    def check(value: str) -> str:
        if not fits(value):
            raise ValueError(f"expected {wanted}")
        return value

    return AfterValidator(check)


def _address(value: str) -> str:
    parts = urlsplit(value)
    if "@" in parts.netloc:
        raise PydanticCustomError(
            "hidden", "expected an address without a user and password in it: whoever reads the files would"
        )
    if parts.scheme not in ("http", "https") or not parts.netloc or value.endswith("/") or re.search(r"\s", value):
        raise ValueError("expected an address such as https://example.com, without a slash at its end")
    return value


def _longer_than_nothing(value: str) -> str:
    if seconds(value) <= 0:
        raise ValueError("expected more than no time")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is an OSError
        raise ValueError("expected a time zone such as Europe/Berlin or UTC") from None
    return value


def _day(value: object) -> object:
    """YAML itself reads 2026-12-25 as a date, and `"2026-12-25"` as text."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-12-25") else value
    except ValueError:
        day = None
    if type(day) is not date:
        raise ValueError("expected a day of the calendar such as 2026-12-25")
    return day.isoformat()


def _matched(value: str) -> str:
    """A value to match: as it is, or behind an operator of PromQL."""
    operator = next((each for each in ("=~", "!~", "!=") if value.startswith(each)), "")
    if operator.endswith("~"):
        try:
            re.compile(value.removeprefix(operator))
        except re.error as error:
            raise ValueError(f"expected a regular expression behind {operator}, which this is not: {error}") from None
    return value


def _of_waiting(wanted: str) -> Callable[[object], object]:
    """P0 and P1 are told at once, whatever else is decided: somebody has to be called."""

    def check(value: object) -> object:
        if value in ("P0", "P1"):
            raise ValueError(f"expected {wanted}: P0 and P1 cannot wait")
        return value

    return check


Address = Annotated[str, AfterValidator(_address)]
"""A web address without a slash at its end, and without a password in it."""
Span = Annotated[str, Field(min_length=2), _text(_SPAN, "a length of time such as 90s, 5m or 1h30m")]
"""A length of time as Prometheus and Alertmanager write it: 90s, 5m, 1h30m."""
Interval = Annotated[Span, AfterValidator(_longer_than_nothing)]
"""The time between two messages."""
Clock = Annotated[str, _text(r"([01]\d|2[0-3]):[0-5]\d|24:00", "a time of the day such as 09:00, in quotes")]
"""A time of the day: 09:00. The day ends at 24:00."""
Hour = Annotated[str, _text(r"([01]\d|2[0-2]):[0-5]\d|23:00", "a time of the day until 23:00, such as 09:00, in quotes")]
"""A time of the day that an hour of the same day follows."""
Weekdays = Annotated[str, _text(f"{_DAY}(:{_DAY})?(,{_DAY}(:{_DAY})?)*", "days of the week such as monday:thursday,saturday")]
"""Days of the week and ranges of them: monday:thursday,saturday."""
Zone = Annotated[str, AfterValidator(_zone)]
"""A time zone by its name in the tz database: Europe/Berlin."""
Holiday = Annotated[str, BeforeValidator(_day)]
"""A day of the calendar."""
Currency = Annotated[str, _text("[A-Z]{3}", "three capital letters as ISO 4217 has them, such as EUR")]
Name = Annotated[str, Field(min_length=1)]
Job = Annotated[str, _text(r'[^"\\\n]+', "a name without quotes and backslashes")]
"""The name of a job of Prometheus, as it stands in a matcher."""
Value = Annotated[str, _text("[a-zA-Z0-9_.:/-]+", "a name of letters, digits and _ . : / -")]
"""A label's value that can stand in a matcher as it is."""
Label = Annotated[str, _text("(?!__)[a-zA-Z_][a-zA-Z0-9_]*", "the name of a label, such as environment")]
Matched = Annotated[str, _text(r'[^"\\\n]*', "a value without quotes and backslashes"), AfterValidator(_matched)]
"""What a label has to be: a value, or a regular expression behind `=~`."""
Tier = Annotated[str, _text("[a-z][a-z0-9_-]*", "a name of small letters, digits, _ and -")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Priority = Literal["P0", "P1", "P2", "P3"]
Gathered = Annotated[Priority, BeforeValidator(_of_waiting("P2 or P3"))]
"""A priority whose alerts may be told of in one message of the hour or the day."""
Channel = Literal["pagerduty", "slack", "email", "sms", "sentry", "webhook"]
