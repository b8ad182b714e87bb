"""The containers collector: exact figures from recorded answers of an engine and from files of control groups."""

import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.collector import Sample
from exporter.collectors.containers import Containers
from exporter.collectors.containers.families import FAMILIES
from exporter.errors import Denied, Malformed, Unreachable
from exporter.guard import Draft
from tests.clients.engine import DB, HANG, WEB, Recorded, recorded

SCOPE = f"/system.slice/docker-{WEB}.scope"
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
FILES = {
    "cgroup.events": "populated 1\nfrozen 0\n",
    "cgroup.procs": "4242\n4243\n",
    "cpu.stat": "usage_usec 12500000\nuser_usec 8000000\nsystem_usec 4500000\n"
    "nr_periods 50\nnr_throttled 5\nthrottled_usec 250000\n",
    "cpu.max": "50000 100000\n",
    "cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500\n",
    "memory.current": "10000000\n",
    "memory.peak": "12000000\n",
    "memory.swap.current": "4096\n",
    "memory.max": "300000000\n",
    "memory.stat": "anon 6000000\nfile 3000000\nfile_mapped 8192\ninactive_file 1000000\npgfault 700\npgmajfault 7\n",
    "memory.events": "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n",
    "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n",
    "pids.current": "11\n",
    "pids.max": "max\n",
}
NET_DEV = "Inter-|\n face |\n    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n  eth0: 5000 50 1 2 0 0 0 0 6000 60 3 4 0 0 0 0\n"

Figures = dict[tuple[str, ...], float]


class Machine:
    """A machine with an engine: the recorded one, and one container whose control group is visible, if it is put there."""

    def __init__(self, folder: Path) -> None:
        self.engine = Recorded()
        self.folder, self.socket = folder, folder / "engine.sock"
        self.group, self.process = folder / "cgroup" / SCOPE[1:], folder / "proc/4242"
        (folder / "cgroup").mkdir()
        (folder / "cgroup/cgroup.controllers").write_text("cpu io memory pids\n")
        (folder / "sys/dev/block").mkdir(parents=True)
        (folder / "sys/dev/block/8:0").symlink_to("../../devices/pci0000:00/block/sda")

    def show_group(self) -> None:
        self.group.mkdir(parents=True)
        for name, text in FILES.items():
            (self.group / name).write_text(text)
        (self.process / "net").mkdir(parents=True)
        (self.process / "net/dev").write_text(NET_DEV)
        (self.process / "cgroup").write_text(f"0::{SCOPE}\n")

    @asynccontextmanager
    async def collector(self, **settings: Any) -> AsyncIterator[Containers]:
        paths = {"cgroupfs": self.folder / "cgroup", "procfs": self.folder / "proc", "sysfs": self.folder / "sys"}
        async with self.engine.at(self.socket) as address:
            containers = Containers.model_validate({"engine": address, **paths, **settings})
            try:
                yield containers
            finally:
                await containers.close()


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as folder:
        yield Machine(Path(folder))


async def collected(containers: Containers) -> list[Sample]:
    async with aclosing(containers.collect()) as samples:
        return [sample async for sample in samples]


async def figures(containers: Containers, name: str, prefix: str = "container_") -> Figures:
    """The values of one container, by family and further labels."""
    found: Figures = {}
    for sample in await collected(containers):
        labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
        if labels.get("name") == name and sample.metric.name.startswith(prefix):
            kept = [
                value
                for label, value in labels.items()
                if label not in {"id", "name", "image"} and "container_label" not in label
            ]
            key = (sample.metric.name, *kept)
            assert key not in found
            found[key] = float(sample.value)
    return found


def network(*values: float) -> Figures:
    kinds = ("bytes_total", "packets_total", "errors_total", "packets_dropped_total")
    names = [f"container_network_{way}_{kind}" for way in ("receive", "transmit") for kind in kinds]
    return {(name, "eth0"): value for name, value in zip(names, values, strict=True)}


def in_state(current: str) -> Figures:
    return {("container_state", state): float(state == current) for state in STATES}


async def test_figures_come_from_the_control_groups_files_where_they_are_visible(machine: Machine) -> None:
    machine.show_group()
    async with machine.collector() as containers:
        seen = await figures(containers, "shop-web-1")
    assert abs(seen.pop(("container_last_seen",)) - time.time()) < 60
    assert seen == {
        **in_state("running"),
        **network(5000, 50, 1, 2, 6000, 60, 3, 4),
        ("container_creation_time_seconds",): 1735689600.0,
        ("container_start_time_seconds",): 1735776000.5,
        ("container_restarts_total",): 2.0,
        ("container_health_state",): 1.0,
        ("container_health_failing_streak",): 0.0,
        ("container_oom_events_total",): 1.0,
        ("container_cpu_usage_seconds_total", "total"): 12.5,
        ("container_cpu_user_seconds_total",): 8.0,
        ("container_cpu_system_seconds_total",): 4.5,
        ("container_cpu_cfs_periods_total",): 50.0,
        ("container_cpu_cfs_throttled_periods_total",): 5.0,
        ("container_cpu_cfs_throttled_seconds_total",): 0.25,
        ("container_pressure_cpu_waiting_seconds_total",): 1.5,
        ("container_pressure_cpu_stalled_seconds_total",): 0.0005,
        ("container_memory_usage_bytes",): 10000000.0,
        ("container_memory_working_set_bytes",): 9000000.0,
        ("container_memory_rss",): 6000000.0,
        ("container_memory_cache",): 3000000.0,
        ("container_memory_mapped_file",): 8192.0,
        ("container_memory_swap",): 4096.0,
        ("container_memory_max_usage_bytes",): 12000000.0,
        ("container_memory_failures_total", "pgfault", "container"): 700.0,
        ("container_memory_failures_total", "pgfault", "hierarchy"): 700.0,
        ("container_memory_failures_total", "pgmajfault", "container"): 7.0,
        ("container_memory_failures_total", "pgmajfault", "hierarchy"): 7.0,
        ("container_fs_reads_total", "/dev/sda"): 1.0,
        ("container_fs_writes_total", "/dev/sda"): 2.0,
        ("container_fs_reads_bytes_total", "/dev/sda"): 4096.0,
        ("container_fs_writes_bytes_total", "/dev/sda"): 8192.0,
        ("container_threads",): 11.0,
        ("container_threads_max",): 0.0,
        # The limits of this moment; the engine says 268435456.
        ("container_spec_memory_limit_bytes",): 300000000.0,
        ("container_spec_memory_swap_limit_bytes",): 536870912.0,
        ("container_spec_memory_reservation_limit_bytes",): 0.0,
        ("container_spec_cpu_period",): 100000.0,
        ("container_spec_cpu_quota",): 50000.0,
        ("container_spec_cpu_shares",): 512.0,
    }
    assert f"/containers/{WEB}/stats" not in machine.engine.asked


async def test_figures_come_from_the_engine_where_no_control_group_is_visible(machine: Machine) -> None:
    async with machine.collector() as containers:
        seen = await figures(containers, "shop-web-1")
    assert {key: value for key, value in seen.items() if "_spec_" not in key[0] and "_state" not in key[0]} == {
        **network(5338, 36, 2, 1, 648, 8, 4, 3),
        ("container_last_seen",): seen["container_last_seen",],
        ("container_creation_time_seconds",): 1735689600.0,
        ("container_start_time_seconds",): 1735776000.5,
        ("container_restarts_total",): 2.0,
        ("container_health_failing_streak",): 0.0,
        ("container_oom_events_total",): 0.0,
        ("container_cpu_usage_seconds_total", "total"): pytest.approx(29.912),
        ("container_cpu_user_seconds_total",): pytest.approx(20.0),
        ("container_cpu_system_seconds_total",): pytest.approx(9.912),
        ("container_cpu_cfs_periods_total",): 100.0,
        ("container_cpu_cfs_throttled_periods_total",): 7.0,
        ("container_cpu_cfs_throttled_seconds_total",): 1.5,
        ("container_memory_usage_bytes",): 6537216.0,
        ("container_memory_working_set_bytes",): 6537216.0 - 1990656.0,
        ("container_memory_rss",): 1000448.0,
        ("container_memory_cache",): 5406720.0,
        ("container_memory_mapped_file",): 4096.0,
        ("container_memory_failures_total", "pgfault", "container"): 964.0,
        ("container_memory_failures_total", "pgfault", "hierarchy"): 964.0,
        ("container_memory_failures_total", "pgmajfault", "container"): 3.0,
        ("container_memory_failures_total", "pgmajfault", "hierarchy"): 3.0,
        ("container_fs_reads_bytes_total", "/dev/sda"): 7593984.0,
        ("container_fs_writes_bytes_total", "/dev/sda"): 100.0,
        ("container_threads",): 3.0,
    }
    assert seen["container_spec_memory_limit_bytes",] == 268435456.0
    assert seen["container_spec_cpu_quota",] == 50000.0  # half a processor, in each 100 ms


async def test_an_engine_on_control_groups_of_version_1_means_other_names_for_the_same(machine: Machine) -> None:
    async with machine.collector() as containers:
        seen = await figures(containers, "db")
    assert {key: value for key, value in seen.items() if key[0].startswith(("container_memory_", "container_fs_"))} == {
        ("container_memory_usage_bytes",): 6537216.0,
        ("container_memory_working_set_bytes",): 6000000.0,
        ("container_memory_max_usage_bytes",): 6651904.0,
        ("container_memory_rss",): 6000000.0,
        ("container_memory_cache",): 2000000.0,
        ("container_memory_mapped_file",): 8192.0,
        ("container_memory_swap",): 4096.0,
        ("container_memory_failures_total", "pgfault", "container"): 964.0,
        ("container_memory_failures_total", "pgfault", "hierarchy"): 964.0,
        ("container_memory_failures_total", "pgmajfault", "container"): 4.0,
        ("container_memory_failures_total", "pgmajfault", "hierarchy"): 4.0,
        ("container_fs_reads_total", "/dev/sda"): 2.0,
        ("container_fs_writes_total", "/dev/sda"): 3.0,
        ("container_fs_reads_bytes_total", "/dev/sda"): 4096.0,
        ("container_fs_writes_bytes_total", "/dev/sda"): 8192.0,
    }
    assert seen["container_health_state",] == -1.0
    assert ("container_spec_cpu_quota",) not in seen


async def test_the_network_of_the_machine_is_not_taken_for_a_containers(machine: Machine) -> None:
    machine.engine.answers[f"/containers/{DB}/stats"]["networks"] = {"eth0": {"rx_bytes": 1}}
    async with machine.collector() as containers:
        assert await figures(containers, "db", "container_network_") == {}
        assert len(await figures(containers, "shop-web-1", "container_network_")) == 8


async def test_a_stopped_container_has_its_state_and_status_and_no_figures(machine: Machine) -> None:
    async with machine.collector() as containers:
        seen = await figures(containers, "import")
    assert {key: value for key, value in seen.items() if "_spec_" not in key[0]} == {
        **in_state("exited"),
        ("container_creation_time_seconds",): 1735689600.0,
        ("container_start_time_seconds",): 1735948800.0,
        ("container_restarts_total",): 0.0,
        ("container_exit_code",): 137.0,
        ("container_oom_events_total",): 1.0,
    }


async def test_what_podman_calls_usage_is_the_working_set(machine: Machine) -> None:
    machine.engine.answers["/version"] = recorded("podman-version")
    machine.engine.answers[f"/containers/{WEB}/stats"] = podman = recorded("podman-stats")
    async with machine.collector() as containers:
        assert await figures(containers, "shop-web-1", "container_memory_") == {
            ("container_memory_working_set_bytes",): float(podman["memory_stats"]["usage"])
        }
        [info] = [sample for sample in await collected(containers) if sample.metric.type == "info"]
    assert info.labels == ("podman", "4.3.1", "1.41")


async def test_the_labels_are_cadvisors(machine: Machine) -> None:
    machine.show_group()
    async with machine.collector() as containers:
        samples = [
            sample for sample in await collected(containers) if sample.metric.name == "container_cpu_usage_seconds_total"
        ]
    labels = [dict(zip(sample.metric.labels, sample.labels, strict=True)) for sample in samples]
    assert labels == [
        {
            "id": SCOPE,
            "name": "shop-web-1",
            "image": "shop/web:12",  # not the digest that the list shows
            "container_label_com_docker_compose_project": "shop",
            "container_label_com_docker_compose_service": "web",
            "cpu": "total",
        },
        {
            "id": f"/docker/{DB}",
            "name": "db",
            "image": "postgres:17",
            "container_label_com_docker_compose_project": "",
            "container_label_com_docker_compose_service": "",
            "cpu": "total",
        },
    ]


async def test_no_label_or_variable_is_shown_that_was_not_asked_for(machine: Machine) -> None:
    async with machine.collector(labels=["com.docker.compose.service", "owner-team"]) as containers:
        samples = await collected(containers)
        declared = {metric.name: metric for metric in containers.declares()}
    [sample, _] = [sample for sample in samples if sample.metric.name == "container_memory_rss"]
    assert sample.metric.labels == (
        "id",
        "name",
        "image",
        "container_label_com_docker_compose_service",
        "container_label_owner_team",
    )
    assert sample.labels[3:] == ("web", "")
    assert all(declared[sample.metric.name] is sample.metric for sample in samples)
    assert "hunter2" not in str(samples)
    assert "not shown" not in str(samples)


async def test_every_sample_passes_the_guard(machine: Machine) -> None:
    machine.show_group()
    async with machine.collector() as containers:
        draft = Draft(FAMILIES, 10_000)
        for sample in await collected(containers):
            draft.add(sample)
    assert (draft.dropped.total(), draft.redacted) == (0, 0)
    assert len(draft.texts) > 100


async def test_an_engine_is_asked_for_nothing_but_the_list_while_nothing_changes(machine: Machine) -> None:
    machine.show_group()
    machine.engine.answers["/containers/json"] = machine.engine.answers["/containers/json"][::2]  # without db
    async with machine.collector() as containers:
        first = await figures(containers, "shop-web-1")
        machine.engine.asked.clear()
        machine.engine.answers["/containers/json"][0]["Status"] = "Up 3 hours (healthy)"
        second = await figures(containers, "shop-web-1")
    assert machine.engine.asked == ["/containers/json"]
    assert first.keys() == second.keys()


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"Status": "Up 2 hours (unhealthy)"}, [WEB]),
        ({"Status": "Up 4 seconds (healthy)"}, [WEB]),  # it was started again
        ({"State": "paused", "Status": "Up 2 hours (Paused)"}, [WEB]),
        ({"Names": ["/web"]}, [WEB]),
    ],
)
async def test_a_container_that_may_have_changed_is_asked_about(machine: Machine, change: Any, asked: list[str]) -> None:
    machine.show_group()
    async with machine.collector() as containers:
        await collected(containers)
        machine.engine.asked.clear()
        machine.engine.answers["/containers/json"][0] |= change
        await collected(containers)
    assert [path.split("/")[2] for path in machine.engine.asked if path.endswith("/json") and path.count("/") > 2] == asked


async def test_limits_that_were_changed_are_known_after_five_minutes(machine: Machine) -> None:
    """The list does not tell; nor do the kernel's files, where they cannot be seen."""
    async with machine.collector() as containers:
        await collected(containers)
        machine.engine.answers[f"/containers/{WEB}/json"]["HostConfig"]["Memory"] = 99
        before = await figures(containers, "shop-web-1", "container_spec_memory_limit")
        for container in containers._registry._known.values():
            container.asked -= 301
        after = await figures(containers, "shop-web-1", "container_spec_memory_limit")
    assert list(before.values()) == [268435456.0]
    assert list(after.values()) == [99.0]


async def test_an_engine_whose_list_keeps_health_to_itself_is_asked_about_each_that_is_checked(machine: Machine) -> None:
    machine.engine.answers["/containers/json"][0]["Status"] = "Up 2 hours"
    async with machine.collector() as containers:
        await collected(containers)
        machine.engine.asked.clear()
        await collected(containers)
    assert f"/containers/{WEB}/json" in machine.engine.asked
    assert f"/containers/{DB}/json" not in machine.engine.asked


async def test_health_is_one_when_healthy_and_zero_until_then(machine: Machine) -> None:
    health = machine.engine.answers[f"/containers/{WEB}/json"]["State"]["Health"]
    listed = machine.engine.answers["/containers/json"][0]
    async with machine.collector() as containers:
        seen = []
        for status in ("starting", "healthy", "unhealthy"):
            health["Status"], listed["Status"] = status, f"Up 2 hours ({status})"
            seen.append((await figures(containers, "shop-web-1"))["container_health_state",])
    assert seen == [0.0, 1.0, 0.0]


async def test_kills_for_lack_of_memory_are_counted_over_restarts(machine: Machine) -> None:
    """The kernel's count is gone with the control group; what the engine tells of the end makes up for one not seen."""
    machine.show_group()
    state = machine.engine.answers[f"/containers/{WEB}/json"]["State"]
    listed = machine.engine.answers["/containers/json"][0]

    async def count(containers: Containers) -> float:
        return (await figures(containers, "shop-web-1"))["container_oom_events_total",]

    async with machine.collector() as containers:
        assert await count(containers) == 1.0
        shutil.rmtree(machine.group)
        running = dict(state)
        state |= {"Restarting": True, "OOMKilled": True, "Pid": 0, "FinishedAt": "2025-01-05T00:00:00Z"}
        listed |= {"State": "restarting", "Status": "Restarting (137) 2 seconds ago"}
        assert await count(containers) == 1.0  # the one that was seen
        assert await count(containers) == 1.0
        state |= {"StartedAt": "2025-01-05T00:00:01Z", "FinishedAt": "2025-01-05T00:00:02Z"}
        assert await count(containers) == 2.0  # of a run too short to be seen
        state |= running | {"StartedAt": "2025-01-05T00:00:03Z"}
        listed |= {"State": "running", "Status": "Up 2 seconds (healthy)"}
        assert await count(containers) == 2.0


async def test_a_container_that_vanishes_midway_is_left_out_and_the_others_stay(machine: Machine) -> None:
    del machine.engine.answers[f"/containers/{WEB}/json"]
    async with machine.collector() as containers:
        assert await figures(containers, "shop-web-1") == {}
        assert ("container_memory_rss",) in await figures(containers, "db")


async def test_a_container_that_vanishes_before_its_figures_came_keeps_its_state(machine: Machine) -> None:
    del machine.engine.answers[f"/containers/{WEB}/stats"]
    async with machine.collector() as containers:
        seen = await figures(containers, "shop-web-1")
    assert ("container_state", "running") in seen
    assert ("container_memory_rss",) not in seen


@pytest.mark.parametrize("answer", [HANG, (500, "{}"), {"cpu_stats": {"cpu_usage": {"total_usage": "much"}}}, ["?"]])
async def test_a_container_whose_figures_cannot_be_had_harms_no_other(machine: Machine, answer: object) -> None:
    machine.engine.answers[f"/containers/{WEB}/stats"] = answer
    async with machine.collector(timeout="2s") as containers:
        samples = await collected(containers)
    by_name = {sample.labels[1] for sample in samples if sample.metric.name == "container_memory_rss"}
    assert by_name == {"db"}
    assert [sample.value for sample in samples if sample.metric.name == "container_scrape_error"] == [True]


async def test_details_that_cannot_be_had_leave_what_the_list_tells(machine: Machine) -> None:
    machine.engine.answers[f"/containers/{WEB}/json"] = (500, "{}")
    async with machine.collector() as containers:
        seen = await figures(containers, "shop-web-1")
    assert seen["container_state", "running"] == 1.0
    assert seen["container_memory_rss",] == 1000448.0
    assert ("container_restarts_total",) not in seen


async def test_an_engine_is_never_asked_more_than_eight_things_at_once(machine: Machine) -> None:
    web = machine.engine.answers["/containers/json"][0]
    ids = [f"{number:064x}" for number in range(40)]
    machine.engine.answers["/containers/json"] = [web | {"Id": id_, "Names": [f"/web-{id_[-2:]}"]} for id_ in ids]
    for id_ in ids:
        machine.engine.answers[f"/containers/{id_}/json"] = recorded("inspect-web") | {"Id": id_}
        machine.engine.answers[f"/containers/{id_}/stats"] = recorded("stats-web")
    machine.engine.pause = 0.1  # longer than it takes to ask for eight
    async with machine.collector() as containers:
        samples = await collected(containers)
    assert sum(sample.metric.name == "container_memory_rss" for sample in samples) == 40
    assert machine.engine.most_at_once == 8


async def test_a_container_that_is_gone_was_last_seen_when_it_ran(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that alerts on the age of `container_last_seen` fire; after five minutes it is forgotten."""
    now = time.time()
    async with machine.collector() as containers:
        await collected(containers)
        machine.engine.answers["/containers/json"] = []
        monkeypatch.setattr(time, "time", lambda: now + 200)
        gone = await figures(containers, "shop-web-1")
        monkeypatch.setattr(time, "time", lambda: now + 400)
        forgotten = await figures(containers, "shop-web-1")
    assert list(gone) == [("container_last_seen",)]
    assert gone["container_last_seen",] == pytest.approx(now, abs=60)
    assert forgotten == {}


async def test_after_a_failure_the_engine_is_met_afresh(machine: Machine) -> None:
    """It may have been replaced by one of another version meanwhile."""
    async with machine.collector() as containers:
        machine.engine.answers["/containers/json"] = (400, '{"message":"client version 1.51 is too new"}')
        with pytest.raises(Malformed):
            await collected(containers)
        machine.engine.answers["/version"] |= {"ApiVersion": "1.44"}
        machine.engine.answers["/containers/json"] = recorded("containers")
        machine.engine.versions.clear()
        assert await figures(containers, "db")
    assert machine.engine.versions == {"1.44"}


async def test_a_proxy_that_allows_too_little_is_said_to(machine: Machine) -> None:
    machine.engine.answers[f"/containers/{WEB}/json"] = (403, "<html>Forbidden</html>")
    async with machine.collector() as containers:
        with pytest.raises(Denied, match=f"GET /v1.51/containers/{WEB}/json at unix://.* was refused with 403"):
            await collected(containers)


async def test_without_an_engine_containers_have_the_ids_of_their_control_groups_for_names(machine: Machine) -> None:
    machine.show_group()
    for number, link in {"1": "net:[1]", "4242": "net:[2]"}.items():
        (machine.folder / f"proc/{number}/ns").mkdir(parents=True)
        (machine.folder / f"proc/{number}/ns/net").symlink_to(link)
    async with machine.collector(engine="cgroup") as containers:
        samples = await collected(containers)
        seen = await figures(containers, WEB)
    [usage] = [sample for sample in samples if sample.metric.name == "container_memory_usage_bytes"]
    assert usage.labels == (SCOPE, WEB, "", "", "")
    assert [sample.labels for sample in samples if sample.metric.type == "info"] == [("cgroup", "", "")]
    assert seen["container_oom_events_total",] == 1.0
    assert network(5000, 50, 1, 2, 6000, 60, 3, 4).items() <= seen.items()
    assert ("container_state", "running") not in seen
    assert machine.engine.asked == []


async def test_where_there_is_neither_socket_nor_control_group_it_says_what_to_set(tmp_path: Path) -> None:
    containers = Containers.model_validate({"engine": "cgroup", "cgroupfs": tmp_path})
    with pytest.raises(Unreachable, match=f"no control groups of version 2 at {tmp_path}; set engine to the socket's place"):
        await collected(containers)


async def test_the_socket_of_a_rootless_engine_is_found(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/var/run/docker.sock").exists() or Path("/run/podman/podman.sock").exists():
        pytest.skip("this machine has an engine of its own, which is found first")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(machine.folder))
    machine.socket = machine.folder / "podman/podman.sock"
    machine.socket.parent.mkdir()
    async with machine.collector(engine="auto") as containers:
        assert ("container_state", "running") in await figures(containers, "db")


async def test_sockets_in_folders_closed_to_this_user_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(closed))
    containers = Containers.model_validate({"cgroupfs": Path("/nonexistent")})
    if os.getuid() == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(Unreachable, match="there is no socket of Docker or Podman"):
            await collected(containers)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"engine": "/var/run/docker.sock"}, "expected auto, cgroup, unix:///path/of/the.sock or tcp://host:port"),
        ({"labels": ["a.b", "a-b"]}, "expected labels whose names differ by more than punctuation"),
        ({"engine": "tcp://docker:2376", "cert_file": "x.pem"}, "give both cert_file and key_file"),
        ({"ca_file": "x.pem"}, "ca_file and cert_file are for an engine at tcp://host:port"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Containers.model_validate(settings)


async def test_a_certificate_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    containers = Containers.model_validate({"engine": "tcp://127.0.0.1:1", "ca_file": tmp_path / "none.pem"})
    with pytest.raises(Denied, match="ca_file, cert_file or key_file cannot be used: No such file or directory"):
        await collected(containers)


def test_other_labels_leave_nothing_else_of_a_family_changed() -> None:
    containers = Containers.model_validate({"labels": []})
    for metric in containers.declares():
        family = FAMILIES[metric.name]
        assert (metric.type, metric.help, metric.unit) == (family.type, family.help, family.unit)
        assert metric.labels == tuple(label for label in family.labels if not label.startswith("container_label_"))
