"""A container engine that speaks Docker's Engine API, Docker or Podman, over a unix socket or TCP. Only ever read.

Source: https://docs.docker.com/reference/api/engine/, https://docs.podman.io/en/latest/_static/api.html
"""

import asyncio
import contextlib
import grp
import json
import re
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from exporter.errors import Denied, Malformed, PollError, TimedOut, Unreachable

Json = Mapping[str, Any]

_NEWEST = (1, 51)  # of the API, as far as it is known here: an engine that has a newer one is asked for this
_CONNECTIONS = 8  # at once: the engine is there for others
_VERSION = re.compile(r"(\d+)\.(\d+)")
_PARENTHESES = re.compile(r"\([^)]*\)")
_STATES = {"configured": "created", "initialized": "created", "stopped": "exited", "stopping": "running"}
"""States that Podman has beside Docker's, and what they come to."""
_PERIOD = 100_000  # microseconds: the scheduler's period unless another is asked for


class About(NamedTuple):
    """What an engine says of itself and its machine."""

    engine: str
    """`docker` or `podman`."""
    version: str
    api_version: str
    """The version that both sides speak."""
    processors: float | None
    memory: float | None
    """Bytes that the machine has."""


class Listed(NamedTuple):
    """One container, as the list of all has it."""

    id: str
    name: str
    image: str
    state: str
    labels: Mapping[str, str]
    created: float | None
    """In Unix time."""
    condition: str
    """What the list says of exit and health, in the engine's words: `(healthy)`, `(137)`."""
    young: bool
    """Whether it started or ended within the last minute, so that what is known of it may be of the run before."""


class Details(NamedTuple):
    """What is asked for one by one. Of the environment, the command and the mounts nothing is kept."""

    image: str
    """As it was asked for: the list shows a digest once the tag has moved on."""
    process: int
    """The first process, in the engine's own numbering; 0 for none."""
    started: float | None
    """In Unix time; None when it never was."""
    finished: float | None
    running: bool
    """Whether there is a process, be it paused."""
    exit_code: float
    out_of_memory: bool
    """Whether its last run was ended for lack of memory."""
    restarts: float
    """By the engine, since a person last started it."""
    health: str
    """`starting`, `healthy`, `unhealthy`; empty without a health check."""
    failed_checks: float
    """In a row."""
    memory_limit: float
    """Bytes; 0 for none. So are the other two."""
    memory_swap_limit: float
    memory_reservation: float
    processor_shares: float
    processor_quota: float | None
    """Microseconds of processor time in each period; None when there is no limit."""
    processor_period: float
    own_network: bool
    """Whether it has a network of its own: neither the machine's, nor another container's, nor none."""


class Engine:
    """One engine. The API's version is negotiated at the first request, and again after a failure.

    `address` is `unix:///path`, `tcp://host:port`, `http://` or `https://`. No request takes longer than `patience`.
    """

    def __init__(self, address: str, patience: float, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        scheme, _, place = address.partition("://")
        self.socket = Path(place) if scheme == "unix" else None
        """Where its socket is; None for an engine at the other end of a network."""
        self._url = "http://engine" if self.socket else f"{'https' if tls or scheme == 'https' else 'http'}://{place}"
        self._patience, self._tls = patience, tls
        self._client: httpx.AsyncClient | None = None
        self._about: About | None = None
        self._turns = asyncio.Semaphore(_CONNECTIONS)

    async def about(self) -> About:
        """What it is, asked once. Raises `PollError`, as all do that ask the engine."""
        if self._about is None:
            version = await self._json("/version")
            offered = _VERSION.match(str(version.get("ApiVersion", ""))) if isinstance(version, dict) else None
            if offered is None:
                raise Malformed(f"{self.address} names no ApiVersion at /version; expected the Engine API of Docker or Podman")
            major, minor = min((int(offered[1]), int(offered[2])), _NEWEST)
            components = [str(part.get("Name")) for part in version.get("Components") or [] if isinstance(part, dict)]
            try:
                machine = await self._json(f"/v{major}.{minor}/info") or {}
            except Denied:  # proxies of the socket keep it to themselves as a rule
                machine = {}
            self._about = About(
                "podman" if "Podman Engine" in components else "docker",
                str(version.get("Version", "")),
                f"{major}.{minor}",
                *(_positive(machine.get(key)) for key in ("NCPU", "MemTotal")),
            )
        return self._about

    async def containers(self) -> list[Listed]:
        """All containers, stopped ones too."""
        answer = await self._ask("/containers/json?all=true")
        try:
            return [_listed(entry) for entry in answer]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise Malformed(f"{self.address} lists containers otherwise than the Engine API does: {error!r}") from None

    async def details(self, container: str) -> Details | None:
        """One container by id; None when it is gone."""
        answer = await self._ask(f"/containers/{container}/json")
        try:
            return None if answer is None else _details(answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Malformed(f"{self.address} describes a container otherwise than the Engine API does: {error!r}") from None

    async def stats(self, container: str) -> Json | None:
        """The engine's own figures of a running container, taken once; None when it is gone."""
        answer = await self._ask(f"/containers/{container}/stats?stream=false&one-shot=true")
        if not isinstance(answer, dict | None):
            raise Malformed(f"{self.address} gives figures otherwise than the Engine API does: {type(answer).__name__}")
        return answer

    async def close(self) -> None:
        """Close the connections; the next request opens new ones, and negotiates again."""
        client, self._client, self._about = self._client, None, None
        if client is not None:
            await client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, path: str) -> Any:
        about = await self.about()
        return await self._json(f"/v{about.api_version}{path}")

    async def _json(self, path: str) -> Any:
        """The answer; None for one that is not there, or no longer."""
        asked = f"GET {path.partition('?')[0]} at {self.address}"
        async with self._turns:
            if self._client is None:
                transport = httpx.AsyncHTTPTransport(
                    uds=str(self.socket) if self.socket else None,
                    verify=self._tls if self._tls is not None else self.socket is None,  # loading authorities takes a while
                    limits=httpx.Limits(max_connections=_CONNECTIONS),
                )
                self._client = httpx.AsyncClient(transport=transport, base_url=self._url, timeout=self._patience)
            try:
                async with asyncio.timeout(self._patience):
                    response = await self._client.get(path)
            except (TimeoutError, httpx.TimeoutException):
                raise TimedOut(
                    f"no answer to {asked} within {self._patience:g} s; the engine hangs or has too much to do"
                ) from None
            except (OSError, httpx.TransportError) as error:
                raise self._no_connection(error) from None
        if response.status_code in {404, 409}:
            return None
        if response.status_code in {401, 403}:
            raise Denied(f"{asked} was refused with {response.status_code}; what stands before the socket has to allow it")
        if response.status_code >= 500:
            raise Unreachable(f"{asked} was answered with {response.status_code}; the engine's log says why")
        with contextlib.suppress(ValueError):
            if response.status_code == 200:
                return json.loads(response.content) if response.content else None
        kind = response.headers.get("content-type", "no type")
        raise Malformed(
            f"{asked} was answered with {response.status_code} and {kind}, expected 200 and JSON; is it an engine's socket?"
        )

    def _no_connection(self, error: BaseException) -> PollError:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, PermissionError) and self.socket:
            return Denied(f"{self.socket} may not be used: {_entry(self.socket)}; no more is needed than to read from it")
        if isinstance(cause, FileNotFoundError):
            return Unreachable(f"{self.socket} does not exist; is the engine running, and its socket mounted here?")
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable(f"nobody listens at {self.address}; is the engine running?")
        reason = (cause.strerror if isinstance(cause, OSError) else None) or str(error) or type(error).__name__
        return Unreachable(f"{self.address} cannot be reached: {reason}")


def _entry(socket: Path) -> str:
    """Who may use a socket, and so how to become one of them."""
    try:
        group_id = socket.stat().st_gid
        group = grp.getgrgid(group_id).gr_name
    except OSError:
        return "its directory is closed to this user; a rootless engine's socket is for its owner alone"
    except KeyError:
        group = str(group_id)
    if group_id == 0:
        return "it is for root alone; run as its owner, or set SocketMode and SocketGroup of the engine's socket unit"
    return (
        f"it is for the group {group}; add this user to it (usermod -aG {group} USER), "
        f"or start the exporter's container with --group-add {group_id}"
    )


def _listed(entry: Json) -> Listed:
    status, state = str(entry.get("Status") or ""), str(entry["State"]).lower()
    names = entry.get("Names") or [entry["Id"][:12]]
    return Listed(
        id=str(entry["Id"]),
        name=str(min(names, key=lambda name: name.count("/"))).removeprefix("/"),  # a linked container has /other/alias too
        image=str(entry.get("Image") or ""),
        state=_STATES.get(state, state),
        labels={str(key): str(value) for key, value in (entry.get("Labels") or {}).items()},
        created=_positive(entry.get("Created")),
        condition=" ".join(_PARENTHESES.findall(status)),
        young="second" in status,
    )


def _details(answer: Json) -> Details:
    state, host = answer["State"], answer.get("HostConfig") or {}
    health = state.get("Health") or state.get("Healthcheck") or {}
    status = str(health.get("Status") or "")
    period = float(host.get("CpuPeriod") or _PERIOD)
    quota = float(host.get("CpuQuota") or 0) or float(host.get("NanoCpus") or 0) * period / 1e9
    mode = str(host.get("NetworkMode") or "")
    return Details(
        image=str((answer.get("Config") or {}).get("Image") or ""),
        process=int(state.get("Pid") or 0),
        started=_time(state.get("StartedAt")),
        finished=_time(state.get("FinishedAt")),
        running=bool(state.get("Running") or state.get("Paused")) and not state.get("Restarting"),  # Docker sets both
        exit_code=float(state.get("ExitCode") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        restarts=float(answer.get("RestartCount") or 0),
        health="" if status == "none" else status,
        failed_checks=float(health.get("FailingStreak") or 0),
        memory_limit=max(0.0, float(host.get("Memory") or 0)),
        memory_swap_limit=max(0.0, float(host.get("MemorySwap") or 0)),
        memory_reservation=max(0.0, float(host.get("MemoryReservation") or 0)),
        processor_shares=float(host.get("CpuShares") or 1024),
        processor_quota=quota if quota > 0 else None,
        processor_period=period,
        own_network=mode not in {"host", "none"} and not mode.startswith("container:"),
    )


def _time(text: object) -> float | None:
    """In Unix time; None for the year 1, by which the engines say never."""
    moment = datetime.fromisoformat(text) if isinstance(text, str) and text else None
    return None if moment is None or moment.year <= 1 else moment.timestamp()


def _positive(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
