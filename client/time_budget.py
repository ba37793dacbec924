"""How much time a call has left, and the retries within that time."""

import asyncio
import random
from math import inf
from time import monotonic

#: Seconds by which a caller's time may be exceeded, so that an answer that is on its way still counts.
GRACE = 1.0


class TimeBudget:
    """The time until a caller gives up, by the monotonic clock."""

    def __init__(self, seconds: float | None) -> None:
        """Start it.

        Args:
            seconds: How long it lasts; None = for ever.
        """
        self._end = inf if seconds is None else monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left: 0 when the time is up, `inf` when there is no limit."""
        return max(0.0, self._end - monotonic())

    def at_most(self, seconds: float) -> "TimeBudget":
        """Return a budget that ends with this one, and after `seconds` at the latest."""
        return TimeBudget(min(self.left, seconds))


class Retries:
    """Exponential backoff with jitter, so that many clients do not retry in step.

    Args:
        budget: There is no retry after its end.
        until_the_end: Retry at the end of the budget even where the other side asked for a longer pause.
    """

    #: The first pause, and the longest, in seconds.
    FIRST = 0.05
    LONGEST = 2.0

    def __init__(self, budget: TimeBudget, *, until_the_end: bool = False) -> None:
        self._budget = budget
        self._until_the_end = until_the_end
        self._next = self.FIRST

    def reset(self) -> None:
        """Start again with short pauses, after a success."""
        self._next = self.FIRST

    async def pause(self, at_least: float = 0.0) -> bool:
        """Sleep until the next retry is due; return False, without sleeping, when there is none.

        Args:
            at_least: Seconds for which the other side asked. There is no retry where that is too late.
        """
        left = self._budget.left
        if left == 0 or (at_least > left and not self._until_the_end):
            return False
        pause = max(at_least, random.uniform(self._next / 2, self._next))
        self._next = min(2 * self._next, self.LONGEST)
        await asyncio.sleep(min(pause, left))
        return True
