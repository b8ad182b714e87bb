"""Memory and swap: every field of /proc/meminfo, those that kernels up to 6.18 write with their meaning."""

from collections.abc import Iterator

from exporter.clients import proc
from exporter.collectors.node.host import Host
from exporter.metric import Metric, Sample

_FIELDS = {
    "MemTotal": "Memory the kernel can hand out: all but what firmware and kernel image took at boot.",
    "MemFree": "Memory used for nothing at all.",
    "MemAvailable": "Memory that new work can get without swapping, as the kernel estimates it.",
    "Buffers": "Cached blocks of raw block devices.",
    "Cached": "Cached content of files, including tmpfs and shared memory.",
    "SwapCached": "Memory swapped in again whose copy in swap is still good.",
    "SwapTotal": "Swap space.",
    "SwapFree": "Swap space not in use.",
    "Zswap": "Memory taken by the compressed swap cache.",
    "Zswapped": "Size before compression of what the compressed swap cache holds.",
    "Active": "Memory used lately, reclaimed last.",
    "Inactive": "Memory not used lately, reclaimed first.",
    "Active(anon)": "Memory of processes and tmpfs used lately.",
    "Inactive(anon)": "Memory of processes and tmpfs not used lately.",
    "Active(file)": "File cache used lately.",
    "Inactive(file)": "File cache not used lately.",
    "Unevictable": "Memory that cannot be reclaimed, such as what is locked.",
    "Mlocked": "Memory that processes have locked.",
    "Dirty": "File content changed and waiting to be written to disk.",
    "Writeback": "File content being written to disk.",
    "WritebackTmp": "Memory that FUSE holds for content being written.",
    "NFS_Unstable": "Content sent to an NFS server that has not said it is stored; 0 since Linux 5.8.",
    "AnonPages": "Memory of processes that no file stands behind.",
    "Mapped": "File content mapped into processes.",
    "Shmem": "Shared memory and tmpfs.",
    "Slab": "The kernel's own data structures.",
    "SReclaimable": "The part of Slab that can be given back under pressure.",
    "SUnreclaim": "The part of Slab that cannot be given back.",
    "KReclaimable": "Kernel memory that can be given back under pressure: SReclaimable and more.",
    "KernelStack": "Stacks of tasks in the kernel.",
    "PageTables": "Tables that map the memory of processes.",
    "SecPageTables": "Tables that map memory for virtual machines and devices.",
    "Percpu": "Memory of the kernel's per-processor data.",
    "Bounce": "Buffers for devices that cannot reach all memory.",
    "CommitLimit": "Most memory that can be promised while overcommitting is forbidden.",
    "Committed_AS": "Memory promised to processes, whether or not they use it.",
    "VmallocTotal": "Address space for the kernel's virtual allocations.",
    "VmallocUsed": "Memory the kernel has allocated virtually.",
    "VmallocChunk": "Largest free block of that address space; 0 since Linux 4.4.",
    "HardwareCorrupted": "Memory found broken and put out of use.",
    "AnonHugePages": "Memory of processes in transparent huge pages.",
    "ShmemHugePages": "Shared memory and tmpfs in huge pages.",
    "ShmemPmdMapped": "Shared memory mapped into processes with huge pages.",
    "FileHugePages": "File cache in huge pages.",
    "FilePmdMapped": "File cache mapped into processes with huge pages.",
    "CmaTotal": "Memory set aside for large contiguous blocks.",
    "CmaFree": "Free memory among what is set aside for contiguous blocks.",
    "Balloon": "Memory given back to the hypervisor.",
    "Unaccepted": "Memory that a confidential virtual machine has not yet taken over.",
    "HugePages_Total": "Huge pages reserved, in pages.",
    "HugePages_Free": "Huge pages reserved and not in use, in pages.",
    "HugePages_Rsvd": "Huge pages promised and not yet handed out, in pages.",
    "HugePages_Surp": "Huge pages beyond those reserved, in pages.",
    "Hugepagesize": "Size of one huge page.",
    "Hugetlb": "Memory in reserved huge pages of all sizes.",
    "DirectMap4k": "Memory the kernel maps in pages of 4 KiB.",
    "DirectMap2M": "Memory the kernel maps in pages of 2 MiB.",
    "DirectMap4M": "Memory the kernel maps in pages of 4 MiB.",
    "DirectMap1G": "Memory the kernel maps in pages of 1 GiB.",
}


def _name(field: str) -> str:
    stem = "node_memory_" + field.replace("(", "_").replace(")", "")
    return stem if field.startswith("HugePages_") else stem + "_bytes"


MEMORY = {field: Metric(_name(field), meaning) for field, meaning in _FIELDS.items()}


class Newer(dict[str, Metric]):
    """Metrics of fields that a newer kernel writes, by field."""

    def __missing__(self, field: str) -> Metric:
        metric = self[field] = Metric(_name(field), f"The field {field} of /proc/meminfo.", found=True)
        return metric


def samples(host: Host) -> Iterator[Sample]:
    newer = host.keep(Newer)
    for field, value in host.proc.parsed("meminfo", proc.meminfo).items():
        yield (MEMORY.get(field) or newer[field])(value)
