"""Programs that tests need and PyPI does not have: those on the PATH, else Debian's, fetched once and unpacked into `.tools`.

Nothing is installed and no service is started. Without them a test is skipped, except where `CI=true`: there it fails.
"""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

FOLDER = Path(__file__).parent.parent / ".tools"


class _Program(NamedTuple):
    package: str
    """Debian's."""
    names: tuple[str, ...]
    """Debian's name first, then what others call it."""
    folder: str = "usr/bin"


_TOOLS = {
    "prometheus": _Program("prometheus", ("prometheus",)),
    "promtool": _Program("prometheus", ("promtool",)),
    "alertmanager": _Program("prometheus-alertmanager", ("prometheus-alertmanager", "alertmanager")),
    "amtool": _Program("prometheus-alertmanager", ("amtool",)),
    "jsonnetfmt": _Program("jsonnet", ("jsonnetfmt",)),
    "node_exporter": _Program("prometheus-node-exporter", ("prometheus-node-exporter",)),
    "postgres_exporter": _Program("prometheus-postgres-exporter", ("prometheus-postgres-exporter",)),
    "blackbox_exporter": _Program("prometheus-blackbox-exporter", ("prometheus-blackbox-exporter",)),
    "pgbouncer_exporter": _Program("prometheus-pgbouncer-exporter", ("prometheus-pgbouncer-exporter",)),
    "sql_exporter": _Program("prometheus-sql-exporter", ("prometheus-sql-exporter",)),
    "pgbouncer": _Program("pgbouncer", ("pgbouncer",), "usr/sbin"),
    "chromium": _Program("chromium", ("chromium", "chromium-browser", "google-chrome"), "usr/lib/chromium"),
}
_TEMPLATE = Path("usr/share/prometheus/alertmanager/default.tmpl")  # Debian's Alertmanager does not start without it


@functools.cache
def tool(name: str) -> Path:
    """The program of that name in the table above. Start it with `environment(name)` where it has libraries of its own."""
    package, names, folder = _TOOLS[name]
    for candidate in names:
        if found := shutil.which(candidate, path=f"{os.environ.get('PATH', os.defpath)}:/{folder}"):  # few PATHs have /usr/sbin
            return Path(found)
    return unpacked(package) / folder / names[0]


def environment(name: str) -> dict[str, str]:
    """The environment to start a program in: one that was unpacked finds the libraries that were unpacked with it."""
    program = tool(name)
    libraries: set[str] = set()
    if program.is_relative_to(FOLDER):
        root = FOLDER / program.relative_to(FOLDER).parts[0]
        libraries = {str(library.parent) for library in root.glob("usr/lib/*-linux-*/**/lib*.so*")}
    return {**os.environ, "LD_LIBRARY_PATH": ":".join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")]).strip(":")}


def postgresql(major: int) -> Path:
    """The directory of `initdb` and `postgres` of that major version. Debian 12 has 15."""
    programs = Path(f"/usr/lib/postgresql/{major}/bin")
    if (programs / "initdb").is_file():
        return programs
    return unpacked(f"postgresql-{major}") / programs.relative_to("/")


def unpacked(package: str) -> Path:
    """The root of Debian's package, with those that it needs and the machine lacks."""
    root = FOLDER / package
    if not root.is_dir():
        _fetch(package, root)
    return root


def npm(*packages: str) -> Path:
    """The `node_modules` of packages of npm, each NAME@VERSION, fetched once. None of their scripts is run."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            _unavailable(f"{' '.join(packages)} needs {program}; install nodejs and npm")
    root = FOLDER / "npm" / "+".join(package.replace("/", "-") for package in packages)
    if not root.is_dir():
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:
            command = [
                "npm",
                "install",
                "--prefix",
                f"{folder}/made",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--silent",
                *packages,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                _unavailable(f"{' '.join(command)} fails: {done.stderr}")
            _keep(Path(folder, "made"), root)
    return root / "node_modules"


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
        if not _download([package], Path(folder)):
            _unavailable(
                f"the programs of {package} are not on the PATH, and `apt-get download {package}` fails; "
                "install it, or run `apt-get update` as root first"
            )
        if (others := _others(package)) and not _download(others, Path(folder)):
            _unavailable(f"{package} needs {', '.join(others)}, and `apt-get download` fails for them")
        unpacked = Path(folder, "root")
        for archive in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, unpacked], check=True)
        _keep(unpacked, root)


def _keep(made: Path, root: Path) -> None:
    """Put a folder where it belongs at once, so that no other process finds half of it."""
    try:
        made.rename(root)
    except OSError:
        if not root.is_dir():
            raise


def _others(package: str) -> list[str]:
    """The packages that would have to be installed with it."""
    command = ["apt-get", "install", "--simulate", "--no-install-recommends", "--quiet", package]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted({line.split()[1] for line in said.splitlines() if line.startswith("Inst ")} - {package})


def _download(packages: list[str], folder: Path) -> bool:
    download = ["apt-get", "download", "--quiet", *packages]
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
