"""The time by the Redis clock, so that times in results agree whatever a worker's own clock says."""

import asyncio
import time

#: Milliseconds from which a difference is not put down to the way of an answer.
_JUMP_MS = 250


class RedisClock:
    """Tells Redis time between claims, by this process's monotonic clock."""

    def __init__(self) -> None:
        self._offset_ms = time.time() * 1000 - time.monotonic() * 1000
        #: Set when the Redis time is first known, and when it is not what was expected: a clock was put
        #: right, or this machine slept. Who waits for a time must look again.
        self.changed = asyncio.Event()
        self._known = False

    def presume(self, now_ms: int) -> None:
        """Take a Redis time for the first claim, until whose answer it is not said to be known."""
        self._offset_ms = now_ms - time.monotonic() * 1000

    def set(self, now_ms: int) -> None:
        """Take the Redis time that an answer carried, which has just arrived."""
        offset_ms = now_ms - time.monotonic() * 1000
        if not self._known or abs(offset_ms - self._offset_ms) > _JUMP_MS:
            self._known = True
            self.changed.set()
        self._offset_ms = offset_ms

    def now_ms(self) -> int:
        """Return the Redis time in unix milliseconds; before the first claim the system's."""
        return int(self._offset_ms + time.monotonic() * 1000)
