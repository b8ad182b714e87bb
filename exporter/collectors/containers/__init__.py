"""Containers of Docker or Podman under the names, types, labels and units of cAdvisor 0.60, so that its dashboards work.

What a container uses is read from the kernel's files wherever its control group is visible; the engine is asked for the
names, the state and the rest. Source: https://github.com/google/cadvisor/blob/v0.60.0/docs/storage/prometheus.md,
https://docs.docker.com/reference/api/engine/, https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import asyncio
import os
import ssl
import time
from collections.abc import Iterable
from pathlib import Path

from pydantic import PrivateAttr, field_validator, model_validator

from exporter.clients.cgroup import Cgroups
from exporter.clients.docker import Engine
from exporter.collector import Collector, Duration, Every, Samples
from exporter.collectors.containers import figures
from exporter.collectors.containers.families import DEFAULT_LABELS, FAMILIES, label_name, with_labels
from exporter.collectors.containers.figures import Figures
from exporter.collectors.containers.registry import Container, Registry, each
from exporter.errors import Denied, Unreachable
from exporter.metric import Metric

_LAST_SEEN_KEPT = 300.0  # seconds: long enough for an alert on its age to fire, and to end by itself
_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock", "{runtime}/docker.sock", "{runtime}/podman/podman.sock")


class Containers(Collector, kind="containers"):
    """State, health, restarts and use of resources of each container of one engine, or of one machine's control groups.

    The engine's socket is only read from, but who may open it has the machine: a proxy that allows GET for `/version`
    and `/containers` is enough. Where the exporter runs in a container itself, mount the host's `/sys/fs/cgroup`
    and `/proc` and set `cgroupfs` and `procfs`; without them the engine is asked about each container, which costs more.
    Containers on the machine's network, or on that of another container, show no network: the bytes are not theirs alone.
    """

    engine: str = "auto"
    """Where the engine is: `unix:///run/user/1000/podman/podman.sock`, `tcp://host:2376`; `auto` takes the first socket
    that exists of Docker, Podman and their rootless forms, else no engine; `cgroup` asks none, and has ids for names."""
    ca_file: Path | None = None
    """For an engine behind TLS: the authority of its certificate, as PEM. Needs `tcp://`."""
    cert_file: Path | None = None
    """For an engine behind TLS: the exporter's own certificate, as PEM."""
    key_file: Path | None = None
    """The private key of `cert_file`."""
    labels: tuple[str, ...] = DEFAULT_LABELS
    """The containers' own labels to show, as `container_label_NAME`; empty where a container has none of that name."""
    cgroupfs: Path = Path("/sys/fs/cgroup")
    """Where the host's control groups are mounted."""
    procfs: Path = Path("/proc")
    """Where the host's /proc is, for the network."""
    sysfs: Path = Path("/sys")
    """Where the host's /sys is, for the names of disks."""
    every: Every = 15.0
    """How often it runs. Not at the scrape, since the engine is another's program, which may be slow or hang."""
    timeout: Duration = 10.0
    """How long one run may take. A request may take a quarter of it."""

    _groups: Cgroups = PrivateAttr()
    _registry: Registry = PrivateAttr(default_factory=Registry)
    _engine: Engine | None = PrivateAttr(default=None)
    _last_seen: dict[tuple[str, ...], float] = PrivateAttr(default_factory=dict)
    _metrics: dict[str, Metric] = PrivateAttr()

    @field_validator("engine")
    @classmethod
    def _known_place(cls, engine: str) -> str:
        if engine not in {"auto", "cgroup"} and not engine.startswith(("unix:///", "tcp://", "http://", "https://")):
            raise ValueError("expected auto, cgroup, unix:///path/of/the.sock or tcp://host:port")
        return engine

    @field_validator("labels")
    @classmethod
    def _no_label_twice(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        names = [label_name(label) for label in labels]
        if twice := next((label for label, name in zip(labels, names, strict=True) if names.count(name) > 1), None):
            raise ValueError(f"expected labels whose names differ by more than punctuation; {twice} is not alone")
        return labels

    @model_validator(mode="after")
    def _tls_needs_a_network(self) -> "Containers":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("give both cert_file and key_file, or neither")
        if (self.ca_file or self.cert_file) and not self.engine.startswith(("tcp://", "https://")):
            raise ValueError("ca_file and cert_file are for an engine at tcp://host:port")
        return self

    def model_post_init(self, context: object, /) -> None:
        self._groups = Cgroups(self.cgroupfs, self.procfs, self.sysfs)
        self._metrics = {name: with_labels(metric, self.labels) for name, metric in FAMILIES.items()}

    def declares(self) -> Iterable[Metric]:
        """Every family, with the labels that are asked for."""
        return self._metrics.values()

    @classmethod
    def declares_always(cls) -> Iterable[Metric]:
        """Every family, with the default labels."""
        return FAMILIES.values()

    async def collect(self) -> Samples:
        engine, podman = await self._found(), False
        if engine is None:
            containers = await asyncio.to_thread(self._without_engine)
            about: Figures = {("bellwether_container_engine_info", "cgroup", "", ""): 1}
        else:
            try:
                containers = await self._with_engine(engine)
                told = await engine.about()
            except BaseException:
                await self._forget()
                raise
            podman = told.engine == "podman"
            about = {("bellwether_container_engine_info", told.engine, told.version, told.api_version): 1}
            if told.processors is not None:
                about["machine_cpu_cores",] = told.processors
            if told.memory is not None:
                about["machine_memory_bytes",] = told.memory
        about["container_scrape_error",] = any(container.failed for container in containers)
        for (name, *extra), value in about.items():
            metric = self._metrics[name]
            yield metric(value, **dict(zip(metric.labels, extra, strict=True)))
        for labels, values in self._series(containers, podman=podman):
            for (name, *extra), value in values.items():
                metric = self._metrics[name]
                yield metric(value, **dict(zip(metric.labels, (*labels, *extra), strict=True)))

    async def close(self) -> None:
        await self._forget()

    async def _forget(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    async def _found(self) -> Engine | None:
        """The engine to ask; None for none. Raises `Unreachable` when there is neither an engine nor a control group."""
        if self._engine is not None:
            return self._engine
        address = self.engine
        if address == "auto":
            runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
            sockets = [Path(path.format(runtime=runtime)) for path in _SOCKETS]
            address = next((f"unix://{path}" for path in sockets if _is_socket(path)), "cgroup")
        if address == "cgroup":
            if not self._groups.usable:
                raise Unreachable(
                    f"there is no socket of Docker or Podman, and no control groups of version 2 at {self.cgroupfs}; "
                    "set engine to the socket's place, or cgroupfs to where the host's are mounted"
                )
            return None
        self._engine = Engine(address, self.timeout / 4, await asyncio.to_thread(self._tls))
        return self._engine

    def _tls(self) -> ssl.SSLContext | None:
        if self.ca_file is None and self.cert_file is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:  # of which those of TLS are a kind
            raise Denied(f"ca_file, cert_file or key_file cannot be used: {error.strerror or type(error).__name__}") from None
        return context

    async def _with_engine(self, engine: Engine) -> list[Container]:
        deadline = asyncio.get_running_loop().time() + self.timeout * 0.8
        podman = (await engine.about()).engine == "podman"
        containers = await self._registry.refresh(engine, deadline)
        running = [container for container in containers if container.running]
        if engine.socket is not None:
            await asyncio.to_thread(self._read, running)

        async def ask(container: Container) -> None:
            stats = await engine.stats(container.listed.id)
            others = figures.of_stats(stats or {}, self._groups, podman=podman)
            if container.details is not None and not container.details.own_network:
                others = {key: value for key, value in others.items() if "_network_" not in key[0]}
            container.figures = figures.filled(container.figures, others)

        await each((container for container in running if container.lacks_figures), ask, deadline)
        return containers

    def _read(self, running: list[Container]) -> None:
        """Give each container what the kernel's files tell of it."""
        visible = self._groups.usable
        if visible and any(not self._groups.has(container.path) for container in running):
            paths = self._groups.containers()
            for container in running:
                container.path = paths.get(container.listed.id, container.path)
        for container in running:
            if visible and container.path is not None:
                container.figures = figures.of_files(self._groups, container.path)
            if container.details is not None and container.details.own_network:
                seen = self._groups.interfaces(container.details.process, container.listed.id)
                container.figures |= figures.of_interfaces(seen)

    def _without_engine(self) -> list[Container]:
        containers = []
        for id_, path in self._groups.containers().items():
            container = Container.nameless(id_, path)
            container.figures = figures.of_files(self._groups, path)
            process = self._groups.process(path)
            if self._groups.own_network(process):
                container.figures |= figures.of_interfaces(self._groups.interfaces(process, id_))
            containers.append(container)
        return containers

    def _series(self, containers: list[Container], *, podman: bool) -> Iterable[tuple[tuple[str, ...], Figures]]:
        """The labels of each container and all that is shown of it; and for a while those that were seen and are gone."""
        now = time.time()
        for container in containers:
            own = (container.listed.labels.get(label, "") for label in self.labels)
            labels = (*container.labels(podman=podman), *own)
            if container.running:
                self._last_seen[labels] = now
            yield labels, container.shown()
        self._last_seen = {labels: seen for labels, seen in self._last_seen.items() if seen > now - _LAST_SEEN_KEPT}
        for labels, seen in self._last_seen.items():
            yield labels, {("container_last_seen",): seen}


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:  # in a folder that is closed to this user, as that of root's Podman is: not one to be taken unasked
        return False
