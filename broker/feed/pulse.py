"""Reads what changes in queues at a steady pace, for dashboards: the cost does not grow with what happens.

A beat reads the counters that the scripts keep anyway, and compares them with those of the beat before. Only
where jobs have ended it reads the newest of them. Nothing is published for it, and all readers share a beat.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from jobgate.broker.broker import Broker
from jobgate.broker.errors import BrokerError
from jobgate.broker.feed.changes import MOST_ENDS, Changes
from jobgate.broker.feed.counters import MINUTES, Counted, Counters
from jobgate.broker.feed.happening import FeedCursor
from jobgate.broker.fleet import FunctionActivity
from jobgate.broker.views import JobEnd

#: Seconds after which the queues are looked up again.
_QUEUES_EVERY: Final = 5.0
#: Most queues whose ended jobs are read in a beat: those in which most have failed or ended.
_MOST_QUEUES: Final = 10
#: Seconds between two beats after which something may have been missed: not all minutes since were read.
_TOO_LONG: Final = 60.0


class PulseReader:
    """One reader.

    Args:
        queue: The only queue that it wants to see; None = all.
        function: The only function; None = all.
        every: Seconds between two beats for it.
        notify: Called when there is something to read.
    """

    def __init__(
        self, *, queue: str | None, function: str | None, every: float, notify: Callable[[], None]
    ) -> None:
        self.queue = queue
        self.every = every
        self._function = function
        self._notify = notify
        self._changes = Changes()
        #: When it began, as a cursor; None = it has not begun yet.
        self.begin: FeedCursor | None = None

    def start(self, time_ms: int) -> None:
        """Begin to read."""
        if self.begin is None:
            self.begin = FeedCursor(time_ms)
            self._notify()

    def put(self, counted: Sequence[Counted], ends: Sequence[JobEnd], *, has_gap: bool) -> None:
        """Show it what a beat has found."""
        for one in counted:
            if self.queue in (None, one.queue) and self._function in (None, one.function):
                self._changes.count(one.queue, one.counts)
        self._changes.name(
            end for end in ends if self.queue in (None, end.queue) and self._function in (None, end.function)
        )
        self._changes.has_gap |= has_gap
        if not self._changes.is_empty:
            self._notify()

    def take(self) -> Changes:
        """Return what has changed since this was called last."""
        changes, self._changes = self._changes, Changes()
        return changes


class Pulse:
    """The beats of one process.

    Args:
        broker: Where to read.
        queues: Returns the queues that are shown to readers who name no queue.
    """

    def __init__(self, broker: Broker, queues: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._broker = broker
        self._known_queues = queues
        self._readers: set[PulseReader] = set()
        self._running: asyncio.Task[None] | None = None
        self._has_new = asyncio.Event()
        self._forget()

    def _forget(self) -> None:
        self._counters = Counters()
        #: The queues in use, and when they were looked up.
        self._queues: tuple[str, ...] = ()
        self._queues_at = -_QUEUES_EVERY
        #: When the newest job that was seen has ended, unix ms by the Redis clock; 0 = nothing was read yet.
        self._newest_ms = 0
        #: When the last beat has read everything, by the clock of the loop.
        self._beaten_at = 0.0

    @contextmanager
    def look_on(self, reader: PulseReader) -> Iterator[None]:
        """Show a reader what changes while the block runs."""
        self._readers.add(reader)
        self._has_new.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._readers.discard(reader)
            if not self._readers and self._running is not None:
                self._running.cancel()
                self._running = None
                self._forget()

    async def close(self) -> None:
        """Stop reading."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._has_new.clear()
            with suppress(BrokerError):
                await self._beat()
            await self._pause()

    async def _pause(self) -> None:
        """Wait for the next beat of the most impatient reader; a new one gets a beat at once."""
        every = min((reader.every for reader in self._readers), default=_QUEUES_EVERY)
        with suppress(TimeoutError):
            async with asyncio.timeout(every):
                await self._has_new.wait()

    async def _beat(self) -> None:
        clock = asyncio.get_running_loop().time
        is_first = self._newest_ms == 0
        if is_first:
            self._newest_ms = await self._broker.connect()
        queues = await self._wanted_queues(is_first=is_first)
        activities = dict(zip(queues, await self._broker.activities(queues, MINUTES), strict=True))
        counted = list(self._counters.added(activities))
        has_gap = not is_first and clock() - self._beaten_at > _TOO_LONG
        self._beaten_at = clock()
        ends = await self._ends(counted)
        for reader in self._readers:
            if reader.begin is not None:
                reader.put(counted, ends, has_gap=has_gap)
            reader.start(self._newest_ms)

    async def _wanted_queues(self, *, is_first: bool) -> list[str]:
        now = asyncio.get_running_loop().time()
        if now - self._queues_at >= _QUEUES_EVERY:
            before, self._queues = self._queues, tuple(await self._known_queues())
            self._queues_at = now
            if not is_first:
                self._counters.begin([queue for queue in self._queues if queue not in before])
        return sorted({*self._queues, *(reader.queue for reader in self._readers if reader.queue)})

    async def _ends(self, counted: Sequence[Counted]) -> list[JobEnd]:
        """Return the newest jobs that have ended, of the queues where that matters most."""
        ended: defaultdict[str, int] = defaultdict(int)
        for one in counted:
            ended[one.queue] += _weight(one.counts)
        queues = sorted((name for name, weight in ended.items() if weight), key=lambda name: -ended[name])
        if not queues:
            return []
        some = queues[:_MOST_QUEUES]
        ends = await self._broker.newest_ends(
            some, since_ms=self._newest_ms, limit=max(2, MOST_ENDS // len(some))
        )
        # It goes back when the clock of Redis does: earlier times would never come again.
        self._newest_ms = max((end.time_ms for end in ends), default=self._newest_ms)
        return ends


def _weight(counts: FunctionActivity) -> int:
    return counts.succeeded + counts.aborted + 100 * counts.failed
