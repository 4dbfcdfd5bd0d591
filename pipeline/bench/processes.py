"""What a process costs, as the kernel counts it: CPU seconds and resident memory, of one process or a family."""

import os
from pathlib import Path

import msgspec

__all__ = ["Usage", "usage", "family", "machine"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_KIB_PER_MB = 1024


class Usage(msgspec.Struct, frozen=True):
    """CPU of a process since its start, user and system, and its memory."""

    cpu_s: float
    resident_mb: float
    peak_mb: float
    """The highest resident size it ever had."""


def usage(pid: int) -> Usage:
    """The figures as they stand. Raises FileNotFoundError or ProcessLookupError when the process is gone."""
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    return Usage(
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        resident_mb=_mb(status.get("VmRSS", "0 kB")),
        peak_mb=_mb(status.get("VmHWM", "0 kB")),
    )


def family(pid: int) -> dict[int, str]:
    """The process and everything it started, directly or not, each with its command line."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {member: _command(member) for member in sorted(found)}


def machine() -> str:
    """Processor, number of cores and memory in words."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else "unknown processor"
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{model}, {os.cpu_count()} cores, {memory_gb:.0f} GB"


def _mb(text: str) -> float:
    return round(int(text.split()[0]) / _KIB_PER_MB, 1)


def _command(pid: int) -> str:
    try:
        return (Path(f"/proc/{pid}") / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
