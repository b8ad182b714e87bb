"""Programs that tests need and PyPI does not have: those on the PATH, else Debian's, fetched once and unpacked into `.tools`.

Nothing is installed and no service is started. Without them a test is skipped, except where `CI=true`: there it fails.
"""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

FOLDER = Path(__file__).parent.parent / ".tools"

_TOOLS = {  # Debian's package, and the program's names: others call Alertmanager otherwise than Debian
    "prometheus": ("prometheus", ("prometheus",)),
    "promtool": ("prometheus", ("promtool",)),
    "alertmanager": ("prometheus-alertmanager", ("prometheus-alertmanager", "alertmanager")),
    "amtool": ("prometheus-alertmanager", ("amtool",)),
    "jsonnetfmt": ("jsonnet", ("jsonnetfmt",)),
}
_TEMPLATE = Path("usr/share/prometheus/alertmanager/default.tmpl")  # Debian's Alertmanager does not start without it


@functools.cache
def tool(name: str) -> Path:
    """The program: `prometheus`, `promtool`, `alertmanager`, `amtool` or `jsonnetfmt`."""
    package, names = _TOOLS[name]
    for candidate in names:
        if found := shutil.which(candidate):
            return Path(found)
    root = FOLDER / package
    if not root.is_dir():
        _fetch(package, root)
    return root / "usr/bin" / names[0]


def alertmanager_command(*arguments: str) -> list[str]:
    """How to start Alertmanager. One that was only unpacked sees its templates in a private view of /usr/share."""
    program = tool("alertmanager")
    if not program.is_relative_to(FOLDER) or (Path("/") / _TEMPLATE).exists():
        return [str(program), *arguments]
    share = program.parent.parent / "share"
    view = f'mount -t overlay overlay -o "lowerdir={share}:/usr/share" /usr/share && exec "$@"'
    as_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *as_user, "sh", "-c", view, "sh", str(program), *arguments]


def _fetch(package: str, root: Path) -> None:
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            _unavailable(f"the programs of {package} are not on the PATH, and without {program} they cannot be fetched")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        if not _download(package, Path(folder)):
            _unavailable(
                f"the programs of {package} are not on the PATH, and `apt-get download {package}` fails; "
                "install it, or run `apt-get update` as root first"
            )
        [archive] = Path(folder).glob("*.deb")
        unpacked = Path(folder, "root")
        subprocess.run(["dpkg", "-x", archive, unpacked], check=True)
        try:
            unpacked.rename(root)  # at once, so that no other process finds half of it
        except OSError:
            if not root.is_dir():
                raise


def _download(package: str, folder: Path) -> bool:
    download = ["apt-get", "download", "--quiet", package]
    if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode == 0:
        return True
    if os.geteuid() != 0:
        return False
    # A fresh container has no package lists, and only root may fetch them.
    subprocess.run(["apt-get", "update", "--quiet"], capture_output=True, check=False)
    return subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode == 0


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
