"""The host's figures, read at the scrape, beside node_exporter: all that either has by default, and the same families."""

import contextlib

from tests.bench import peers
from tests.bench.compare import Effort, compare, variant
from tests.bench.process import Process, default_bellwether
from tests.bench.report import Section, Verdict

# The subjects of `node` that are on by default, which are named as node_exporter names its collectors.
_COLLECTORS = (
    "arp bonding conntrack cpu cpufreq diskstats dmi edac entropy filefd filesystem hwmon loadavg mdadm meminfo netclass "
    "netdev netstat nvme os powersupplyclass pressure rapl schedstat selinux sockstat softnet stat textfile thermal_zone time "
    "timex udp_queues uname vmstat"
)
_FLAGS = (
    "--collector.disable-defaults",
    "--web.disable-exporter-metrics",
    *(f"--collector.{name}" for name in _COLLECTORS.split()),
)


def measure(effort: Effort) -> Section:
    section = Section("`node`, read at the scrape", ("server", "series", "CPU ms a scrape", "µs a series", "p50 ms", "p99 ms"))
    with contextlib.ExitStack() as started:
        ours = started.enter_context(default_bellwether())
        try:
            program = peers.debian("prometheus-node-exporter")
        except peers.Missing as missing:
            section.remark = f"Missing: {missing}"
            section.verdicts.append(Verdict("node at the scrape: CPU over node_exporter's", str(missing), 1, "times"))
            return section
        listen = "--web.listen-address=127.0.0.1:{port}"
        restricted = started.enter_context(
            Process("node_exporter, the collectors of the same families", [program, listen, *_FLAGS])
        )
        whole = started.enter_context(Process("node_exporter, default", [program, listen]))
        variants = [
            variant(process, path, gzip=gzip)
            for gzip in (False, True)
            for process, path in ((ours, "/metrics/node"), (restricted, "/metrics"), (whole, "/metrics"))
        ]
        compare("node", variants, effort)
        families = [{line.partition("{")[0].partition(" ")[0] for line in each.client.lines()} for each in variants[:2]]
    for each in variants:
        cpu = each.cpu_ms
        section.rows.append((each.name, each.series, cpu, cpu / each.series * 1000, each.latency_ms(50), each.latency_ms(99)))
    section.remark = (
        f"{len(families[0] & families[1])} families are common; {len(families[0] - families[1])} only Bellwether has, "
        f"{len(families[1] - families[0])} only node_exporter's same collectors."
    )
    for number, way in ((0, "identity"), (3, "gzip")):
        mine, theirs = variants[number], variants[number + 1]
        section.verdicts += [
            Verdict(f"node at the scrape, {way}: CPU over node_exporter's", mine.cpu_ms / theirs.cpu_ms, 1, "times"),
            Verdict(
                f"node at the scrape, {way}: CPU a series over node_exporter's",
                (mine.cpu_ms / mine.series) / (theirs.cpu_ms / theirs.series),
                1,
                "times",
            ),
        ]
    return section
