"""Replay: every source at every instant, part by part, on from where the last run ended."""

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from exporter.backfill.instants import Instants
from exporter.backfill.ledger import SUFFIX, Done, Ledger, held, write
from exporter.backfill.part import Part, joined
from exporter.backfill.source import Source
from exporter.errors import SettingsError

_MOST = 2_000_000  # samples of a part: some 40 MB


class Replay:
    """One history in the making: `run()` makes it, `at` is the instant that it has come to."""

    def __init__(self, sources: Sequence[Source], instants: Instants, plan: dict[str, str], output: Path) -> None:
        self._sources, self._instants, self._output = sources, instants, output
        self._one_file = output.suffix == SUFFIX
        self._folder = output.with_name(f"{output.name}.parts") if self._one_file else output
        self._plan = plan
        self.total, self.done = len(instants), 0
        self.kept = 0
        """How many parts are done and on disk."""
        self.at: datetime | None = None

    async def run(self, say: Callable[[str], None], most: int = _MOST) -> list[Path]:
        """The files of the whole history; `say` gets a line for each part.

        Raises `PollError` when a source gives nothing, `OSError` when a file cannot be written, `SettingsError` when the
        output is not for this history. Then, and when it is cancelled, what is done is kept.
        """
        if self._one_file and self._output.exists():
            raise SettingsError(f"--output: {self._output} is there already: expected a new file")
        async with contextlib.AsyncExitStack() as stack:
            for source in self._sources:
                stack.push_async_callback(source.close)
                await source.open()
                if source.left_out:
                    say(f"{source.name}: left out, since they know no past: {', '.join(source.left_out)}")
            stack.enter_context(held(self._folder))
            queries = {f"set of queries for {source.name}": source.fingerprint for source in self._sources}
            ledger = Ledger.open(self._folder, self._plan | queries)
            await self._go_on(ledger, say, most)
            if not self._one_file:
                return ledger.files
            write(self._output, joined(ledger.files))
            shutil.rmtree(self._folder)
            return [self._output]

    async def _go_on(self, ledger: Ledger, say: Callable[[str], None], most: int) -> None:
        self.done, self.kept = sum(part.instants for part in ledger.parts), len(ledger.parts)
        if self.done:
            say(f"going on after {ledger.parts[-1].last}: {self.done} of {self.total} instants are done")
        for source in self._sources:
            source.go_on_from(ledger.counted.get(source.name, {}))
        remaining = itertools.islice(self._instants, self.done, None)
        for _, month in itertools.groupby(remaining, self._month):
            while part := await self._part(month, most):
                done, text = part
                ledger.enter(done, text, {source.name: source.counted() for source in self._sources})
                self.kept += 1
                say(f"{done.file or 'no file'}: {done.instants} instants, {done.samples} samples{_refused(done)}")

    async def _part(self, month: Iterable[datetime], most: int) -> tuple[Done, Iterable[bytes]] | None:
        """As many instants as make one part; None when there are none left."""
        part, dropped, asked = Part(), 0, list[datetime]()
        for source in self._sources:
            source.begin_part()
        for instant in month:
            self.at = instant
            for source in self._sources:
                draft = await source.at(instant)
                part.add(instant, draft.lines)
                dropped += draft.dropped.total()
            asked.append(instant)
            self.done += 1
            if part.samples >= most:
                break
        if not asked:
            return None
        file = f"{asked[0]:%Y%m%dT%H%M%SZ}{SUFFIX}" if part.samples else ""
        return Done(file, asked[-1].isoformat(), len(asked), part.samples, dropped), part.text()

    def _month(self, instant: datetime) -> tuple[int, int]:
        local = instant.astimezone(self._instants.zone)
        return local.year, local.month


def _refused(part: Done) -> str:
    return f", {part.dropped} refused" if part.dropped else ""
