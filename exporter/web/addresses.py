"""The sockets that an exporter listens on: those of `--web.listen-address`, or those that systemd hands over."""

import errno
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from exporter.errors import SettingsError

BACKLOG = 128
_EXAMPLE = "127.0.0.1:11042"
_UNIX = "unix:"
_FIRST_DESCRIPTOR = 3  # of those that systemd passes. Source: sd_listen_fds(3)
_HINTS = {
    errno.EADDRINUSE: "is another exporter running there?",
    errno.EACCES: "a port below 1024 needs the capability CAP_NET_BIND_SERVICE, a path the right to write there",
    errno.EADDRNOTAVAIL: "does this machine have that address?",
}


def bind(addresses: Sequence[str]) -> list[socket.socket]:
    """A listening socket for each address. Raises `SettingsError`.

    `HOST:PORT`, `[IPV6]:PORT`, `:PORT` for all interfaces, `unix:PATH`. A port of 0 takes a free one.
    """
    if not addresses:
        raise SettingsError(f"--web.listen-address: expected at least one HOST:PORT, such as {_EXAMPLE}")
    with ExitStack() as opened:
        sockets = [opened.enter_context(_bind(address)) for address in addresses]
        opened.pop_all()
    return sockets


def inherited() -> list[socket.socket]:
    """The listening sockets that systemd passed to this process. Raises `SettingsError`."""
    meant_for_us = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not meant_for_us or not count.isdecimal() or int(count) == 0:
        raise SettingsError("--web.systemd-socket: systemd passed no socket; start the exporter through its .socket unit")
    with ExitStack() as opened:
        sockets = [
            opened.enter_context(_inherited(descriptor))
            for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count))
        ]
        opened.pop_all()
    return sockets


def url(listening: socket.socket, scheme: str) -> str:
    """Where a socket is reached."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"{_UNIX}{name}"
    host, port = name[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _bind(address: str) -> socket.socket:
    try:
        if address.startswith(_UNIX):
            return _bind_path(address.removeprefix(_UNIX))
        host, port = _parsed(address)
        return _bind_all(port) if host is None else _bind_host(host, port)
    except OSError as error:
        number = error.errno or 0
        cause = error.strerror if isinstance(error, socket.gaierror) else os.strerror(number)
        hint = f"; {_HINTS[number]}" if number in _HINTS else ""
        raise SettingsError(f"--web.listen-address: cannot listen on {address}: {cause}{hint}") from None


def _parsed(address: str) -> tuple[str | None, int]:
    host, separator, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not separator or not port.isdecimal() or int(port) > 65535 or (":" in host and not bracketed):
        raise SettingsError(f"--web.listen-address: {address!r}: expected HOST:PORT, such as {_EXAMPLE}")
    return host.strip("[]") or None, int(port)


def _bind_all(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        with suppress(OSError):  # a kernel may know IPv6 and have no address of it; a taken port fails again below
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)  # noqa: S104 - `:PORT` asks for all interfaces


def _bind_host(host: str, port: int) -> socket.socket:
    """Listen at a host's first address, one of IPv4 if there is any."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, *_, place = min(found, key=lambda each: each[0] != socket.AF_INET)
    return socket.create_server(place[:2], family=family, backlog=BACKLOG)


def _bind_path(path: str) -> socket.socket:
    """Listen at a path, in place of a socket that nobody listens on any more. Writing to it is allowed as the umask says."""
    if Path(path).exists() and stat.S_ISSOCK(Path(path).stat().st_mode):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(path)
            except ConnectionRefusedError:
                Path(path).unlink()
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(path)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _inherited(descriptor: int) -> socket.socket:
    try:
        passed = socket.socket(fileno=descriptor)
        passed.set_inheritable(False)
        if passed.type == socket.SOCK_STREAM and passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return passed
        passed.close()
    except OSError:
        pass
    raise SettingsError(
        f"--web.systemd-socket: descriptor {descriptor} is no listening stream socket; the .socket unit needs ListenStream="
    )
