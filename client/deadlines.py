"""Time limits, and the pauses between retries."""

import asyncio
import random
from math import inf
from time import monotonic

#: Seconds that a caller's time may be exceeded by, so that an answer under way is still heard.
LATE = 1.0


class Deadline:
    """A point in time by the monotonic clock, perhaps never."""

    def __init__(self, seconds: float | None) -> None:
        """Set it `seconds` from now; None = never."""
        self._at = inf if seconds is None else monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then: 0 when it has passed, `inf` when it never comes."""
        return max(0.0, self._at - monotonic())

    @property
    def passed(self) -> bool:
        """True from then on."""
        return monotonic() >= self._at

    def sooner(self, seconds: float) -> "Deadline":
        """Return the earlier of this one and `seconds` from now."""
        return Deadline(min(self.left, seconds)) if self._at != inf else Deadline(seconds)


class Backoff:
    """Pauses that double from try to try, with jitter, so that many clients do not come back in step."""

    #: The first pause, and the longest, in seconds.
    FIRST = 0.05
    LONGEST = 2.0

    def __init__(self, deadline: Deadline, *, to_the_end: bool = False) -> None:
        """Pause until `deadline` at most; `to_the_end`: whatever the other side asked for."""
        self._deadline = deadline
        self._to_the_end = to_the_end
        self._next = self.FIRST

    def reset(self) -> None:
        """Begin with short pauses again, after something went well."""
        self._next = self.FIRST

    async def pause(self, at_least: float = 0.0) -> bool:
        """Sleep before the next try, the last one at the deadline; answer False when there is none.

        Args:
            at_least: Seconds that the other side asked for; where that is too late there is no next try,
                or with `to_the_end` one at the deadline.
        """
        left = self._deadline.left
        if left == 0 or (at_least > left and not self._to_the_end):
            return False
        pause = max(at_least, random.uniform(self._next / 2, self._next))
        self._next = min(2 * self._next, self.LONGEST)
        await asyncio.sleep(min(pause, left))
        return True
