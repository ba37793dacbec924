"""One caller's wait for one result."""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from jobgate.broker.backoff import with_jitter
from jobgate.broker.records import JobResult
from jobgate.broker.waiting.wishes import Wish

if TYPE_CHECKING:
    from jobgate.broker.waiting.results import ResultWatcher

#: Seconds after which a key is read again without a notice: a notice is a hint, Redis may have lost it.
REREAD_INTERVAL = 2.0
#: The same while Redis sends no notices: it refuses tracking, or the connection for it is down.
POLL_INTERVAL = 0.25
#: Seconds between the moments at which waits read again. Those of one moment share round trips, which cost
#: more than the reads.
_BETWEEN_MOMENTS = 0.1
#: Seconds in which most answers arrive. Then the key is read, to get a notice if somebody else writes it, a
#: stock arq worker for example. And the seconds between the moments of these reads.
_ANSWER_WITHIN, _BETWEEN_FIRST_MOMENTS = 0.05, 0.01
#: Seconds that the last read, at the end of a wait, may take.
LAST_LOOK = 0.5


class Seen(NamedTuple):
    """What a read of Redis has found for one job."""

    #: The stored result.
    blob: bytes | None
    job_exists: bool
    #: Name of the data set that Redis held.
    data_set: str | None
    #: The result is not kept but was handed over, perhaps by an earlier job of this id.
    is_handed_over: bool = False


class Watch:
    """One caller's wait for one result; made by `Broker.watch`, used as a context manager."""

    def __init__(self, watcher: "ResultWatcher", job_id: str, *, in_request: bool = False) -> None:
        self._watcher = watcher
        self._wish = None if in_request else Wish(watcher.wishes, job_id)
        self.in_request = in_request
        self.job_id = job_id
        #: Where a worker shall send the outcome, for `Broker.enqueue`; None = nowhere, it is read.
        self.answer_to: str | None = None
        self._blob: bytes | None = None
        self._data_set = watcher.data_set
        self._has_looked = False
        #: Whether the job has been enqueued. Before that, a handed-over outcome may be an earlier job's.
        self.waits = False
        self._looks_at_once = False
        #: Ends the pause; True = the result has arrived.
        self._pause: asyncio.Future[bool] | None = None
        #: The last read in a pause.
        self._reread: asyncio.Future[Seen] | None = None

    def __enter__(self) -> Self:
        self._watcher.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watcher.discard(self)

    async def wait(self, timeout: float, *, poll: float = POLL_INTERVAL) -> JobResult | None:
        """Wait until the result arrives; only one caller may wait at a time.

        If Redis is unavailable in the meantime the wait continues until its timeout.

        Args:
            timeout: Seconds; 0 = read once. The last read may take `LAST_LOOK` seconds more.
            poll: Most seconds between two checks while Redis sends no notices; at least half of them pass.

        Returns:
            The result; None if it does not arrive in time, or never will: the job is gone without one.

        Raises:
            DecodeError: The stored result cannot be read.
            DataSetChanged: Redis has lost its data since the wait began, and the job with them.
        """
        blob = await self.stored(timeout, poll=poll)
        return None if blob is None else await self._watcher.read(blob, self.job_id)

    async def stored(self, timeout: float, *, poll: float = POLL_INTERVAL) -> bytes | None:
        """Wait like `wait`; returns the result as stored, the same object for all watches of the job."""
        self.waits = True
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while self._blob is None:
            left = end - loop.time()
            if left > 0 and not self._looks_at_once and await self._noticed(loop, end, poll):
                break
            self._looks_at_once = False
            if not await self._look(end + LAST_LOOK) or left <= 0:
                break
        return self._blob

    async def read(self) -> JobResult | None:
        """Decode the result; None if it has not arrived. Raises DecodeError."""
        return None if self._blob is None else await self._watcher.read(self._blob, self.job_id)

    def see(self, seen: Seen) -> None:
        """Keep what a read has found: the data set of the first read that found the job, and the result."""
        if not self._has_looked and seen.job_exists:
            self._has_looked, self._data_set = True, seen.data_set or self._data_set
        if seen.blob is not None:
            self.take(seen.blob)

    def take(self, blob: bytes) -> None:
        """Keep the result as stored, and end the wait."""
        self._blob = self._blob or blob
        self._end_pause(True)

    def look_at_once(self) -> None:
        """Read again without waiting for a notice: the last answer may be about an earlier job of this id."""
        self._looks_at_once = True
        self._end_pause(False)

    def has_lost_data(self, seen: Seen) -> bool:
        """Return whether Redis has lost its data since the first read, or since one before it."""
        return self._data_set is not None and seen.data_set != self._data_set

    async def _look(self, end: float) -> bool:
        """Read, and return whether to keep waiting. A Redis that hangs must not prolong the wait."""
        try:
            async with asyncio.timeout_at(end):
                return await self._watcher.look(self)
        except TimeoutError:
            return False

    async def _noticed(self, loop: asyncio.AbstractEventLoop, end: float, poll: float) -> bool:
        # Without asyncio.Event and asyncio.timeout, which cost a tenth of the time of a call over HTTP.
        self._pause, self._ends, self._poll = loop.create_future(), end, poll
        self._expects_answer = self.answer_to is not None and self._reread is None
        self._set_timer(loop)
        try:
            return await self._pause
        finally:
            self._timer.cancel()

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._wish is not None:
            self._wish.renew()
        # Waits that have begun together do not stay together: all of them at once would hold others up.
        if self._expects_answer:
            due = loop.time() + _ANSWER_WITHIN
            due -= due % _BETWEEN_FIRST_MOMENTS
        elif self._watcher.pushes:
            due = loop.time() + with_jitter(REREAD_INTERVAL)
            due -= due % _BETWEEN_MOMENTS
        else:
            due = loop.time() + with_jitter(self._poll)
        self._timer = loop.call_at(min(self._ends, due), self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the pause if its time is over, else read again: the task sleeps on, there may be thousands."""
        if loop.time() >= self._ends:
            self._end_pause(False)
            return
        self._expects_answer = False
        if self._reread is None or self._reread.done():
            self._reread = self._watcher.read_again(self)
        self._set_timer(loop)

    def _end_pause(self, is_there: bool) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(is_there)
