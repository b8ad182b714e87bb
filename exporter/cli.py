"""The command line. The one module that prints.

What a command needs is imported when it runs: `run` is to be small, and `--help` quick.
"""

import argparse
import asyncio
import functools
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporter import arguments
from exporter.errors import BellwetherError, SettingsError

if TYPE_CHECKING:
    from exporter.checkup import Report
    from exporter.collector import Collector
    from exporter.progress import Progress
    from exporter.settings import Settings

log = logging.getLogger(__name__)

_DEFAULT_SETTINGS = "collectors: [{kind: node}]"
_FAILED, _WRONG, _INTERRUPTED, _UNREAD = 1, 2, 130, 141


def main(given: list[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    try:
        options = arguments.parse(given)
        status = int(_DO[options.command](options) or 0)
        sys.stdout.flush()
    except SettingsError as error:
        _complain(str(error))
        return _WRONG
    except BellwetherError as error:
        _complain(f"bellwether: {error}")
        return _FAILED
    except BrokenPipeError:
        # Python flushes once more at the end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _UNREAD
    except OSError as error:
        _complain(f"bellwether: {error.filename or 'standard output'}: {error.strerror or error}")
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _complain(text: str) -> None:
    from exporter import logs  # noqa: PLC0415 - loaded with the settings, which not every command reads

    print(logs.redacted(text), file=sys.stderr)


def _run(options: argparse.Namespace) -> None:
    from exporter import app, logs  # noqa: PLC0415 - the server, for this command and the demo only

    logs.configure(options.log_level, options.log_format)
    if options.config is None:
        log.info("no --config: watching this host alone")
    web, read = arguments.web(options), functools.partial(_settings, options.config)
    app.run_until_signal(app.serve(read(), web, read))


def _settings(file: Path | None) -> "Settings":
    from exporter import settings  # noqa: PLC0415 - every kind of collector is loaded with it
    from exporter.document import Document  # noqa: PLC0415 - as above

    if file is not None:
        return settings.load(file)
    return settings.settings_of(Document.parse(_DEFAULT_SETTINGS, "the default settings"), {})


def _check(options: argparse.Namespace) -> int:
    from exporter import logs  # noqa: PLC0415 - needs the settings' types
    from exporter.progress import Progress  # noqa: PLC0415 - only where there is something to wait for

    progress = Progress(sys.stderr)
    logs.configure(options.log_level, options.log_format, progress)
    settings = _settings(options.config)
    if options.web_config_file is not None:
        from exporter.web.watch import Watch  # noqa: PLC0415 - reads it, and the certificates that it names

        Watch(options.web_config_file)
    if options.offline:
        from exporter.checkup import refusals  # noqa: PLC0415 - as in _settings

        if wrong := refusals(settings.collectors):
            print("\n".join(wrong), file=sys.stderr)
            return _FAILED
        names = ", ".join(collector.name for collector in settings.collectors)
        print(f"{options.config or 'the default settings'}: valid; collectors: {names}")
        return 0
    reports = asyncio.run(_checked(settings.collectors, progress, options.format))
    return 0 if all(report.ok for report in reports) else _FAILED


async def _checked(collectors: Sequence["Collector"], progress: "Progress", format_: str) -> list["Report"]:
    from exporter import report as reporting  # noqa: PLC0415 - as in _check
    from exporter.checkup import check_all  # noqa: PLC0415 - as in _check

    waiting = {collector.name: None for collector in collectors}  # in order
    reports: dict[str, Report] = {}
    with progress:
        progress.at(lambda: f"{len(reports)} of {len(collectors)} checked, waiting for {', '.join(waiting)}")
        async for report in check_all(collectors):
            reports[report.name] = report
            del waiting[report.name]
            if not progress.live:
                progress.write(reporting.in_short(report) + "\n")
    ordered = [reports[collector.name] for collector in collectors]
    print(reporting.as_json(ordered) if format_ == "json" else reporting.as_table(ordered, _width()))
    _leave_if_stuck(ordered)
    return ordered


def _collect(options: argparse.Namespace) -> int:
    from exporter import logs  # noqa: PLC0415 - as in _check

    logs.configure(options.log_level, options.log_format)
    return asyncio.run(_collected(_chosen(options.name, options.config)))


async def _collected(collector: "Collector") -> int:
    from exporter import report as reporting  # noqa: PLC0415 - as in _check
    from exporter.checkup import check  # noqa: PLC0415 - as in _check

    report = await check(collector)
    sys.stdout.buffer.write(report.page)
    print(reporting.in_short(report), file=sys.stderr)
    _leave_if_stuck([report])
    return 0 if report.ok else _FAILED


def _chosen(name: str, file: Path | None) -> "Collector":
    """The collector of this name in the settings; without settings, one of this kind. Raises `SettingsError`."""
    import difflib  # noqa: PLC0415 - for a wrong name alone

    from exporter import settings  # noqa: PLC0415 - as in _settings
    from exporter.collector import kind_of, load_kinds  # noqa: PLC0415 - as in _settings
    from exporter.document import Document  # noqa: PLC0415 - as in _settings

    if file is None and kind_of(name) is not None:
        try:
            [collector] = settings.settings_of(Document.parse(f"collectors: [{{kind: {name}}}]", name), {}).collectors
        except SettingsError as error:
            raise SettingsError(f"{error}\na {name} collector needs settings: give them with --config FILE") from None
        return collector
    collectors = [] if file is None else list(settings.load(file).collectors)
    found = [each for each in collectors if each.name == name] or [each for each in collectors if each.kind == name]
    if len(found) == 1:
        return found[0]
    known = [each.name for each in found or collectors] if collectors else list(load_kinds())
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near and not found else ""
    what = f"{file} has {'several collectors' if found else 'no collector'}" if file else "no kind of collector is"
    raise SettingsError(f"{what} named {name!r}; expected one of {', '.join(known)}{hint}")


def _demo(options: argparse.Namespace) -> None:
    from exporter import app, logs  # noqa: PLC0415 - as in _run
    from exporter.demo import session  # noqa: PLC0415 - the demo's parts are loaded by nobody else
    from exporter.progress import Progress  # noqa: PLC0415 - as in _check

    with Progress(sys.stdout) as progress:
        logs.configure(options.log_level, options.log_format)
        wishes = session.Wishes(tuple(options.incidents), options.application, options.stack, options.tools)
        app.run_until_signal(session.run(arguments.web(options), functools.partial(_say, progress), wishes))


def _say(progress: "Progress", line: str) -> None:
    """Print a line of the demo's; one that announces what is being done moves until the next, where lines can."""
    step, announces, _ = line.rstrip().partition(" ...")
    progress.at(functools.partial(str, step if announces else ""))
    if not (progress.live and announces):
        progress.write(line + "\n")


def _catalog(options: argparse.Namespace) -> None:
    from exporter import catalogue  # noqa: PLC0415 - every kind of collector is loaded with it

    try:
        entries = catalogue.of_kind(options.kind) if options.kind else catalogue.catalogue()
    except LookupError as error:
        raise SettingsError(f"--kind: {error.args[0]}") from None
    match options.format or ("table" if sys.stdout.isatty() else "markdown"):
        case "table":
            print(catalogue.as_table(entries, _width()), end="")
        case "json":
            print(catalogue.as_json(entries))
        case "jsonnet":
            print(catalogue.as_jsonnet(entries), end="")
        case _:
            print(catalogue.as_markdown(entries), end="")


def _schema(options: argparse.Namespace) -> None:
    from exporter.packs import contract, dialect, load, warehouse  # noqa: PLC0415 - packs are loaded by what runs them

    on_clickhouse = options.engine == "clickhouse"
    try:
        packs = (dialect.chosen if on_clickhouse else load.choose)(options.packs, None).packs if options.packs else {}
    except ValueError as error:
        raise SettingsError(str(error)) from None
    wanted = {view for pack in packs.values() for view in pack.reads}
    engine = warehouse if on_clickhouse else contract
    print(engine.as_sql(wanted if packs else None), end="")


def _bundle(options: argparse.Namespace) -> None:
    from exporter import bundle  # noqa: PLC0415 - Jsonnet is loaded by nobody else

    settings = bundle.load(options.config) if options.config else bundle.Bundle()
    if options.diff:
        for line in bundle.differences(options.output, settings):
            print(line)
    elif options.output is None:
        raise SettingsError("bundle: --output says where the files go; --diff alone shows what differs from the defaults")
    else:
        for path in bundle.write(options.output, settings):
            print(options.output / path)


def _backfill(options: argparse.Namespace) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415 - for this command alone

    from exporter import backfill, logs  # noqa: PLC0415 - the database's client is loaded by who asks one
    from exporter.backfill.instants import instants  # noqa: PLC0415 - as above
    from exporter.progress import Progress  # noqa: PLC0415 - as in _check

    with Progress(sys.stderr) as progress:
        logs.configure(options.log_level, options.log_format, progress)
        when = instants(options.from_, options.to_, options.step, options.time_zone, datetime.now(UTC))
        replay = backfill.replay(_settings(options.config).collectors, when, options.labels, options.output, options.step)
        progress.at(lambda: f"{replay.done} of {replay.total} instants, at {replay.at or when.begin:%Y-%m-%d %H:%M}")
        if not {"job", "instance"} <= dict(options.labels).keys():
            progress.write(
                "without --label job=… and --label instance=… as a scrape adds them, these series join none of those\n"
            )
        try:
            files = asyncio.run(replay.run(lambda line: progress.write(line + "\n")))
        except (BellwetherError, OSError, KeyboardInterrupt):
            if replay.kept:
                progress.write("what is done is kept: the same command goes on after it\n")
            raise
    for file in files:
        print(file)


def _completion(options: argparse.Namespace) -> None:
    from exporter import completion  # noqa: PLC0415 - shtab is loaded by nobody else

    print(completion.script(options.shell))


def _leave_if_stuck(reports: Sequence["Report"]) -> None:
    """End the process at once where a run may still be under way: the event loop would wait for it, as long as it takes."""
    if any(report.out_of_time for report in reports):
        sys.stdout.flush()
        os._exit(_FAILED)


def _width() -> int | None:
    """How wide tables may be; None where nobody reads them off a screen."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


_DO: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "run": _run,
    "check": _check,
    "collect": _collect,
    "demo": _demo,
    "catalog": _catalog,
    "schema": _schema,
    "backfill": _backfill,
    "bundle": _bundle,
    "completion": _completion,
}

if __name__ == "__main__":
    sys.exit(main())
