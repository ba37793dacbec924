"""How much CPU time the processes of a program have used, all of their threads together (Linux)."""

from collections.abc import Iterator
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of all that it has started and that still run."""
    return sum(map(_own_cpu_seconds, _with_children(pid)))


def resident_mib(pid: int) -> float:
    """Return the memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _with_children(int(child))


def _own_cpu_seconds(pid: int) -> float:
    times = (each.read_text().split()[0] for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(map(int, times)) / 1e9
