"""The commands there are, and what each takes. Nothing is done here, and nothing else loaded."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporter.serving import DEFAULT_ADDRESS, Web

SHELLS = ("bash", "zsh", "tcsh")

_LEVELS = ("debug", "info", "warning", "error")
_WITHOUT_CONFIG = "without it, this host alone"
_BACKFILL = f"bellwether backfill --config bellwether.yml --label job=bellwether --label instance={DEFAULT_ADDRESS}"

Examples = tuple[tuple[str, str], ...]
"""Command lines, and what each does."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, for the parser, its help and its documentation."""

    group: str
    summary: str
    description: str
    add_to: Callable[[argparse.ArgumentParser], None]
    examples: Examples
    takes: str = ""
    """The arguments in the usage line, beside options."""


def _add_config(command: argparse.ArgumentParser, meaning: str, *, required: bool = False) -> None:
    command.add_argument("--config", type=Path, metavar="FILE", required=required, help=meaning)


def _add_logging(command: argparse.ArgumentParser, level: str) -> None:
    group = command.add_argument_group("logging")
    group.add_argument(
        "--log.level",
        "--log-level",
        dest="log_level",
        choices=_LEVELS,
        metavar="LEVEL",
        default=level,
        help="from which level on: %(choices)s; default: %(default)s",
    )
    group.add_argument(
        "--log.format",
        "--log-format",
        dest="log_format",
        choices=("logfmt", "json"),
        metavar="FORM",
        default="logfmt",
        help="of the lines on standard error: %(choices)s; default: %(default)s",
    )


def _run(command: argparse.ArgumentParser) -> None:
    _add_config(command, f"the settings; {_WITHOUT_CONFIG}")
    group = command.add_argument_group("serving")
    _add_addresses(group)
    _add_web_config(group)
    group.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="listen on the sockets that systemd passes, instead of any address",
    )
    group.add_argument(
        "--web.max-requests",
        dest="max_requests",
        type=_count,
        metavar="N",
        default=Web().max_requests,
        help="scrapes answered at a time, the others are refused; 0 for any number; default: %(default)s",
    )
    _add_logging(command, "info")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, 0 or more")
    return int(text)


def _check(command: argparse.ArgumentParser) -> None:
    _add_config(command, f"the settings; {_WITHOUT_CONFIG}")
    _add_web_config(command)
    command.add_argument("--offline", action="store_true", help="look at the settings only, and connect to nothing")
    command.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    _add_logging(command, "warning")


def _collect(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="a collector of the settings, or a kind that needs no settings")
    _add_config(command, "the settings; without it, NAME is a kind")
    _add_logging(command, "warning")


def _demo(command: argparse.ArgumentParser) -> None:
    _add_addresses(command)
    command.add_argument(
        "--incident",
        dest="incidents",
        action="append",
        metavar="NAME",
        default=[],
        help="an incident that goes on from the beginning, also several times; docs/demo.md names them",
    )
    command.add_argument(
        "--application.listen-address",
        dest="application",
        type=_address,
        metavar="HOST:PORT",
        default=("127.0.0.1", 0),
        help="where the company's application listens; any free port of this machine alone unless given",
    )
    command.add_argument(
        "--no-stack",
        dest="stack",
        action="store_false",
        help="leave out Prometheus and Alertmanager, which run where they are found",
    )
    command.add_argument("--tools", type=Path, metavar="DIR", help="where to look for them beside the PATH")
    command.set_defaults(web_config_file=None, systemd_socket=False, max_requests=Web().max_requests)
    _add_logging(command, "warning")


def _address(text: str) -> tuple[str, int]:
    """A host and a port."""
    host, colon, port = text.rpartition(":")
    if not (colon and port.isdecimal() and int(port) < 65_536):
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, got {text!r}")
    return host, int(port)


def _add_addresses(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--web.listen-address",
        dest="addresses",
        action="append",
        metavar="HOST:PORT",
        help=f"where to listen, also several times; :PORT for all interfaces; default: {DEFAULT_ADDRESS}",
    )


def _add_web_config(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--web.config.file",
        dest="web_config_file",
        type=Path,
        metavar="FILE",
        help="TLS, users and headers, in the format of Prometheus' exporter-toolkit",
    )


def _catalog(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--format", choices=("table", "markdown", "json", "jsonnet"), help="default: table on a terminal, else markdown"
    )
    command.add_argument("--kind", metavar="KIND", help="only what collectors of this kind emit")


def _schema(command: argparse.ArgumentParser) -> None:
    command.add_argument("packs", metavar="PACK", nargs="*", help="only the views that these packs read")
    command.add_argument("--engine", choices=("postgresql", "clickhouse"), default="postgresql", help="default: %(default)s")


def _bundle(command: argparse.ArgumentParser) -> None:
    _add_config(command, "thresholds, receivers and links of your own; without it, the defaults")
    command.add_argument("--output", type=Path, metavar="DIR", help="where the files go")
    command.add_argument(
        "--diff", action="store_true", help="write nothing; show what would change in DIR, or without it against the defaults"
    )


def _backfill(command: argparse.ArgumentParser) -> None:
    _add_config(command, "the settings; each collector of kind sql in them is asked", required=True)
    for option, meaning in (("from", "the first instant"), ("to", "the end, itself not asked about")):
        command.add_argument(
            f"--{option}", dest=f"{option}_", metavar="TIME", required=True, help=f"{meaning}: a date or ISO 8601"
        )
    command.add_argument(
        "--step",
        metavar="DURATION",
        default="1d",
        help="from one instant to the next; days go by the calendar; default: %(default)s",
    )
    command.add_argument(
        "--time-zone", metavar="ZONE", default="UTC", help="of days, and of times without an offset; default: %(default)s"
    )
    command.add_argument(
        "--label",
        dest="labels",
        action="append",
        type=_label,
        metavar="NAME=VALUE",
        default=[],
        help="a label that a scrape adds, so that past and present are one series; also several times",
    )
    command.add_argument(
        "--output", type=Path, metavar="DIR", required=True, help="where the files go, one a month; NAME.om for one file in all"
    )
    _add_logging(command, "warning")


def _label(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not (name and given and value):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE, such as job=bellwether")
    return name, value


def _completion(command: argparse.ArgumentParser) -> None:
    command.add_argument("shell", choices=SHELLS, metavar="SHELL", help="for which shell: %(choices)s")


COMMANDS: dict[str, Command] = {
    "run": Command(
        "watch",
        "collect and serve metrics",
        "Collect and serve metrics until SIGINT or SIGTERM. SIGHUP reads the settings again.",
        _run,
        (
            ("bellwether run", f"this host alone, at http://{DEFAULT_ADDRESS}/metrics"),
            ("bellwether run --config bellwether.yml", "what the settings name"),
            ("bellwether run --web.listen-address :11042 --log.format json", "on all interfaces, logs as JSON"),
        ),
    ),
    "check": Command(
        "watch",
        "try the settings and every collector once, and say what is wrong",
        "Read the settings, run every collector once, side by side, and say how each fares: whether its target answers and "
        "lets it read, how long it took, how many series came, which declared metrics gave none, what was dropped.",
        _check,
        (
            ("bellwether check --config bellwether.yml", "before `run`, after each change"),
            ("bellwether check --config bellwether.yml --offline", "in a pipeline that reaches no database"),
        ),
    ),
    "collect": Command(
        "watch",
        "run one collector once and print its metrics",
        "Run one collector once. Its metrics go to standard output, in Prometheus' text format; time, series and what was "
        "dropped to standard error.",
        _collect,
        (
            ("bellwether collect node", "this host's figures"),
            ("bellwether collect website --config bellwether.yml", "one collector of the settings"),
        ),
        takes="NAME",
    ),
    "demo": Command(
        "explore",
        "a whole company to look at: database, application, exporter",
        "Start an embedded company, with a database, an application and 400 days of history, the exporter that watches it, and "
        "Prometheus and Alertmanager where they are on the machine. Ctrl-C ends it; nothing is left behind.",
        _demo,
        (
            ("bellwether demo", "and open the addresses that it prints"),
            ("bellwether demo --incident payment-outage", "and see who is told"),
        ),
    ),
    "catalog": Command(
        "explore",
        "every metric there is",
        "List every metric that Bellwether can expose: name, type, labels, meaning, and the kinds of collector that emit it.",
        _catalog,
        (
            ("bellwether catalog --kind postgres", "what a kind of collector emits"),
            ("bellwether catalog --format json", "for programs"),
        ),
    ),
    "schema": Command(
        "set up",
        "the views that business packs read, as SQL to fill in",
        "Print the views that business packs read, empty, to be filled in over your tables. Views that exist stay as they are.",
        _schema,
        (
            ("bellwether schema > views.sql", "every view there is"),
            ("bellwether schema revenue | psql --single-transaction --set ON_ERROR_STOP=1", "what the pack revenue reads"),
        ),
        takes="[PACK ...]",
    ),
    "backfill": Command(
        "set up",
        "the business's past, for Prometheus to read",
        "Ask the business packs about the past, instant by instant, and write what they say as OpenMetrics text for "
        "`promtool tsdb create-blocks-from openmetrics`. When it is broken off, the same command goes on where it was.",
        _backfill,
        (
            (f"{_BACKFILL} --from 2025-11-01 --to 2026-11-01 --output history", "a year, day by day, in files of a month"),
            (f"{_BACKFILL} --from 2026-10-01 --to 2026-11-01 --step 1h --output october.om", "hour by hour, in one file"),
        ),
        takes="--config FILE --from TIME --to TIME --output DIR\n       ",
    ),
    "bundle": Command(
        "set up",
        "dashboards, rules and routing, for your thresholds and receivers",
        "Write dashboards, recording rules, alerts and Alertmanager routing for your own thresholds, receivers and links.",
        _bundle,
        (
            ("bellwether bundle --config bundle.yml --output /etc/bellwether", "for Grafana, Prometheus and Alertmanager"),
            ("bellwether bundle --config bundle.yml --diff", "what the configuration changes"),
        ),
        takes="--output DIR",
    ),
    "completion": Command(
        "set up",
        "a script that completes commands and options in your shell",
        "Print a script that completes commands, options, kinds of collector and files.",
        _completion,
        (
            ("bellwether completion bash > ~/.local/share/bash-completion/completions/bellwether", "for bash"),
            ("bellwether completion zsh > ~/.zfunc/_bellwether", "for zsh, with ~/.zfunc in fpath"),
            ("bellwether completion tcsh > ~/.bellwether.tcsh", "for tcsh; source it in ~/.tcshrc"),
        ),
        takes="SHELL",
    ),
}
