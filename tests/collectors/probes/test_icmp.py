"""The ICMP probe: real echo requests, on loopback and in network namespaces of their own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from exporter.clients.ping import Echo
from exporter.collectors.probes.icmp import Icmp
from exporter.errors import Denied
from tests.collectors.probes.asking import Found, reason, run


def _may_ping() -> bool:
    try:
        Echo.to("127.0.0.1").close()
    except Denied:
        return False
    return True


pings = pytest.mark.skipif(not _may_ping(), reason="no ICMP socket may be opened: give CAP_NET_RAW or set ping_group_range")

# Each runs one probe in a network namespace, so that nothing of the machine's own settings is touched.
SCRIPT = """
import asyncio, json, os, socket, struct, sys, threading
from exporter.collectors.probes.icmp import Icmp
from exporter.errors import PollError
spoof, settings = json.loads(sys.argv[1]), json.loads(sys.argv[2])

def forge(listening, kind):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        listening.set()
        while True:
            packet = raw.recv(2000)[20:]
            if packet[0] != 8:
                continue
            head = list(struct.unpack("!BBHHH", packet[:8]))
            payload = packet[8:]
            head[0], head[2] = 0, 0
            if kind == "identifier": head[3] ^= 1
            if kind == "sequence": head[4] ^= 1
            if kind == "payload": payload = payload[:-1] + bytes([payload[-1] ^ 1])
            reply = struct.pack("!BBHHH", *head) + payload
            total = sum(struct.unpack(f"!{len(reply) // 2}H", reply))
            while total >> 16: total = (total & 0xFFFF) + (total >> 16)
            reply = reply[:2] + struct.pack("!H", 0xFFFF - total) + reply[4:]
            raw.sendto(reply, ("127.0.0.1", 0))

if spoof:
    listening = threading.Event()
    threading.Thread(target=forge, args=(listening, spoof), daemon=True).start()
    listening.wait()

async def main():
    probe = Icmp.model_validate(settings)
    try:
        found = [[s.metric.name, *s.labels[1:], s.value] async for s in probe.collect()]
    except PollError as error:
        found = [["error", error.reason, str(error), 1]]
    print(json.dumps([found, sum(probe.log.values(), [])]))

asyncio.run(main())
"""


def isolated(setup: str, spoof: str = "", **settings: object) -> tuple[Found, str]:
    """What a probe finds in a network namespace that `setup` has prepared, and its log."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("needs the programs unshare and ip")
    as_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--net", *as_user, "sh", "-c", f'set -e; ip link set lo up; {setup}exec "$@"', "sh"]
    program = [sys.executable, "-c", SCRIPT, json.dumps(spoof), json.dumps({"target": "127.0.0.1", "timeout": 1.5, **settings})]
    done = subprocess.run([*command, *without_rights(setup), *program], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode and "unshare" in done.stderr:
        pytest.skip(f"no network namespace can be made: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    samples, log = json.loads(done.stdout)
    return {tuple(key): value for *key, value in samples}, "\n".join(log)


def without_rights(setup: str) -> list[str]:
    """Without the right to raw sockets, where the namespace says who may have the others."""
    return ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if "ping_group_range" in setup else []


QUIET = "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all; "
OPEN = 'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range; '
CLOSED = 'echo "1 0" > /proc/sys/net/ipv4/ping_group_range; '


@pings
@pytest.mark.parametrize(("target", "protocol"), [("127.0.0.1", 4), ("::1", 6), ("[::1]", 6)])
async def test_a_host_that_answers(target: str, protocol: int) -> None:
    found = await run(Icmp, target=target)
    assert (reason(found), found["probe_ip_protocol",]) == (None, protocol)
    phases = {key[1]: value for key, value in found.items() if key[0] == "probe_icmp_duration_seconds"}
    assert sorted(phases) == ["resolve", "rtt", "setup"]
    assert all(elapsed > 0 for elapsed in phases.values())
    assert found["probe_icmp_reply_hop_limit",] == 64


@pings
@pytest.mark.parametrize("size", [0, 1, 36, 1400, 60_000])
async def test_a_payload_of_any_size(size: int) -> None:
    assert reason(await run(Icmp, target="127.0.0.1", payload_size=size, ttl=3, source_ip_address="127.0.0.1")) is None


@pings
async def test_peers_are_asked_at_the_same_time_and_told_apart() -> None:
    peers = [f"127.0.0.{number}" for number in range(1, 51)]
    collector = Icmp.model_validate({"targets": peers, "timeout": "5s"})
    up = {sample.labels[0]: sample.value async for sample in collector.collect() if sample.metric.name == "probe_success"}
    assert up == dict.fromkeys(peers, 1)


async def test_a_name_that_does_not_resolve() -> None:
    assert reason(await run(Icmp, target="no-such-host.invalid")) == "dns"


@pytest.mark.parametrize("setup", [CLOSED, OPEN])
def test_unprivileged_where_the_kernel_lets_it_and_what_to_do_elsewhere(setup: str) -> None:
    found, log = isolated(setup)
    if setup == OPEN:
        assert (reason(found), "unprivileged" in log) == (None, True)
        assert found["probe_icmp_reply_hop_limit",] == 64
    else:
        [(_, kind, message)] = found
        assert (kind, "net.ipv4.ping_group_range" in message, "CAP_NET_RAW" in message) == ("denied", True, True)


def test_unprivileged_over_ipv6() -> None:
    found, log = isolated(OPEN, target="::1")
    assert (reason(found), "unprivileged" in log, found["probe_icmp_reply_hop_limit",]) == (None, True, 64)


def test_no_reply_is_a_timeout() -> None:
    found, _ = isolated(QUIET)
    assert reason(found) == "timeout"
    assert ("probe_icmp_reply_hop_limit",) not in found


def test_a_reply_made_up_rightly_counts() -> None:
    """Without which the next test would prove nothing."""
    assert reason(isolated(QUIET, "nothing")[0]) is None


@pytest.mark.parametrize("spoof", ["identifier", "sequence", "payload"])
def test_replies_to_other_requests_do_not_count(spoof: str) -> None:
    assert reason(isolated(QUIET, spoof)[0]) == "timeout"


def test_no_route_is_unreachable() -> None:
    assert reason(isolated("", target="192.0.2.1")[0]) == "unreachable"


def test_too_long_to_go_in_one_piece() -> None:
    small = "ip link set lo mtu 1500; "
    assert reason(isolated(small, payload_size=3000)[0]) is None
    assert reason(isolated(small, payload_size=3000, dont_fragment=True)[0]) == "unreachable"


@pytest.mark.parametrize("target", ["http://host/", "host:80", "a@host", ""])
def test_wrong_targets(target: str) -> None:
    with pytest.raises(ValidationError, match="expected"):
        Icmp(target=target)


@pings
@pytest.mark.parametrize(
    "change", [lambda packet: packet[:27], lambda packet: b"", lambda packet: packet[:20], lambda packet: b"\x4f" + packet[1:]]
)
def test_what_is_no_reply_is_passed_over(change: Callable[[bytes], bytes]) -> None:
    echo = Echo.to("127.0.0.1")
    try:
        reply = b"\x00" + echo.request()[1:]
        whole = b"\x45" + bytes(19) + reply if echo.raw else reply
        assert (echo.answers(whole), echo.answers(change(whole))) == (True, False)
    finally:
        echo.close()
