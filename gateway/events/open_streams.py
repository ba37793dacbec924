"""The event streams of a gateway: how many there are, whose they are, and when they have to end."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from jobgate.gateway.auth import Caller
from jobgate.gateway.counts import HostCounts, Occupancy
from jobgate.gateway.events.event_text import QUIET, comment
from jobgate.gateway.http import Problem

#: Seconds between two checks whether the keys of streams are still valid.
CHECK_EVERY: Final = 1.0

_SHUTDOWN: Final = "the gateway shuts down: reconnect with Last-Event-ID"
_KEY_ENDED: Final = "the key does not allow this any more"


class Stream:
    """One stream: a signal for what makes its events, and the reason for its end."""

    __slots__ = ("_alarm", "_is_woken", "_shown_at", "farewell", "is_allowed")

    def __init__(self, is_allowed: Callable[[], bool]) -> None:
        #: Whether its caller may still read it.
        self.is_allowed = is_allowed
        #: The last text to send; None = the stream continues.
        self.farewell: bytes | None = None
        self._is_woken = False
        #: When it has last shown that it lives, by the clock of the loop.
        self._shown_at = asyncio.get_running_loop().time()
        self._alarm: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """End the wait, or the next one."""
        self._is_woken = True
        self._ring()

    def end(self, why: str) -> None:
        """Make the stream end soon."""
        self.farewell = self.farewell or comment(why)
        self.wake()

    def owes_heartbeat(self) -> bool:
        """Return True once for each time that a stream which cannot begin may be quiet."""
        now = asyncio.get_running_loop().time()
        if now - self._shown_at < QUIET:
            return False
        self._shown_at = now
        return True

    async def wait(self, seconds: float) -> bool:
        """Return True when it is woken, False if that takes longer than `seconds`."""
        if not self._is_woken:
            # Without asyncio.timeout, for there are many streams.
            loop = asyncio.get_running_loop()
            self._alarm = loop.create_future()
            timer = loop.call_later(seconds, self._ring)
            try:
                await self._alarm
            finally:
                timer.cancel()
        is_woken, self._is_woken = self._is_woken, False
        return is_woken

    def _ring(self) -> None:
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)


class OpenStreams:
    """The streams that are open, counted with those of the processes that share the counts.

    Args:
        limit: The most streams of all callers together.
        limit_per_key: The most streams of one key that has no limit of its own.
        counts: Where they are counted.
    """

    def __init__(self, *, limit: int, limit_per_key: int, counts: HostCounts | None = None) -> None:
        self._limit = limit
        self._limit_per_key = limit_per_key
        self._taken = Occupancy(counts or HostCounts(), "streams")
        self._open: set[Stream] = set()
        self._have_ended = False

    @property
    def count(self) -> int:
        """Number of streams."""
        return self._taken.taken()

    def require_place(self, caller: Caller) -> None:
        """Raise `Problem` 429 if there is no room for one more stream.

        Nothing may be awaited from here to `open`, so that no other stream takes the place.
        """
        if self.count >= self._limit:
            raise Problem("too-many-streams", "Try again later, or ask for the job's status.")
        limit = self._limit_per_key if caller.waits is None else caller.waits
        if caller.name is not None and self._taken.taken(caller.name) >= limit:
            raise Problem("too-many-streams", "This key has too many streams.")

    @contextmanager
    def open(self, caller: Caller, is_allowed: Callable[[], bool]) -> Iterator[Stream]:
        """Count a stream while the block runs.

        Args:
            caller: Whose it is.
            is_allowed: Whether the caller may still read it; asked every second.
        """
        stream = Stream(is_allowed)
        self._open.add(stream)
        self._taken.add(1, caller.name)
        if self._have_ended:
            stream.end(_SHUTDOWN)
        try:
            yield stream
        finally:
            self._open.discard(stream)
            self._taken.add(-1, caller.name)

    def end_all(self) -> None:
        """End all streams, now and in future, with a hint to reconnect."""
        self._have_ended = True
        for stream in self._open:
            stream.end(_SHUTDOWN)

    async def watch_keys(self) -> None:
        """End streams whose key was revoked or has expired; runs until it is cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY)
            for stream in self._open:
                if not stream.is_allowed():
                    stream.end(_KEY_ENDED)
