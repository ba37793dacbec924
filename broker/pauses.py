"""Backoff: how long to wait before a failed operation is retried."""

import random


class Pauses:
    """Growing pauses between the tries of one operation.

    Args:
        first: Length of the first pause in seconds; each further one is twice as long.
        longest: Longest pause in seconds.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._length = first
        self._longest = longest

    def next(self) -> float:
        """Return the seconds to wait before the next try."""
        length, self._length = self._length, min(2 * self._length, self._longest)
        return with_jitter(length)


def with_jitter(seconds: float) -> float:
    """Return 50 to 100 % of `seconds` at random, so that callers that failed together retry apart."""
    return seconds * random.uniform(0.5, 1.0)
