"""How long a request may take: its time for Redis, its waits, and the last read after a wait.

All durations are seconds. A single operation is bounded by the broker's own deadline.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from jobgate.broker import BrokerError, BrokerUnavailable

Answered = TypeVar("Answered")

#: Seconds by which the answer of a wait may be late: the time for its last read.
LATE_BY: Final = 1.0


class RedisDeadline:
    """The time that Redis has for all calls of one request; waits do not use it up.

    Args:
        seconds: The time.
    """

    __slots__ = ("_clock", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        #: Cuts the request off; None = its time has not begun.
        self._clock: asyncio.Timeout | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the time runs, or has run."""
        return self._clock is not None

    @property
    def is_over(self) -> bool:
        """Whether the request is, or was, cut off."""
        return self._clock is not None and self._clock.expired()

    async def within(self, answer: Awaitable[Answered]) -> Answered:
        """Await an answer within the time; raises `BrokerUnavailable` if Redis takes longer.

        The time begins with the first answer that is awaited here; nested calls share it.
        """
        if self._clock is not None:
            return await answer
        self._clock = asyncio.timeout(self._seconds)
        try:
            async with self._clock:
                return await answer
        except TimeoutError:
            if self.is_over:
                raise BrokerUnavailable("Redis did not answer all calls of the request in time.") from None
            raise

    @contextmanager
    def cut_off_as(self, error: type[BrokerError]) -> Iterator[None]:
        """Raise this error inside the request when it is cut off, for code that handles it."""
        try:
            yield
        except asyncio.CancelledError:
            if self.is_over:
                raise error from None
            raise

    def paused(self, longest: float) -> "_Pause":
        """Stop the clock while the request waits for something other than Redis, for up to `longest`."""
        return _Pause(self, longest)

    def lengthen(self, seconds: float) -> None:
        """Move the end of the time, if it has begun."""
        clock = self._clock
        if clock is not None and not clock.expired() and (end := clock.when()) is not None:
            clock.reschedule(end + seconds)


class _Pause:
    """Time that does not count, while the block runs; `contextmanager` would take four times as long."""

    __slots__ = ("_deadline", "_longest", "_start")

    def __init__(self, deadline: RedisDeadline, longest: float) -> None:
        self._deadline = deadline
        self._longest = longest
        #: When it began, by the clock of the event loop.
        self._start: float | None = None

    def __enter__(self) -> None:
        # Before the time has begun there is nothing to stop: that is so in most calls.
        if self._deadline.has_begun:
            self._start = asyncio.get_running_loop().time()
            self._deadline.lengthen(self._longest)

    def __exit__(self, *_: object) -> None:
        if self._start is not None:
            taken = asyncio.get_running_loop().time() - self._start
            self._deadline.lengthen(min(taken, self._longest) - self._longest)


async def last_look(look: Awaitable[Answered], *, wait_ends: float | None = None) -> Answered:
    """Return the answer of the last read, at the end of a wait.

    The caller's time is up, so the read has `LATE_BY` seconds, not all of the request's time for Redis.

    Args:
        look: The read.
        wait_ends: The end of the wait by the clock of the event loop; None = now.

    Raises:
        BrokerUnavailable: Redis does not answer in time.
    """
    start = asyncio.get_running_loop().time() if wait_ends is None else wait_ends
    clock = asyncio.timeout_at(start + LATE_BY)
    try:
        async with clock:
            return await look
    except TimeoutError:
        if clock.expired():
            raise BrokerUnavailable("Redis did not answer the read at the end of a wait in time.") from None
        raise
