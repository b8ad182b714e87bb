"""Where the bundle's sources are: beside the package in a checkout, inside it in an installation."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def sources_folder() -> Path:
    """The folder that holds `dashboards` and `alerts`."""
    bundled = _PACKAGE / "bundled"
    return bundled if bundled.is_dir() else _PACKAGE.parent


def alerts_folder() -> Path:
    """The alerts and their runbooks."""
    return sources_folder() / "alerts"
