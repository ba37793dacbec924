"""Divides the room of a worker among its queues, by their weights."""

import heapq
from collections.abc import Collection, Mapping


class Shares:
    """Says how many jobs to claim from each queue.

    Each queue has a clock, which every job advances by 1/weight. The queue with the lowest clock comes
    next: so each gets its share over time, even when there is room for one job at a time, and none starves.
    The clock of an empty queue is advanced to the others': an unused share is not saved up.

    Args:
        weights: Queue -> its weight, at least 1.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._clocks = dict.fromkeys(weights, 0.0)

    def split(self, room: int, queues: Collection[str]) -> dict[str, int]:
        """Return how many jobs to claim from which of these queues, `room` in all."""
        if len(queues) == 1:
            return dict.fromkeys(queues, room)
        # Between equal clocks, the place in the settings decides.
        clocks = [(clock, place, queue) for place, (queue, clock) in enumerate(self._clocks.items())]
        clocks = [each for each in clocks if each[2] in queues]
        heapq.heapify(clocks)
        parts: dict[str, int] = {}
        for _ in range(room):
            clock, place, queue = clocks[0]
            parts[queue] = parts.get(queue, 0) + 1
            heapq.heapreplace(clocks, (clock + 1 / self._weights[queue], place, queue))
        return parts

    def note(self, taken: Mapping[str, int], left: Collection[str]) -> None:
        """Count claimed jobs.

        Args:
            taken: Queue -> number of jobs claimed from it.
            left: Queues that may have more due jobs.
        """
        for queue, count in taken.items():
            self._clocks[queue] += count / self._weights[queue]
        floor = min((self._clocks[queue] for queue in left), default=max(self._clocks.values()))
        for queue, clock in self._clocks.items():
            if queue not in left:
                self._clocks[queue] = max(clock, floor)
