"""Counts over time: how many of some times fall into each step of a window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: Steps that cover most windows, at the edges one more: an hour is shown by minute.
MOST_STEPS: Final = 61
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_STEPS_MS: Final = (
    _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
    _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimeSteps:
    """A window, in steps of equal length."""

    start_ms: int
    step_ms: int
    number: int

    @classmethod
    def over(cls, first_ms: int, last_ms: int) -> "TimeSteps":
        """Return the shortest of some usual steps of which about `MOST_STEPS` cover a window."""
        longest = (last_ms - first_ms) // MOST_STEPS + 1
        step = next((each for each in _STEPS_MS if each >= longest), -(-longest // _DAY) * _DAY)
        start = first_ms // step * step
        return cls(start, step, max(last_ms - start, 0) // step + 1)

    def count(self, times_ms: Iterable[int]) -> Sequence[int]:
        """Return how many times are in each step; those outside of the window are in the nearest."""
        counts = [0] * self.number
        last = self.number - 1
        for time in times_ms:
            counts[min(max((time - self.start_ms) // self.step_ms, 0), last)] += 1
        return counts
