"""Instants: the points in time to ask about, in steps of so many days by the calendar or of so many seconds by the clock."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exporter.errors import SettingsError
from exporter.fields import seconds

_DAY = timedelta(days=1)
_FIRST_YEAR = 1971  # time is counted from 1970 on
_DAYS = re.compile(r"(?:\d+[dw])+")


@dataclass(frozen=True, slots=True)
class Instants:
    """From the first one until just before the end.

    A step of days keeps the time of day in the zone, so that there a day may have 23 or 25 hours; any other step is a
    length of time. A time that the clocks skip is the moment at which they skip it, one that they repeat is the first.
    """

    begin: datetime
    end: datetime
    step: timedelta
    by_calendar: bool
    zone: ZoneInfo

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[datetime]:
        begin, end = self.begin.astimezone(UTC), self.end.astimezone(UTC)
        wall, number, last = self.begin.replace(tzinfo=None), 0, None
        while True:
            passed = number * self.step
            instant = (wall + passed).replace(tzinfo=self.zone).astimezone(UTC) if self.by_calendar else begin + passed
            instant = max(instant, begin)  # of a time that there is twice, the second may have been meant
            if instant >= end:
                return
            if last is None or instant > last:  # there are zones that have left out a day
                yield instant
            number, last = number + 1, instant


def instants(begin: str, end: str, step: str, zone: str, now: datetime) -> Instants:
    """The instants that the command line asks for. Raises `SettingsError` with the option that is wrong."""
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"--time-zone: {zone!r}: expected a time zone such as UTC or Europe/Paris") from None
    try:
        length = timedelta(seconds=seconds(step))
    except (ValueError, OverflowError):
        length = timedelta(0)
    if length < timedelta(seconds=1) or length.microseconds:
        raise SettingsError(f"--step: {step!r}: expected a duration of whole seconds such as 15m, 1h or 1d")
    found = Instants(_moment("--from", begin, where), _moment("--to", end, where), length, bool(_DAYS.fullmatch(step)), where)
    if found.begin >= found.end:
        raise SettingsError(f"--from: {begin!r} is not before --to: {end!r}")
    if found.end > now:
        raise SettingsError(f"--to: {end!r} is in the future, of which there is no history; it is {now:%Y-%m-%dT%H:%M:%SZ} now")
    return found


def _moment(option: str, text: str, zone: ZoneInfo) -> datetime:
    moment: datetime | None = None
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text).replace(microsecond=0)
    if moment is None or moment.year < _FIRST_YEAR:
        expected = "expected a date such as 2025-11-01, or with a time 2025-11-01T06:00, or with an offset 2025-11-01T06:00Z"
        raise SettingsError(f"{option}: {text!r}: {expected}")
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(zone)
