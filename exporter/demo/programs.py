"""Prometheus, its promtool and Alertmanager, where they are on the machine, as children that end with the demo."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from exporter.errors import DemoError

_NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),  # Debian's name, and everybody else's
}
_TEMPLATE = Path("usr/share/prometheus/alertmanager/default.tmpl")  # Debian's Alertmanager does not start without it
_PATIENCE = 10.0  # seconds for a program to end
# Ends the programs whose ids it is told, and removes their folder, when who started it ends in whatever way.
_GUARD = """
pids=; while read -r pid; do pids="$pids $pid"; done
[ -d "$1" ] && [ -n "$pids" ] && kill $pids && sleep 2
rm -rf "$1"
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where each is."""

    prometheus: Path
    promtool: Path
    alertmanager: Path

    def alertmanager_command(self, *arguments: str) -> list[str]:
        """How to start Alertmanager. One that was unpacked without being installed sees its template in a private view."""
        share = self.alertmanager.parent.parent / "share"
        unpacked = (share.parent.parent / _TEMPLATE).exists() and not (Path("/") / _TEMPLATE).exists()
        if not unpacked:
            return [str(self.alertmanager), *arguments]
        view = f'mount -t overlay overlay -o "lowerdir={share}:/usr/share" /usr/share && exec "$@"'
        as_user = [] if os.geteuid() == 0 else ["--map-root-user"]
        return ["unshare", "--mount", *as_user, "sh", "-c", view, "sh", str(self.alertmanager), *arguments]


def find(folder: Path | None = None) -> tuple[Programs | None, list[str]]:
    """All three, or the names of those that are missing; looked for on the PATH, and first below `folder` if given."""
    found = {name: _which(names, folder) for name, names in _NAMES.items()}
    missing = [name for name, path in found.items() if path is None]
    return (None if missing else Programs(**{name: path for name, path in found.items() if path}), missing)


def _which(names: Sequence[str], folder: Path | None) -> Path | None:
    places = [folder, *folder.glob("*/usr/bin"), *folder.glob("bin")] if folder else []
    path = os.pathsep.join([*map(str, places), os.environ.get("PATH", os.defpath)])
    for name in names:
        if there := shutil.which(name, path=path):
            return Path(there).resolve()
    return None


class Children:
    """Programs in a folder that goes with them: `with Children(folder) as children: children.start("prometheus", command)`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cleanup = contextlib.ExitStack()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._guard = subprocess.Popen(  # noqa: S603 - a constant, and a folder of our own
            ["/bin/sh", "-c", _GUARD, "sh", str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._guard.kill()  # there is nothing left to guard, and the ids may be others' by now
        self._guard.communicate()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a program out of the terminal's reach; what it says goes into a file of its name."""
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the programs are those found, with arguments of the demo's own
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,
            )
        self._running[name] = process
        if self._guard.stdin is not None:
            self._guard.stdin.write(f"{process.pid}\n".encode())
            self._guard.stdin.flush()

    def ended(self, name: str) -> bool:
        """Whether a program that was started is no longer there."""
        return self._running[name].poll() is not None

    def said(self, name: str) -> str:
        """The last line that a program wrote."""
        lines = (self._folder / f"{name}.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""


async def run_to_end(folder: Path, *command: str) -> None:
    """Run a program to its end, behind all others. Raises `DemoError`.

    What it keeps aside for a while goes into the folder too: promtool that is ended halfway does not clear up after itself.
    """
    process = await asyncio.create_subprocess_exec(
        "nice", "-n", "10", *command,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        start_new_session=True, env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise DemoError(f"{' '.join(command[:4])} failed in {folder}: {' '.join(last) or process.returncode}")
