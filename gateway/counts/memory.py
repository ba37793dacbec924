"""The memory in which processes count: two tables for each, in one file without a name.

One table is lasting: its counts survive the process, and its successor continues them. The other one is
passing: what it counts ends with the process.
"""

import mmap
import os
import sys
import tempfile
from typing import Final

from jobgate.gateway.counts.table import SIZE, Table

_OF_ONE: Final = 2 * SIZE


def anonymous_file(processes: int) -> int:
    """Return the descriptor of a new file for the counts of some processes; it ends with its last user."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("jobgate-counts")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, processes * _OF_ONE)
    return descriptor


def tables_of(descriptor: int, processes: int) -> list[tuple[Table, Table]]:
    """Return the lasting and the passing table of each process, from a file of `anonymous_file`."""
    whole = memoryview(mmap.mmap(descriptor, processes * _OF_ONE))
    return [_tables(whole[at * _OF_ONE : (at + 1) * _OF_ONE]) for at in range(processes)]


def own_tables() -> tuple[Table, Table]:
    """Return the lasting and the passing table of a process that shares them with nobody."""
    return _tables(memoryview(mmap.mmap(-1, _OF_ONE)))


def wipe_passing(descriptor: int, processes: int, number: int) -> None:
    """Set to 0 what a process held until it ended.

    Args:
        descriptor: The file of `anonymous_file`.
        processes: Number of processes.
        number: That of the one that has ended, from 1.
    """
    tables_of(descriptor, processes)[number - 1][1].clear()


def _tables(memory: memoryview) -> tuple[Table, Table]:
    return Table(memory[:SIZE]), Table(memory[SIZE:])
