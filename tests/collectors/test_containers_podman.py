"""The containers collector against a real engine: Debian's Podman with containers of busybox, and the kernel's own accounts."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from exporter.collectors.containers import Containers
from exporter.errors import TimedOut
from tests.stack import until
from tests.tools import unpacked

CGROUPS = Path("/sys/fs/cgroup")
IMAGE = "localhost/bellwether/test:1"
LOOP = "while :; do /bin/busybox sleep 0.2; done"
MEBIBYTE = 1024 * 1024

Figures = dict[tuple[str, ...], float]

pytestmark = pytest.mark.xdist_group("podman")  # one engine for all


class Podman:
    """Podman with everything in one folder, as root, without network, serving its API on a socket."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, f"unix://{folder}/engine.sock"
        self.parent = f"/bellwether-{folder.name}"
        """The control group that holds the containers."""
        package = unpacked("podman")
        configuration = folder / "home/.config/containers"
        configuration.mkdir(parents=True)
        (configuration / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        (folder / "containers.conf").write_text('[containers]\ndefault_sysctls = []\n[engine]\ncgroup_manager = "cgroupfs"\n')
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/store"\n'
        )
        (folder / "registries.conf").touch()
        self._environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "LD_LIBRARY_PATH": ":".join({str(library.parent) for library in package.glob("usr/lib/*/lib*.so.*")}),
        }
        paths = {
            "--root": folder / "store",
            "--runroot": folder / "run",
            "--tmpdir": folder / "libpod",
            "--network-config-dir": folder / "networks",
            "--conmon": unpacked("conmon") / "usr/bin/conmon",
            "--runtime": unpacked("runc") / "usr/sbin/runc",
            "--events-backend": "file",
        }
        self._command = [str(package / "usr/bin/podman"), *(f"{option}={value}" for option, value in paths.items())]
        self.service: subprocess.Popen[bytes]

    def __call__(self, *arguments: str, succeeds: bool = True) -> str:
        # conmon leaves a file named oom where it was started, when a container had too little memory
        done = subprocess.run(
            [*self._command, *arguments], env=self._environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        if succeeds and done.returncode != 0:
            pytest.fail(f"podman {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def make_image(self) -> None:
        archive = self.folder / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(unpacked("busybox-static") / "bin/busybox", "bin/busybox")
            link = tarfile.TarInfo("bin/sh")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        self("import", str(archive), IMAGE)

    def run(self, name: str, script: str, *options: str, network: str = "none") -> str:
        """Start a container. Gives its id."""
        limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096", "--pids-limit=0", f"--cgroup-parent={self.parent}")
        fixed = ("--detach", f"--name={name}", f"--network={network}", *limits)
        return self("run", *fixed, *options, IMAGE, "/bin/sh", "-c", script)

    def serve(self) -> None:
        command = [*self._command, "system", "service", "--time=0", self.address]
        self.service = subprocess.Popen(command, env=self._environment, cwd=self.folder, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        self.service.terminate()
        self.service.wait()
        self("rm", "--all", "--force", "--time=0", succeeds=False)
        for group in (CGROUPS, *CGROUPS.glob("*/")):
            for folder, _, _ in os.walk(group / self.parent[1:], topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    if os.geteuid() != 0:
        pytest.skip("containers are started as root only: a rootless engine needs newuidmap and a delegated control group")
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        podman = Podman(Path(folder))
        podman.make_image()
        podman.serve()
        try:
            yield podman
        finally:
            podman.end()


@pytest.fixture
async def containers(podman: Podman) -> AsyncIterator[Containers]:
    await asyncio.to_thread(until, (podman.folder / "engine.sock").is_socket, pause=0.05)
    containers = Containers.model_validate({"engine": podman.address, "labels": ["team"]})
    yield containers
    await containers.close()


async def figures(containers: Containers, name: str) -> Figures:
    """What is told of one container, by family and the labels that are not the same for all of it."""
    found: Figures = {}
    async with aclosing(containers.collect()) as samples:
        async for sample in samples:
            labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
            if labels.get("name") == name:
                rest = [value for label, value in labels.items() if label in {"cpu", "state", "interface", "device"}]
                found[sample.metric.name, *rest] = float(sample.value)
    return found


async def ended(containers: Containers, name: str) -> Figures:
    """The same, once the container has ended for good."""
    for _ in range(200):
        seen = await figures(containers, name)
        if ("container_exit_code",) in seen:
            return seen
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{name} does not end: {seen}")


def spent(id_: str) -> float:
    """Seconds of processor time, as the kernel accounts for them: in version 2, also where that stands beside version 1."""
    files = [Path(folder, "cpu.stat") for folder, _, files in os.walk(CGROUPS) if folder.endswith(id_) and "cpu.stat" in files]
    [line] = [line for file in files for line in file.read_text().splitlines() if line.startswith("usage_usec ")]
    return float(line.split()[1]) / 1_000_000


async def test_a_running_container_is_told_as_the_kernel_and_podman_tell_it(podman: Podman, containers: Containers) -> None:
    id_ = podman.run("web", LOOP, "--memory=64m", "--cpus=0.5", "--label=team=shop", "--env=PASSWORD=hunter2")
    before = spent(id_)
    async with aclosing(containers.collect()) as samples:
        told = [sample async for sample in samples]
    seen = await figures(containers, "web")
    assert before <= seen["container_cpu_usage_seconds_total", "total"] <= spent(id_)

    [labels] = {sample.labels[:4] for sample in told if sample.metric.name == "container_last_seen" and "web" in sample.labels}
    assert labels == (f"{podman.parent}/libpod-{id_}", "web", IMAGE, "shop")
    assert "hunter2" not in str(told)
    assert seen["container_state", "running"] == 1.0
    assert seen["container_health_state",] == -1.0
    assert seen["container_restarts_total",] == seen["container_oom_events_total",] == 0.0
    assert seen["container_spec_memory_limit_bytes",] == 64 * MEBIBYTE
    assert seen["container_spec_cpu_quota",] == seen["container_spec_cpu_period",] / 2
    assert 1 <= seen["container_threads",] <= 3

    [stats] = json.loads(podman("stats", "--no-stream", "--format=json", "web"))
    number, unit = stats["mem_usage"].split(" / ")[0][:-2], stats["mem_usage"].split(" / ")[0][-2:]
    memory = float(number) * {"kB": 1000, "MB": 1000**2}[unit]
    assert seen["container_memory_working_set_bytes",] == pytest.approx(memory, abs=0.5 * MEBIBYTE)  # processes come and go
    assert not [key for key in seen if "_network_" in key[0]]  # it has none


async def test_the_network_is_that_of_the_containers_namespace(podman: Podman, containers: Containers) -> None:
    pair = "ip link add here type veth peer name there && ip link set here up && ip link set there up && sleep 60"
    namespace = await asyncio.create_subprocess_exec("unshare", "--net", "sh", "-c", pair, start_new_session=True)
    try:
        device = Path(f"/proc/{namespace.pid}/net/dev")
        await asyncio.to_thread(until, lambda: "there" in device.read_text(), pause=0.05)
        podman.run("networked", LOOP, network=f"ns:/proc/{namespace.pid}/ns/net")
        seen = await figures(containers, "networked")
    finally:
        os.killpg(namespace.pid, signal.SIGKILL)
        await namespace.wait()
    interfaces = {key[1] for key in seen if key[0].startswith("container_network_")}
    assert interfaces == {"here", "there"}
    assert seen["container_network_transmit_packets_total", "here"] == seen["container_network_receive_packets_total", "there"]


async def test_a_container_that_ended_keeps_its_status_and_one_that_is_removed_nothing(
    podman: Podman, containers: Containers
) -> None:
    podman.run("failed", "exit 3")
    seen = await ended(containers, "failed")
    assert (seen["container_exit_code",], seen["container_state", "exited"]) == (3.0, 1.0)
    assert ("container_memory_working_set_bytes",) not in seen
    podman("rm", "failed")
    assert not (await figures(containers, "failed")).keys() - {("container_last_seen",)}


async def test_restarts_by_the_engine_are_counted(podman: Podman, containers: Containers) -> None:
    podman.run("restless", "exit 1", "--restart=on-failure:2")
    counts = []
    for _ in range(3):
        counts.append((await ended(containers, "restless"))["container_restarts_total",])
        podman("container", "cleanup", "restless")  # what Podman's monitor calls when it is installed; it is what restarts
    assert counts == [0.0, 1.0, 2.0]


async def test_a_container_killed_for_lack_of_memory_is_counted_as_podman_has_noticed_it(
    podman: Podman, containers: Containers
) -> None:
    podman.run("greedy", "exec /bin/busybox tail /dev/zero", "--memory=16m", "--memory-swap=16m")
    seen = await ended(containers, "greedy")
    [state] = json.loads(podman("inspect", "--format=[{{json .State.OOMKilled}}]", "greedy"))
    assert (seen["container_oom_events_total",], seen["container_exit_code",]) == (float(state), 137.0)


async def test_health_is_what_the_last_check_found(podman: Podman, containers: Containers) -> None:
    check = ("--health-cmd=/bin/busybox test ! -e /sick", "--health-interval=disable", "--health-retries=1")
    podman.run("checked", LOOP, *check)
    seen = []
    for command in ("true", "/bin/busybox touch /sick"):
        podman("exec", "checked", "/bin/sh", "-c", command)
        podman("healthcheck", "run", "checked", succeeds=False)
        seen.append((await figures(containers, "checked"))["container_health_state",])
    assert seen == [1.0, 0.0]


async def test_an_engine_that_hangs_is_given_up_and_found_again(podman: Podman, containers: Containers) -> None:
    podman.run("patient", LOOP)
    hasty = Containers.model_validate({"engine": podman.address, "timeout": "1s"})
    assert await figures(containers, "patient")
    service = podman.service
    service.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(TimedOut, match=r"no answer to GET /version at unix://.* within 0.25 s; the engine hangs"):
            await figures(hasty, "patient")
    finally:
        service.send_signal(signal.SIGCONT)
    assert (await figures(containers, "patient"))["container_state", "running"] == 1.0
    await hasty.close()


async def test_the_kernel_alone_tells_what_runs(podman: Podman) -> None:
    id_ = podman.run("anonymous", LOOP)
    containers = Containers.model_validate({"engine": "cgroup"})
    before = spent(id_)
    seen = await figures(containers, id_)
    assert before <= seen["container_cpu_usage_seconds_total", "total"] <= spent(id_)
    podman("rm", "--force", "--time=0", "anonymous")
    assert not (await figures(containers, id_)).keys() - {("container_last_seen",)}
