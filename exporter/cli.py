"""The command line. The one module that prints.

Exit status: 0 done, 1 failed, 2 wrong settings or arguments.
"""

import argparse
import sys
from pathlib import Path

from exporter import __version__, app, bundle, catalogue, logs
from exporter.document import Document
from exporter.errors import BellwetherError, SettingsError
from exporter.packs.load import contract
from exporter.settings import Settings, load, settings_of

_DEFAULT_SETTINGS = "collectors: [{kind: node}]"
_LEVELS = ("debug", "info", "warning", "error")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.do(options) or 0)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except BellwetherError as error:
        print(f"bellwether: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bellwether",
        description="One Prometheus exporter for the whole of a subscription business.",
        epilog="exit status: 0 done, 1 failed, 2 wrong settings or arguments",
    )
    parser.add_argument("--version", action="version", version=f"bellwether {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="collect and serve metrics")
    run.add_argument("--config", type=Path, metavar="FILE", help="settings; without them the host alone is watched")
    _add_serving(run)
    run.set_defaults(do=_run)

    demo = commands.add_parser("demo", help="a whole company to look at: database, website, exporter; nothing is left behind")
    _add_serving(demo)
    demo.set_defaults(do=_demo, log_level="warning")

    catalog = commands.add_parser("catalog", help="every metric there is")
    catalog.add_argument("--format", choices=("markdown", "jsonnet"), default="markdown", help="default: %(default)s")
    catalog.set_defaults(do=_catalog)

    schema = commands.add_parser("schema", help="the views that business packs read, as SQL to fill in")
    schema.set_defaults(do=_schema)

    generate = commands.add_parser("bundle", help="dashboards, rules and routing, for your thresholds and receivers")
    generate.add_argument("--config", type=Path, metavar="FILE", help="what differs from the defaults")
    generate.add_argument("--output", type=Path, metavar="DIR", required=True, help="where the files go")
    generate.set_defaults(do=_bundle)
    return parser


def _add_serving(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--web.listen-address", dest="address", metavar="HOST:PORT", default=app.DEFAULT_ADDRESS, help="default: %(default)s"
    )
    command.add_argument("--log.level", dest="log_level", choices=_LEVELS, default="info", help="default: %(default)s")


def _run(options: argparse.Namespace) -> None:
    logs.configure(options.log_level)
    file: Path | None = options.config
    read_again = (lambda: load(file)) if file is not None else None
    app.run_until_signal(app.serve(_settings(file), options.address, read_again))


def _settings(file: Path | None) -> Settings:
    if file is not None:
        return load(file)
    print("no --config: watching this host alone", file=sys.stderr)
    return settings_of(Document.parse(_DEFAULT_SETTINGS, "the default settings"), {})


def _demo(options: argparse.Namespace) -> None:
    from exporter.demo import session  # noqa: PLC0415 - the demo's parts are loaded by nobody else

    logs.configure(options.log_level)
    app.run_until_signal(session.run(options.address, lambda line: print(line, flush=True)))


def _catalog(options: argparse.Namespace) -> None:
    print(catalogue.as_jsonnet() if options.format == "jsonnet" else catalogue.as_markdown(), end="")


def _schema(_: argparse.Namespace) -> None:
    print(contract(), end="")


def _bundle(options: argparse.Namespace) -> None:
    settings = bundle.load(options.config) if options.config else bundle.Bundle()
    for path in bundle.write(options.output, settings):
        print(options.output / path)


if __name__ == "__main__":
    sys.exit(main())
