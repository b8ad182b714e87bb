"""One run of a probe, and what it found, by the metric's name and the labels after `instance`."""

from exporter.collectors.probes.probe import Probe

Found = dict[tuple[str, ...], float]


async def run(kind: type[Probe], **settings: object) -> Found:
    """A run against one target."""
    collector = kind.model_validate(settings)
    return {(sample.metric.name, *sample.labels[1:]): float(sample.value) async for sample in collector.collect()}


def reason(found: Found) -> str | None:
    """Why the probe failed; None when it succeeded. Both of its figures have to agree."""
    reasons = [key[1] for key in found if key[0] == "bellwether_probe_failure"]
    assert found["probe_success",] == (0 if reasons else 1)
    assert len(reasons) <= 1
    return reasons[0] if reasons else None
