"""How much of something is taken, for limits that hold for all gateway processes together."""

from jobgate.gateway.counts.host_counts import HostCounts


class Occupancy:
    """How much of something is taken, in all and by each caller.

    Two processes may take the last place at the same moment: a limit may be exceeded by one for each process.

    Args:
        counts: Where it is counted.
        what: Its name.
    """

    def __init__(self, counts: HostCounts, what: str) -> None:
        self._counts = counts
        self._what = what
        self._cells = counts.passing.values
        self._places: dict[str | None, int] = {}

    def add(self, amount: int, who: str | None = None) -> None:
        """Count more, or less, that is taken; also for the caller `who`, if it has a name."""
        self._cells[self._place(None)] += amount
        if who is not None:
            self._cells[self._place(who)] += amount

    def taken(self, who: str | None = None) -> int:
        """Return how much a caller has taken in all processes; None = all callers."""
        place = self._places.get(who)
        here = 0.0 if not place else self._cells[place]
        if not self._counts.is_shared:
            return int(here)
        return int(here + self._counts.elsewhere(self._name(who)))

    def _place(self, who: str | None) -> int:
        place = self._places.get(who)
        if place is None:
            place = self._places[who] = self._counts.passing.place(self._name(who))
        return place

    def _name(self, who: str | None) -> tuple[str, ...]:
        return (self._what,) if who is None else (self._what, who)
