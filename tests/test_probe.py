"""Probes on demand: what is allowed, which modules there are, and what is shown to people."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from exporter.collectors.probes.tcp import Tcp
from exporter.errors import SettingsError
from exporter.exposition import Format
from exporter.probe import DEFAULT_MODULES, Found, Prober, Refused
from exporter.settings import load

COLLECTORS = "collectors:\n- kind: node\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bellwether.yml"


def prober(file: Path, probe: str) -> Prober:
    file.write_text(f"{COLLECTORS}probe:\n{probe}\n")
    return load(file).prober


def values(found: Found) -> dict[str, float]:
    return {sample.name: sample.value for family in parse(found.page(Format.TEXT).decode()) for sample in family.samples}


def test_modules_are_there_without_settings_once_targets_are_allowed(file: Path) -> None:
    assert prober(file, "  targets: ['*:22']").modules.keys() == DEFAULT_MODULES.keys()
    assert prober(file, "  targets: []").modules == {}


def test_a_module_may_be_taken_as_it_is(file: Path) -> None:
    modules = prober(file, "  targets: ['*']\n  modules:\n    icmp:\n    mine: {kind: tcp, timeout: 3s}").modules
    assert {name: module.kind for name, module in modules.items()} == {"icmp": "icmp", "mine": "tcp"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{kind: node}", "expected a kind of probe"),
        ("{kind: tcp, target: 'a:1'}", "takes its target from the request"),
        ("{kind: http, bearer_token: hunter2}", "may hold no secret"),
        ("{kind: http, username: bob, password: hunter2}", "may hold no secret"),
        ("{kind: dns}", "a value is required"),
        ("", "expected a mapping with the key kind"),
    ],
)
def test_modules_that_cannot_be(file: Path, entry: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        prober(file, f"  targets: ['*']\n  modules:\n    x: {entry}")
    assert "probe.modules.x" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("pattern", "module", "target", "allowed"),
    [
        ("db.example:5432", "tcp_connect", "db.example:5432", True),
        ("db.example:5432", "tcp_connect", "db.example:22", False),
        ("db.example:5432", "icmp", "db.example", False),
        ("db.example", "tcp_connect", "db.example:22", False),
        ("db.example", "icmp", "DB.example", True),
        ("*.example", "icmp", "a.b.example", True),
        ("*.example", "icmp", "example.evil", False),
        ("db.example:*", "tcp_connect", "db.example:22", True),
        ("db.example:5432", "tcp_connect", "evil@db.example:5432", False),
        ("db.example:5432", "http_2xx", "http://db.example:5432/", False),
        ("db.example:80", "http_2xx", "db.example", False),
        ("http://db.example/*", "http_2xx", "db.example", True),
        ("http://db.example/*", "tcp_connect", "db.example:80", False),
        ("http://db.example/*", "http_2xx", "http://db.example/../x?y#z", True),
        ("*:53", "dns_udp", "192.0.2.53", True),
        ("*:53", "dns_udp", "192.0.2.53:5353", False),
        ("[2001:db8::1]:53", "dns_udp", "2001:db8::1", True),
        ("[2001:db8::1]", "icmp", "2001:db8::1", True),
        ("*", "icmp", "a/b", False),
        ("*", "icmp", "host:80", False),
    ],
)
async def test_targets_are_allowed_by_host_and_port(file: Path, pattern: str, module: str, target: str, allowed: bool) -> None:
    asked = prober(file, f"  targets: ['{pattern}']")
    try:
        asked.describe(target, module, None)  # type: ignore[arg-type]  # judged before anything is shown
    except Refused as refusal:
        found = refusal.status != 403
    except AttributeError:
        found = True
    assert found == allowed


async def test_a_tcp_probe_on_demand_shows_its_steps_to_people(file: Path) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.7\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        asked = prober(file, "  targets: ['127.0.0.1:*']")
        found = await asked.probe(target, "ssh_banner", 5)
        page = asked.describe(target, "ssh_banner", found)
    assert (values(found)["probe_success"], values(found)["probe_timeout_seconds"]) == (1, 4.5)  # what Prometheus waits counts
    assert "read 'SSH-2.0-OpenSSH_9.7'" in page
    assert "sending 'SSH-2.0-bellwether-probe\\r'" in page
    assert page.startswith(f"target {target}\nmodule ssh_banner\n\nlog:\n")
    assert "instance" not in found.page(Format.TEXT).decode()


async def test_a_probe_that_is_out_of_time_still_tells_how_far_it_came(file: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        found = await prober(file, "  targets: ['127.0.0.1:*']").probe(target, "ssh_banner", 0.6)
    assert (values(found)["probe_success"], values(found)["probe_ip_protocol"]) == (0, 4)
    assert "out of time" in "\n".join(found.steps)


async def test_the_name_to_ask_for_goes_to_probes_that_ask_for_one() -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    from exporter.collectors.probes.http import Http

    async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        asked = Prober({"http_2xx": Http(target="http://a/"), "tcp": Tcp(target="a:1")}, ("http://127.0.0.1:*/",))
        found = await asked.probe(f"http://127.0.0.1:{port}/", "http_2xx", 5, "shop.example")
    assert values(found)["probe_success"] == 1
    assert b"\r\nhost: shop.example\r\n" in heads[0].lower()
