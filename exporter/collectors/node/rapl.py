"""Energy that processors and memory used: /sys/class/powercap. Linux lets only root read it.

Source: https://docs.kernel.org/power/powercap/powercap.html
"""

from collections import Counter
from collections.abc import Iterator

from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_HELP = {
    "package": "Energy that a whole chip used.",
    "core": "Energy that a chip's cores used.",
    "uncore": "Energy that the rest of a chip used, as its graphics.",
    "dram": "Energy that the memory used.",
    "psys": "Energy that the whole board used.",
}
ENERGY = {
    zone: Metric(f"node_rapl_{zone}_joules_total", help_, "counter", ("index", "path"), unit="joules")
    for zone, help_ in _HELP.items()
}

_FOLDER = "class/powercap"
_PER_JOULE = 1_000_000


def samples(host: Host) -> Iterator[Sample]:
    seen: Counter[str] = Counter()
    for name in host.sys.names(_FOLDER, "intel-rapl:"):
        zone, _, number = host.sys.line(f"{_FOLDER}/{name}/name").partition("-")
        index = number or str(seen[zone])
        seen[zone] += 1
        energy = host.sys.number(f"{_FOLDER}/{name}/energy_uj") if zone in ENERGY else None
        if energy is not None:
            yield ENERGY[zone](energy / _PER_JOULE, index=index, path=f"{host.sys.path}/{_FOLDER}/{name}")
