"""How the exporter is served, as the command line says it. A leaf, so that the command line need not load a server to tell."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_ADDRESS = "127.0.0.1:11042"


@dataclass(frozen=True, slots=True)
class Web:
    """Where to listen, and who may ask how."""

    addresses: tuple[str, ...] = (DEFAULT_ADDRESS,)
    """Each `HOST:PORT`."""
    config_file: Path | None = None
    """TLS, users and headers, in exporter-toolkit's format."""
    systemd_socket: bool = False
    """Whether to listen on the sockets that systemd passes instead of the addresses."""
    max_requests: int = 40
    """How many scrapes are answered at a time; 0 for any number."""
