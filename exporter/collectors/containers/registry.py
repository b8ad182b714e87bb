"""The containers that an engine has, and what is known of each from run to run, so that the engine is asked for little."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

from exporter.clients.docker import Details, Engine, Listed
from exporter.collectors.containers.figures import OOM_EVENTS, PROCESSOR, USAGE, Figures, filled
from exporter.errors import Denied, PollError

_STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_HEALTH = {"healthy": 1.0, "": -1.0}
_FRESH = 300.0  # seconds after which details are asked for again: limits may have been changed, which the list does not tell


@dataclass(slots=True)
class Container:
    """One container: what the engine and the kernel tell of it in this run, and what has to be kept until the next."""

    listed: Listed
    details: Details | None = None
    """None until the engine has told them, and where there is no engine."""
    path: str | None = None
    """Its control group's, when that was last seen."""
    figures: Figures = field(default_factory=dict)
    """What it uses."""
    failed: bool = False
    """Whether something of it could not be had."""
    asked: float = 0.0
    """When its details were, by the clock that never jumps."""
    _life: float | None = None
    """When the run of it began in which processes are now being killed or not."""
    _killed: float = 0.0
    """How many of its processes were killed for lack of memory in that run, and in those before."""
    _killed_before: float = 0.0

    @classmethod
    def nameless(cls, id_: str, path: str) -> Self:
        """One that only the kernel knows."""
        return cls(Listed(id_, id_, "", "", {}, None, "", young=False), path=path)

    @property
    def running(self) -> bool:
        """Whether it has processes."""
        return self.listed.state in {"", "running", "paused"}

    @property
    def lacks_figures(self) -> bool:
        """Whether the kernel's files are not enough."""
        network = self.details is None or not self.details.own_network or any("_network_" in key[0] for key in self.figures)
        return not (USAGE in self.figures and PROCESSOR in self.figures and network)

    def labels(self, *, podman: bool) -> tuple[str, str, str]:
        """The values of id, name and image. Without a control group the id is the path that engines use of themselves."""
        image = self.details.image if self.details is not None and self.details.image else self.listed.image
        elsewhere = f"/libpod_parent/libpod-{self.listed.id}" if podman else f"/docker/{self.listed.id}"
        return self.path or elsewhere, self.listed.name, image

    def stale(self, listed: Listed) -> bool:
        """Whether its details have to be asked for, now that the list has this to tell."""
        if self.details is None or listed.young or time.monotonic() - self.asked > _FRESH:
            return True
        if self.details.health and "(" not in listed.condition:  # Podman's list keeps health to itself
            return True
        return listed[:4] + listed[6:] != self.listed[:4] + self.listed[6:]

    def shown(self) -> Figures:
        """All that is told of it, by family and further labels."""
        listed, details = self.listed, self.details
        shown: Figures = {}
        if listed.state:
            shown |= {("container_state", state): state == listed.state for state in dict.fromkeys((*_STATES, listed.state))}
        if listed.created is not None:
            shown["container_creation_time_seconds",] = listed.created
        if details is None:
            return filled(self.figures, shown)
        # What the kernel's files tell of limits is of this moment; what the engine told may be some minutes old.
        return filled(self.figures, shown | _of_details(details)) | {OOM_EVENTS: self._deaths(details)}

    def _deaths(self, details: Details) -> float:
        """Processes killed for lack of memory. A group's own count is gone with the group, at each restart."""
        if details.started != self._life:
            self._killed_before += self._killed
            self._killed, self._life = 0.0, details.started
        at_least = 1.0 if details.out_of_memory and not details.running else 0.0
        self._killed = max(self._killed, at_least, self.figures.get(OOM_EVENTS, 0.0))
        return self._killed_before + self._killed


class Registry:
    """All containers of one engine."""

    def __init__(self) -> None:
        self._known: dict[str, Container] = {}

    async def refresh(self, engine: Engine, deadline: float) -> list[Container]:
        """The containers there are now, without figures. Details are asked for where they may have changed."""
        found: dict[str, Container] = {}
        stale: list[Container] = []
        for listed in await engine.containers():
            container = self._known.get(listed.id) or Container(listed)
            if container.stale(listed):
                stale.append(container)
            container.listed, container.figures, container.failed = listed, {}, False
            found[listed.id] = container

        async def ask(container: Container) -> None:
            details = await engine.details(container.listed.id)
            if details is None:
                found.pop(container.listed.id, None)  # gone since it was listed
            else:
                container.details, container.asked = details, time.monotonic()

        await each(stale, ask, deadline)
        self._known = found
        return list(found.values())


async def each(containers: Iterable[Container], ask: Callable[[Container], Awaitable[None]], deadline: float) -> None:
    """Ask something of each container. One that fails is marked, and does the others no harm. Raises `Denied`."""
    refusals: list[Denied] = []

    async def one(container: Container) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await ask(container)
        except Denied as error:
            refusals.append(error)
        except (PollError, TimeoutError):
            container.failed = True

    async with asyncio.TaskGroup() as tasks:
        for container in containers:
            tasks.create_task(one(container))
    if refusals:
        raise refusals[0]


def _of_details(details: Details) -> Figures:
    shown: Figures = {
        ("container_restarts_total",): details.restarts,
        ("container_spec_memory_limit_bytes",): details.memory_limit,
        ("container_spec_memory_swap_limit_bytes",): details.memory_swap_limit,
        ("container_spec_memory_reservation_limit_bytes",): details.memory_reservation,
        ("container_spec_cpu_period",): details.processor_period,
        ("container_spec_cpu_shares",): details.processor_shares,
    }
    if details.processor_quota is not None:
        shown["container_spec_cpu_quota",] = details.processor_quota
    if details.started is not None:
        shown["container_start_time_seconds",] = details.started
    if details.running:
        shown["container_health_state",] = _HEALTH.get(details.health, 0.0)
        if details.health:
            shown["container_health_failing_streak",] = details.failed_checks
    elif details.finished is not None:
        shown["container_exit_code",] = details.exit_code
    return shown
