"""Whether what the settings name can be watched: every collector run once, side by side, and what each run shows."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.collector import Collector
from exporter.errors import PollError
from exporter.guard import Draft
from exporter.logs import redacted
from exporter.metric import Metric
from exporter.packs.examination import Examinable, Examination
from exporter.poll import poll
from exporter.snapshot import Snapshot

log = logging.getLogger(__name__)

_GRACE = 1.0  # seconds for a run that is out of time to end, and for a collector to give back what it holds

_VERDICTS = {
    "pg_up": "the server cannot be read",
    "pgbouncer_up": "the console cannot be read",
    "probe_success": "the probe failed",
}
"""Metrics that are 0 when the target itself is in trouble, so that a poll succeeds and yet there is something to tell."""

_WORDS: Mapping[str, Mapping[str, str]] = {
    "bellwether_postgres_error": {
        "denied": "the role is refused or lacks a right; check user, password, database, pg_hba.conf, and grant it pg_monitor",
        "unreachable": "no answer; check host and port, and whether the server runs",
        "timeout": "no answer in time; raise timeout and statement_timeout, or look at the server's load",
        "malformed": "the connection string or an answer cannot be read; check dsn",
    },
    "bellwether_pgbouncer_error": {
        "denied": "the user is refused; check user and password, and name the user in stats_users of pgbouncer.ini",
        "unreachable": "no answer; check host and port, and whether PgBouncer runs",
        "timeout": "no answer in time; raise timeout, or look at PgBouncer's load",
        "malformed": "the connection string or an answer cannot be read; check dsn",
    },
    "bellwether_probe_failure": {
        "dns": "the target's name does not resolve",
        "refused": "no connection to the target",
        "unreachable": "no way to the target: no route, or a host on the way says so",
        "tls": "no TLS with the target: its certificate is not valid for the name, not trusted, or expired",
        "timeout": "the target took too long",
        "protocol": "the target does not answer in the protocol that was expected, or redirects without end",
        "status": "the target answers with a status that valid_status_codes does not have",
        "body": "the target broke off its answer",
        "version": "the target answers in a version of HTTP that valid_http_versions does not have",
        "ssl": "the target has TLS where fail_if_ssl refuses it, or none where fail_if_not_ssl wants it",
        "regex": "the target's answer is not what the expressions of the settings expect",
        "bytes": "the target's answer is not the bytes that the settings expect",
        "rcode": "the name server answers with a code that valid_rcodes does not have",
        "answer": "the name server's answer is not what the expressions of the settings expect",
    },
}
"""What the reason says that a collector's own error metric gives, by metric and reason."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of one collector showed."""

    name: str
    kind: str
    duration: float
    """Seconds that the run took."""
    failure: str = ""
    """Why the run failed: reason and message, without secrets; empty when it did not."""
    findings: tuple[str, ...] = ()
    """What a run that succeeded says of its target, when that is in trouble: reason and meaning."""
    series: int = 0
    missing: tuple[str, ...] = ()
    """Declared metrics of which no series came."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Series refused, by reason."""
    redacted: int = 0
    """Series with a label value replaced."""
    page: bytes = b""
    """The metrics as text."""
    examined: tuple[Examination, ...] = ()
    """What there is to say of each query, when it runs packs."""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.failure and not self.findings

    @property
    def result(self) -> str:
        """In a few words: `ok`, or each reason with its meaning."""
        return self.failure or "; ".join(self.findings) or "ok"

    @property
    def out_of_time(self) -> bool:
        """Whether the run may still be under way, in a thread or a task that cannot be ended."""
        return self.failure.startswith("timeout:")


async def check_all(collectors: Iterable[Collector]) -> AsyncIterator[Report]:
    """Run every collector once, side by side; gives each report as its run ends. The collectors are closed."""
    tasks = [asyncio.create_task(check(collector), name=f"check {collector.name}") for collector in collectors]
    try:
        for report in asyncio.as_completed(tasks):
            yield await report
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def refusals(collectors: Iterable[Collector]) -> list[str]:
    """What is wrong with the files of packs that the collectors were to run: file, line and mistake."""
    return [why for collector in collectors if isinstance(collector, Examinable) for why in collector.refused.values()]


async def check(collector: Collector) -> Report:
    """Run a collector once, in no more than its timeout and a moment for what it holds, and close it.

    One that runs packs is asked about them after the run, for which it has the same time again.
    """
    began = time.perf_counter()
    if isinstance(collector, Examinable):
        collector.run_alone()
    run = asyncio.create_task(_run(collector, began), name=f"run {collector.name}")
    try:
        turns = 2 if isinstance(collector, Examinable) else 1
        await asyncio.wait({run}, timeout=turns * collector.timeout + _GRACE)
        if run.done():
            return run.result()
        duration = time.perf_counter() - began
        return Report(collector.name, collector.kind, duration, "timeout: the run does not end, though it was cancelled")
    finally:
        if run.cancel():
            await asyncio.wait({run}, timeout=_GRACE)
        await _close(collector)


async def _run(collector: Collector, began: float) -> Report:
    failure, draft = "", None
    declared = {metric.name: metric for metric in collector.declares()}
    try:
        draft = await poll(collector, declared)
    except PollError as error:
        failure = redacted(f"{error.reason}: {error}")
    except TimeoutError:
        failure = f"timeout: not done within {collector.timeout:g} s"
    except Exception as error:  # the boundary: a bug in one collector ends no other
        log.debug("a bug in %s", collector.name, exc_info=error)
        failure = redacted(f"bug: {type(error).__name__}: {error}")
    duration = time.perf_counter() - began
    if draft is None:
        return Report(collector.name, collector.kind, duration, failure)
    examined = await _examined(collector) if isinstance(collector, Examinable) else ()
    return _report(collector, duration, declared, draft, tuple(examined))


async def _examined(collector: Examinable) -> Sequence[Examination]:
    try:
        async with asyncio.timeout(getattr(collector, "timeout", None)):
            return await collector.examine()
    except (PollError, TimeoutError) as error:
        log.warning("the packs could not be looked at: %s", error)
        return ()


def _report(
    collector: Collector,
    duration: float,
    declared: Mapping[str, Metric],
    draft: Draft,
    examined: tuple[Examination, ...],
) -> Report:
    snapshot = Snapshot()
    snapshot.publish(collector.name, draft.lines)
    findings = tuple(_of_packs(examined) if examined else _findings(draft))
    came = {metric.name for metric in draft.lines}
    silent = {name for each in examined if each.state != "ok" for name in each.metrics}
    # A target in trouble gives next to nothing: to name all that is missing then would hide what is the matter.
    expected = [] if _is_down(draft) else [name for name in declared if not name.startswith("bellwether_")]
    return Report(
        collector.name,
        collector.kind,
        duration,
        findings=findings,
        series=len(draft.texts),
        missing=tuple(sorted(set(expected) - came - silent)),
        dropped=dict(draft.dropped),
        redacted=draft.redacted,
        page=snapshot.page(),
        examined=examined,
    )


def _findings(draft: Draft) -> Iterable[str]:
    told, down = False, _is_down(draft)
    zeros = {f"{line.rpartition(' ')[0]} " for lines in draft.lines.values() for line in lines if _says_zero(line)}
    for (metric, labels), series in draft.texts.items():
        if _tells_error(metric) and series not in zeros:
            told = True
            reason = labels[metric.labels.index("reason")]
            words = _WORDS.get(metric.name, {}).get(reason, metric.help)
            yield f"{reason}: {words}" if down else f"{reason}, for some of its figures: {words}"
    if down and not told:
        yield from (f"down: {words}" for name, words in _VERDICTS.items() if _is_zero(draft, name))


def _of_packs(examined: Sequence[Examination]) -> Iterable[str]:
    """What is to be mended of packs, in short; the table of queries has each."""
    states = [each.state for each in examined]
    if refused := states.count("refused"):
        yield f"refused: {refused} {'pack' if refused == 1 else 'packs'} with a wrong file"
    if failed := states.count("failed"):
        yield f"failed: {failed} of {failed + states.count('ok')} queries"
    if "unmapped" in states and "ok" not in states and "failed" not in states:
        yield "idle: no query runs, since no view of the contract is mapped; bellwether schema prints them"


def _is_down(draft: Draft) -> bool:
    return any(_is_zero(draft, name) for name in _VERDICTS)


def _is_zero(draft: Draft, name: str) -> bool:
    return any(metric.name == name and any(_says_zero(line) for line in lines) for metric, lines in draft.lines.items())


def _says_zero(line: str) -> bool:
    return float(line.rsplit(maxsplit=1)[1]) == 0


def _tells_error(metric: Metric) -> bool:
    """Whether it is one of ours that is there only while something is wrong."""
    return metric.name.startswith("bellwether_") and "reason" in metric.labels


async def _close(collector: Collector) -> None:
    closing = asyncio.create_task(collector.close(), name=f"close {collector.name}")
    await asyncio.wait({closing}, timeout=_GRACE)
    if not closing.cancel() and not closing.cancelled() and (error := closing.exception()):
        log.warning("%s could not give back what it held", collector.name, exc_info=error)
