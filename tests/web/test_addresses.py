"""Where an exporter listens."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from exporter.errors import SettingsError
from exporter.web.addresses import bind, inherited
from tests.web.serving import client, serving

# What systemd does between fork and exec, and then the exporter's side.
SYSTEMD = """
import os, sys
for wanted, passed in enumerate(sys.argv[1:3], 3):
    os.dup2(int(passed), wanted)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="a:b")
os.execv(sys.executable, [sys.executable, "-c", sys.argv[3]])
"""
ACTIVATED = """
import asyncio, os, sys
from exporter.web import Listener
from tests.web.serving import hello

async def main():
    listener = Listener(hello, ["192.0.2.1:1"], systemd_socket=True)
    assert not [name for name in os.environ if name.startswith("LISTEN_")]
    print(*listener.urls, flush=True)
    serving = asyncio.create_task(listener.serve())
    await asyncio.to_thread(sys.stdin.readline)
    listener.stop()
    await serving

asyncio.run(main())
"""


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def test_several_addresses_are_served_at_once() -> None:
    sixth = ["[::1]:0"] if has_ipv6() else []
    async with serving(addresses=["127.0.0.1:0", "localhost:0", *sixth]) as listener:
        expected = ["http://127.0.0.1", "http://127.0.0.1", "http://[::1]"]
        assert [url.rpartition(":")[0] for url in listener.urls] == expected[: 2 + len(sixth)]
        for url in listener.urls:
            async with httpx.AsyncClient(trust_env=False) as http:
                assert (await http.get(url)).text == "hello"


async def test_a_port_alone_stands_for_all_interfaces() -> None:
    async with serving(addresses=[":0"]) as listener:
        port = httpx.URL(listener.urls[0]).port
        hosts = ["127.0.0.1", "[::1]"] if has_ipv6() else ["127.0.0.1"]
        async with httpx.AsyncClient(trust_env=False) as http:
            assert [(await http.get(f"http://{host}:{port}")).text for host in hosts] == ["hello"] * len(hosts)


async def test_a_unix_socket_serves_and_is_taken_over_when_nobody_listens_any_more(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    for _ in range(2):
        async with serving(addresses=[f"unix:{path}"]) as listener:
            assert listener.urls == [f"unix:{path}"]
            transport = httpx.AsyncHTTPTransport(uds=str(path))
            async with httpx.AsyncClient(transport=transport) as http:
                assert (await http.get("http://exporter/")).text == "hello"
            with pytest.raises(
                SettingsError, match=f"cannot listen on unix:{path}: Address already in use; is another exporter"
            ):
                bind([f"unix:{path}"])


def test_a_file_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(SettingsError, match="Address already in use"):
        bind([f"unix:{path}"])
    assert path.read_text() == "precious"


@pytest.mark.parametrize("address", ["11042", "localhost", "127.0.0.1:http", "127.0.0.1:70000", "::1:11042", "::1", ""])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"expected HOST:PORT, such as 127\.0\.0\.1:11042"):
        bind([address])


def test_no_address_at_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected at least one HOST:PORT"):
        bind([])


def test_a_taken_address_is_named_and_what_was_bound_before_it_is_free_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        free, address = f"127.0.0.1:{other.getsockname()[1]}", f"127.0.0.1:{taken.getsockname()[1]}"
        other.close()
        with pytest.raises(SettingsError, match=f"cannot listen on {address}: Address already in use; is another exporter"):
            bind([free, address])
    for listening in bind([free]):
        listening.close()


def test_an_address_that_this_machine_has_not_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1:0: Cannot assign requested address"):
        bind(["192.0.2.1:0"])


def test_sockets_of_systemd_are_served_by_a_process_that_inherits_them(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.socket(socket.AF_UNIX) as second:
        second.bind(str(tmp_path / "socket"))
        second.listen()

        passed = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD_CLOEXEC, 10) for each in (first, second)]
        with subprocess.Popen(
            [sys.executable, "-c", SYSTEMD, *map(str, passed), ACTIVATED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=passed,
        ) as process:
            for descriptor in passed:
                os.close(descriptor)
            assert process.stdout is not None
            urls = process.stdout.readline().split()
            address = f"http://127.0.0.1:{first.getsockname()[1]}"
            assert urls == [address, f"unix:{tmp_path / 'socket'}"]
            assert httpx.get(address, trust_env=False).text == "hello"
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "socket"))) as http:
                assert http.get("http://exporter/").text == "hello"
            process.communicate("stop\n", timeout=20)
        assert process.returncode == 0
    assert (tmp_path / "socket").exists()  # it is systemd's


@pytest.mark.parametrize(
    "environment", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": "us", "LISTEN_FDS": "0"}]
)
def test_without_a_socket_of_systemd_the_start_fails(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in ("LISTEN_PID", "LISTEN_FDS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.replace("us", str(os.getpid())))
    with pytest.raises(SettingsError, match=r"--web\.systemd-socket: systemd passed no socket"):
        inherited()


async def test_its_port_is_free_again_after_it_stopped() -> None:
    async with serving() as listener, client(listener) as http:
        await http.get("/")
        port = httpx.URL(listener.urls[0]).port
    assert port is not None
    with socket.create_server(("127.0.0.1", port)):
        pass
