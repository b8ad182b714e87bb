"""History: what the packs say about each instant of the past, as OpenMetrics text that promtool turns into blocks.

Source of the format: https://prometheus.io/docs/specs/om/open_metrics_spec/, and of what reads it:
https://prometheus.io/docs/prometheus/latest/storage/#backfilling-from-openmetrics-format
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from exporter.backfill.instants import Instants
from exporter.backfill.replay import Replay
from exporter.backfill.source import Source
from exporter.collector import Collector
from exporter.collectors.sql import Sql
from exporter.errors import SettingsError


def replay(
    collectors: Iterable[Collector], instants: Instants, labels: Sequence[tuple[str, str]], output: Path, step: str
) -> Replay:
    """The past of every collector that runs packs. Raises `SettingsError` for what is wrong with settings or options."""
    added = dict(labels)
    if len(added) < len(labels):
        raise SettingsError("--label: expected each name once")
    sources = [Source(collector, added) for collector in collectors if isinstance(collector, Sql)]
    if not sources:
        raise SettingsError("--config: expected a collector of kind sql: only packs can be asked about the past")
    plan = {
        "--from": instants.begin.isoformat(),
        "--to": instants.end.isoformat(),
        "--step": step,
        "--time-zone": str(instants.zone),
        "--label": ",".join(f"{name}={value}" for name, value in sorted(added.items())),
    }
    return Replay(sources, instants, plan, output)
