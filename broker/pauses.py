"""Backoff: how long to wait before something that failed is tried again."""

import random


class Pauses:
    """Growing pauses between the tries of one operation.

    Args:
        first: Length of the first pause in seconds; each further one is twice as long.
        longest: Seconds that no pause exceeds.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._length = first
        self._longest = longest

    def next(self) -> float:
        """Return the seconds to wait before the next try."""
        length, self._length = self._length, min(2 * self._length, self._longest)
        return with_jitter(length)


def with_jitter(seconds: float) -> float:
    """Return a pause of half to all of `seconds`: callers that failed together return at different times."""
    return seconds * random.uniform(0.5, 1.0)
