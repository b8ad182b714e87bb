"""Ledger: what of a history is done, so that a run that was broken off goes on where it was. A part is done or it is not."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from exporter.errors import SettingsError

NAME = "backfill.json"
SUFFIX = ".om"


@dataclass(frozen=True, slots=True)
class Done:
    """A part that is done."""

    file: str
    """Its name; empty when there was not one sample, and so there is no file."""
    last: str
    """Its last instant, as ISO 8601 has it."""
    instants: int
    samples: int
    dropped: int
    """Series that the guard refused, over all its instants."""


@dataclass(slots=True)
class Ledger:
    """The parts that are done, in order, and where the counters stood after the last of them."""

    folder: Path
    plan: Mapping[str, str]
    """What was asked for, by the name of the option, as it must be again."""
    parts: list[Done] = field(default_factory=list)
    counted: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, plan: Mapping[str, str]) -> Self:
        """That of a folder; a new one when it has none. Raises `SettingsError` when the folder holds another history."""
        file = folder / NAME
        if not file.exists():
            if stray := sorted(folder.glob(f"*{SUFFIX}")):
                raise SettingsError(f"--output: {folder} holds {stray[0].name} and no {NAME}: expected a folder of its own")
            return cls(folder, plan)
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            begun, parts = dict(found["plan"]), [Done(**part) for part in found["parts"]]
            counted = dict(found["counted"])
        except (ValueError, KeyError, TypeError):
            raise SettingsError(f"--output: {file} cannot be read; delete the folder to begin anew") from None
        for option in {**plan, **begun}:
            if begun.get(option) != plan.get(option):
                raise SettingsError(
                    f"--output: what is in {folder} was begun with another {option} ({_shown(begun.get(option))}, now "
                    f"{_shown(plan.get(option))}): expected the same, or another folder"
                )
        return cls(folder, plan, parts, counted)

    @property
    def samples(self) -> int:
        """How many there are in all parts."""
        return sum(part.samples for part in self.parts)

    @property
    def files(self) -> list[Path]:
        """Those of all parts."""
        return [self.folder / part.file for part in self.parts if part.file]

    def enter(self, part: Done, text: Iterable[bytes], counted: Mapping[str, Any]) -> None:
        """Write a part, and then that it is done."""
        if part.file:
            write(self.folder / part.file, text)
        parts = [*self.parts, part]
        page = {"plan": self.plan, "parts": [asdict(each) for each in parts], "counted": counted}
        write(self.folder / NAME, [json.dumps(page, indent=1).encode()])
        self.parts, self.counted = parts, counted


def write(file: Path, text: Iterable[bytes]) -> None:
    """Write a file as a whole or not at all. Raises `OSError` with its name."""
    draft = file.with_name(f"{file.name}.unfinished")
    try:
        with draft.open("wb") as stream:
            stream.writelines(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from error


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder, unless there is one, and keep others from working in it. Raises `SettingsError` when somebody does."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"--output: another backfill is at work in {folder}") from None
        yield
    finally:
        os.close(descriptor)


def _shown(value: str | None) -> str:
    return "none" if value is None else repr(value)
