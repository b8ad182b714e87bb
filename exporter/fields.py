"""The types that settings are made of: durations, schedules, secrets, and the strict model that holds them."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_LONGEST = 100 * _UNITS["y"]  # taken off any instant, it leaves one that clocks and databases know
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")


def seconds(value: object) -> float:
    """Seconds of a duration written as Prometheus writes it (`15s`, `1h30m`), or of a bare number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        length = value
    elif isinstance(value, str) and _DURATION.fullmatch(value):
        length = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    else:
        raise ValueError("expected a duration such as 15s, 5m or 1h30m")
    if length > _LONGEST:
        raise ValueError("expected a duration of at most 100y")
    return float(length)


Duration = Annotated[float, BeforeValidator(seconds)]
"""A length of time: written as Prometheus writes durations, held in seconds."""


_read: set[str] = set()
_SHORTEST = 4  # characters: what is shorter stands in other words by chance
_PASSWORDS = re.compile(r"(?:://[^/@:\s]*:|\bpassword\s*=\s*'?)([^\s&'@]+)")  # inside a connection string


def known_secrets() -> frozenset[str]:
    """Every secret read so far, and the passwords inside connection strings: what no line that is logged may hold."""
    return frozenset(_read)


class Cron:
    """A schedule written as a crontab line's five fields: `0 6 * * *`, or `CRON_TZ=Europe/Berlin 0 6 * * mon`; else in UTC.

    Where daylight saving skips the time, it is due right after the gap; where it repeats it, once.
    Raises `ValueError` for anything else. Source: https://man7.org/linux/man-pages/man5/crontab.5.html
    """

    def __init__(self, text: str) -> None:
        zone, _, line = text.removeprefix("CRON_TZ=").partition(" ") if text.startswith("CRON_TZ=") else ("UTC", " ", text)
        try:
            self._zone, self._line, self._text = ZoneInfo(zone), line, text
            next(CronSim(line, datetime(2000, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration, ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                "expected five fields as in a crontab, such as 0 6 * * *, or CRON_TZ=Europe/Berlin 0 6 * * *"
            ) from None

    def due(self, after: datetime) -> Iterator[datetime]:
        """The instants at which it is due, from the first one after an instant that has a time zone."""
        return CronSim(self._line, after.astimezone(self._zone))

    def __repr__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cron) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Secret:
    """A value that no message, log or page may show. One that comes from a file is read again at every use."""

    __slots__ = ("_file", "_value")

    def __init__(self, value: str | None = None, *, file: Path | None = None) -> None:
        self._value, self._file = value, file

    def read(self) -> str:
        """The secret itself. Raises `OSError` when its file cannot be read."""
        value = (self._value or "") if self._file is None else self._file.read_text(encoding="utf-8").strip()
        if value not in _read:
            _read.update(part for part in (value, *_PASSWORDS.findall(value)) if len(part) >= _SHORTEST)
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self._value, self._file) == (other._value, other._file)

    def __hash__(self) -> int:
        return hash((self._value, self._file))

    def __repr__(self) -> str:
        return f"Secret(file={str(self._file)!r})" if self._file else "Secret('********')"

    __str__ = __repr__

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema(when_used="always")
        )

    @classmethod
    def _validate(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, Path):
            return cls._of_file(value)
        if isinstance(value, str) and value:
            return cls(value)
        raise ValueError("expected a non-empty text")

    @classmethod
    def _of_file(cls, path: Path) -> Self:
        secret = cls(file=path)
        try:
            secret.read()
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ValueError(f"cannot read the secret file {path}: {cause}") from None
        return secret


class Model(BaseModel):
    """Settings: immutable, unknown keys refused, and any secret `x` may be given as `x_file`, a path."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _secret_files(cls, data: Any, build: Callable[[Any], Self]) -> Self:
        if not isinstance(data, dict):
            return build(data)
        data = dict(data)
        for name in cls.secret_names():
            path = data.pop(f"{name}_file", None)
            if path is None:
                continue
            if name in data:
                raise ValueError(f"give {name} or {name}_file, not both")
            data[name] = Path(str(path))
        return build(data)

    @classmethod
    def secret_names(cls) -> list[str]:
        """The fields that are a secret, and so may be given as a file."""
        return [name for name, field in cls.model_fields.items() if field.annotation in {Secret, Secret | None}]

    @classmethod
    def hides(cls, name: str) -> bool:
        """Whether a field is a secret or holds some, so that no message may repeat what was given for it."""
        field = cls.model_fields.get(name)
        return field is not None and _mentions_secret(field.annotation)


def _mentions_secret(annotation: Any) -> bool:
    return annotation is Secret or any(_mentions_secret(part) for part in getattr(annotation, "__args__", ()))
