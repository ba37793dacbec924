"""Shares the room of a worker out among its queues, by their weights."""

import heapq
from collections.abc import Collection, Mapping


class Shares:
    """Says how many jobs to ask of each queue; holds no jobs itself.

    Each queue has a clock that every job moves on by 1/weight, and the queue whose clock shows least is asked
    next: so each gets its part over time, even when there is room for one job at a time, and none starves. A
    queue that had nothing to give has its clock put forward to the others': what it did not use is gone.

    Args:
        weights: queue -> its part, at least 1.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._clocks = dict.fromkeys(weights, 0.0)

    def split(self, room: int, queues: Collection[str]) -> dict[str, int]:
        """Return how many jobs to ask of which of these queues, one at least; `room` in all."""
        if len(queues) == 1:
            return dict.fromkeys(queues, room)
        # The place in the settings decides between equal clocks.
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
        """Count what claims brought.

        Args:
            taken: queue -> jobs that it gave.
            left: queues that may have more to give.
        """
        for queue, count in taken.items():
            self._clocks[queue] += count / self._weights[queue]
        floor = min((self._clocks[queue] for queue in left), default=max(self._clocks.values()))
        for queue, clock in self._clocks.items():
            if queue not in left:
                self._clocks[queue] = max(clock, floor)
