"""Protocols, sockets, interfaces and connection tracking, as the kernel writes them."""

from pathlib import Path

import pytest

from exporter.collectors.node import Node
from tests.collectors.node.reading import collected, figures, on, write


@pytest.fixture
def network(procfs: Path, sysfs: Path) -> Node:
    """A host with a firewall, two neighbours, and sockets of both versions."""
    write(
        procfs,
        {
            "net/snmp": "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoMax CurrEstab\nTcp: -1 8\nUdp: InDatagrams\nUdp: 21\n",
            "net/netstat": "TcpExt: ListenDrops Other\nTcpExt: 5 6\nIpExt: InOctets\nIpExt: 62\n",
            "net/snmp6": "Ip6InOctets                     \t460\nUdp6RcvbufErrors                \t9\nIcmp6InType1 \t1\n",
            "net/sockstat": "sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1\nFRAG: inuse 0 memory 3\n",
            "net/sockstat6": "TCP6: inuse 17\n",
            "net/arp": "IP address HW type Flags HW address Mask Device\n"
            "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0\n192.0.2.2 0x1 0x2 02:fc:00:00:00:06 * eth0\n",
            "net/softnet_stat": "0000000a 00000001 00000002"
            + " 00000000" * 5
            + " 00000003 00000004 00000005 00000006 00000002\n"
            "00000010 00000000 00000000" + " 00000000" * 8 + "\n",
            "net/udp": "  sl  local_address rem_address   st tx_queue rx_queue tr\n"
            "   0: 00000000:0016 00000000:0000 07 0000000A:00000001 00:0\n"
            "   1: 00000000:0017 00000000:0000 07 00000001:00000002 00:0\n",
            "net/tcp": "  sl  local_address rem_address   st tx_queue rx_queue tr\n"
            "   0: 00000000:0016 00000000:0000 0A 00000000:00000001 00:0\n"
            "   1: 00000000:0016 01000000:0100 01 00000005:00000000 00:0\n",
            "net/stat/nf_conntrack": "entries found invalid drop\n00000021 00000003 00000001 0000000a\n"
            "00000021 00000002 00000001 00000001\n",
            "sys/net/netfilter/nf_conntrack_count": "123\n",
            "sys/net/netfilter/nf_conntrack_max": "65536\n",
        },
    )
    return on(procfs, sysfs, subjects={"tcpstat": True})


async def test_protocols_are_told_as_far_as_the_kernel_counts_them(network: Node) -> None:
    assert figures(await collected(network), "node_netstat_") == {
        ("node_netstat_Ip_Forwarding", ()): 1.0,
        ("node_netstat_Tcp_CurrEstab", ()): 8.0,
        ("node_netstat_Udp_InDatagrams", ()): 21.0,
        ("node_netstat_TcpExt_ListenDrops", ()): 5.0,
        ("node_netstat_IpExt_InOctets", ()): 62.0,
        ("node_netstat_Ip6_InOctets", ()): 460.0,
        ("node_netstat_Udp6_RcvbufErrors", ()): 9.0,
    }


async def test_sockets_neighbours_and_queues(network: Node) -> None:
    page = 4096
    prefixes = ("node_sockstat", "node_arp", "node_udp", "node_tcp")
    assert figures(await collected(network), prefixes) == {
        ("node_sockstat_sockets_used", ()): 229.0,
        ("node_sockstat_TCP_inuse", ()): 4.0,
        ("node_sockstat_TCP_orphan", ()): 0.0,
        ("node_sockstat_TCP_tw", ()): 4.0,
        ("node_sockstat_TCP_alloc", ()): 17.0,
        ("node_sockstat_TCP_mem", ()): 1.0,
        ("node_sockstat_TCP_mem_bytes", ()): 1.0 * page,
        ("node_sockstat_FRAG_inuse", ()): 0.0,
        ("node_sockstat_FRAG_memory", ()): 3.0,
        ("node_sockstat_TCP6_inuse", ()): 17.0,
        ("node_arp_entries", ("eth0",)): 2.0,
        ("node_udp_queues", ("tx", "v4")): 11.0,
        ("node_udp_queues", ("rx", "v4")): 3.0,
        ("node_tcp_connection_states", ("listen",)): 1.0,
        ("node_tcp_connection_states", ("established",)): 1.0,
        ("node_tcp_connection_states", ("tx_queued_bytes",)): 5.0,
        ("node_tcp_connection_states", ("rx_queued_bytes",)): 1.0,
    }


async def test_connections_are_summed_over_processors_in_hexadecimal(network: Node) -> None:
    assert figures(await collected(network), "node_nf_") == {
        ("node_nf_conntrack_entries", ()): 123.0,
        ("node_nf_conntrack_entries_limit", ()): 65536.0,
        ("node_nf_conntrack_stat_found", ()): 5.0,
        ("node_nf_conntrack_stat_invalid", ()): 2.0,
        ("node_nf_conntrack_stat_drop", ()): 11.0,
    }


async def test_packets_are_told_by_the_processor_that_the_line_names_else_by_its_place(network: Node) -> None:
    samples = figures(await collected(network), "node_softnet_")
    assert samples["node_softnet_processed_total", ("2",)] == 10.0  # the line's last column
    assert samples["node_softnet_processed_total", ("1",)] == 16.0  # an older kernel's line has none
    assert [samples[f"node_softnet_{name}", ("2",)] for name in ("dropped_total", "times_squeezed_total")] == [1.0, 2.0]
    assert samples["node_softnet_cpu_collision_total", ("2",)] == 3.0
    assert samples["node_softnet_received_rps_total", ("2",)] == 4.0
    assert samples["node_softnet_flow_limit_count_total", ("2",)] == 5.0
    assert samples["node_softnet_backlog_len", ("2",)] == 6.0
    assert ("node_softnet_backlog_len", ("1",)) not in samples


async def test_properties_of_an_interface_as_far_as_it_tells_them(procfs: Path, sysfs: Path) -> None:
    files = {
        "speed": "1000\n",
        "mtu": "1500\n",
        "flags": "0x1003\n",
        "carrier_changes": "2\n",
        "address": "02:fc:00:00:00:01\n",
    }
    write(sysfs / "class/net/eth0", files)
    write(sysfs / "class/net/lo", {"speed": "-1\n", "flags": "0x8\n"})
    names = ("speed_bytes", "mtu_bytes", "flags", "carrier", "info", "up")
    samples = figures(await collected(on(procfs, sysfs)), tuple(f"node_network_{name}" for name in names))
    assert samples == {
        ("node_network_up", ("eth0",)): 1.0,
        ("node_network_speed_bytes", ("eth0",)): 125_000_000.0,
        ("node_network_mtu_bytes", ("eth0",)): 1500.0,
        ("node_network_flags", ("eth0",)): 4099.0,
        ("node_network_carrier_changes_total", ("eth0",)): 2.0,
        ("node_network_info", ("eth0", "02:fc:00:00:00:01", "", "", "up", "up", "")): 1.0,
        ("node_network_up", ("lo",)): 0.0,
        ("node_network_speed_bytes", ("lo",)): -125_000.0,
        ("node_network_flags", ("lo",)): 8.0,
        ("node_network_info", ("lo", "", "", "", "unknown", "down", "")): 1.0,
    }
