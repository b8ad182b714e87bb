"""What the subjects of the node collector work on: the host's files, the settings, and what they remember between runs."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from exporter.clients import proc

if TYPE_CHECKING:
    from exporter.collectors.node import Node

T = TypeVar("T")


class Host:
    """One run's view of the host: what was read once in a run is not read again."""

    def __init__(self, settings: "Node", memory: dict[Any, Any]) -> None:
        self.settings = settings
        self.proc = proc.Tree(settings.procfs, "procfs")
        self.sys = proc.Tree(settings.sysfs, "sysfs", short=True)
        self.root = proc.Tree(settings.rootfs, "rootfs")
        self.udev = proc.Tree(settings.udev, "udev")
        # /proc/net is the network of whoever reads it; that of process 1 is the host's even from a container.
        of_host = settings.procfs / "1/net"
        is_shown = os.access(of_host / "dev", os.R_OK)  # some hosts hide the processes of others
        self.net = proc.Tree(of_host if is_shown else settings.procfs / "net", "procfs")
        self.stat = self.proc.parsed("stat", proc.stat)
        self._memory = memory

    def keep(self, make: Callable[[], T]) -> T:
        """What `make` made in the first run that asked for it."""
        if make not in self._memory:
            self._memory[make] = make()
        kept: T = self._memory[make]
        return kept

    def found(self) -> bool:
        """Whether anything that was asked for since this was last called was there."""
        trees = (self.proc, self.sys, self.root, self.udev, self.net)
        found = any(tree.found for tree in trees)
        for tree in trees:
            tree.found = False
        return found
