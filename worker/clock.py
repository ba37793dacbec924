"""The time by the Redis clock, so that times in results agree even where the clocks of workers differ."""

import asyncio
import time

#: Differences up to this many milliseconds are attributed to the network.
_JUMP_MS = 250


class RedisClock:
    """Returns Redis time between claims, by the monotonic clock of this process."""

    def __init__(self) -> None:
        self._offset_ms = time.time() * 1000 - time.monotonic() * 1000
        #: Set when the Redis time is first known, and when it jumps: a clock was corrected, or this machine
        #: slept. Code that waits for a time must then check again.
        self.changed = asyncio.Event()
        self._known = False

    def presume(self, now_ms: int) -> None:
        """Use a provisional Redis time, until the first claim is answered."""
        self._offset_ms = now_ms - time.monotonic() * 1000

    def set(self, now_ms: int) -> None:
        """Set the Redis time from an answer that has just arrived."""
        offset_ms = now_ms - time.monotonic() * 1000
        if not self._known or abs(offset_ms - self._offset_ms) > _JUMP_MS:
            self._known = True
            self.changed.set()
        self._offset_ms = offset_ms

    def now_ms(self) -> int:
        """Return the Redis time in unix milliseconds; until it is known, the system's time."""
        return int(self._offset_ms + time.monotonic() * 1000)
