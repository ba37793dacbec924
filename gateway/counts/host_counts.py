"""The counts of one gateway process, and their sums over all processes that count with it."""

import os
from typing import Final

from jobgate.gateway.counts.memory import own_tables, tables_of
from jobgate.gateway.counts.table import Name

_PID: Final[Name] = ("pid",)
_STARTS: Final[Name] = ("starts",)


class HostCounts:
    """Counts of the gateway processes that one command has started; of this one alone if there are no others.

    Args:
        descriptor: The file of `anonymous_file`; None = no others.
        processes: Number of processes.
        number: That of this one, from 1.
    """

    def __init__(self, descriptor: int | None = None, processes: int = 1, number: int = 1) -> None:
        #: The tables of all processes, in the order of their numbers.
        self._tables = [own_tables()] if descriptor is None else tables_of(descriptor, processes)
        own = self._tables[number - 1]
        #: Counts that never fall; a successor of this process continues them.
        self.lasting = own[0]
        #: What this process holds at the moment.
        self.passing = own[1]
        self._others = [passing for _, passing in self._tables if passing is not self.passing]
        self.passing.clear()
        #: Whether there are other processes.
        self.is_shared = descriptor is not None
        self.lasting.values[self.lasting.place(_STARTS)] += 1

    def note_serving(self) -> None:
        """Say that this process serves requests."""
        self.passing.values[self.passing.place(_PID)] = os.getpid()

    @property
    def pids(self) -> dict[int, int]:
        """The ids of the processes that serve requests, by their numbers."""
        found = {number: int(each.value(_PID)) for number, (_, each) in enumerate(self._tables, 1)}
        return {number: pid for number, pid in found.items() if pid}

    @property
    def starts(self) -> dict[int, int]:
        """How often each process has been started, by its number."""
        return {number: int(each.value(_STARTS)) for number, (each, _) in enumerate(self._tables, 1)}

    def elsewhere(self, name: Name) -> float:
        """Return what the other processes hold of something at the moment."""
        return sum(passing.value(name) for passing in self._others)

    def totals(self) -> dict[Name, list[float]]:
        """Return the lasting counts of all processes together; the order of names is the same in each."""
        sums: dict[Name, list[float]] = {}
        for table, _ in self._tables:
            for name, values in table.items():
                before = sums.get(name)
                sums[name] = (
                    values if before is None else [a + b for a, b in zip(before, values, strict=True)]
                )
        return sums
