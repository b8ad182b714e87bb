"""Whether SELinux guards the host: /sys/fs/selinux.

Source: https://github.com/SELinuxProject/selinux-notebook/blob/main/src/lsm_selinux.md
"""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

OPTIONAL = True

CONFIG_MODE = Metric("node_selinux_config_mode", "What SELinux is configured to do: 1 enforce, 0 only warn, -1 nothing.")
CURRENT_MODE = Metric("node_selinux_current_mode", "What SELinux does now: 1 enforce, 0 only warn.")

_MODES = {"enforcing": 1.0, "permissive": 0.0, "disabled": -1.0}


def samples(host: Host) -> Iterator[Sample]:
    mode = host.sys.number("fs/selinux/enforce")
    if mode is None:
        return
    yield CURRENT_MODE(mode)
    configured = proc.assignments(host.root.text("etc/selinux/config").splitlines()).get("SELINUX")
    if configured in _MODES:
        yield CONFIG_MODE(_MODES[configured])
