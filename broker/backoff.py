"""Backoff: how long to wait before a failed operation is retried."""

import math
import random
from dataclasses import dataclass
from datetime import timedelta

#: A duration: seconds or `timedelta`.
Seconds = float | timedelta


def in_seconds(value: Seconds) -> float:
    """Return a duration as float seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that grow from try to try: `first`, `first · factor`, `first · factor²`, … up to `longest`.

    With jitter each pause is a random part of that length ("full jitter"), so that jobs that failed together
    do not retry together.

    Raises:
        ValueError: A number is out of range.
    """

    #: Seconds (or timedelta) after the first try.
    first: Seconds = 1.0
    #: At least 1.
    factor: float = 2.0
    #: Seconds (or timedelta) that no pause exceeds.
    longest: Seconds = 300.0
    jitter: bool = True

    def __post_init__(self) -> None:
        for name in ("first", "longest"):
            seconds = in_seconds(getattr(self, name))
            if not 0 <= seconds < math.inf:
                raise ValueError(f"Backoff({name}=…) must be 0 or more seconds, not {seconds:g}")
            object.__setattr__(self, name, seconds)
        if not 1 <= self.factor < math.inf:
            raise ValueError(f"Backoff(factor=…) must be at least 1, not {self.factor:g}")

    def pause(self, tries: int, chance: float = 1.0) -> float:
        """Return the seconds between two tries.

        Args:
            tries: Number of the try that failed, from 1.
            chance: Random part of the length to wait; without jitter it has no effect.
        """
        longest = in_seconds(self.longest)
        try:
            length = min(in_seconds(self.first) * self.factor ** (tries - 1), longest)
        except OverflowError:
            length = longest
        return length * chance if self.jitter else length


def with_jitter(seconds: float) -> float:
    """Return 50 to 100 % of `seconds` at random, so that callers that failed together retry apart."""
    return seconds * random.uniform(0.5, 1.0)
