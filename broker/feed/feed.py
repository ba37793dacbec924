"""Reads what happens in queues for all who look on, as long as somebody does.

Notices say which jobs to look at, and the jobs themselves say what has happened. Ends are read from the
indexes of ended jobs, one span of time after the other, so that none is missed or repeated. What happens too
fast to be read is counted, and reported as a gap.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Final

from jobgate.broker.backoff import with_jitter
from jobgate.broker.broker import Broker
from jobgate.broker.errors import BrokerError
from jobgate.broker.feed.ended_jobs import EndedJob, EndedJobs, ended_jobs
from jobgate.broker.feed.happening import FeedCursor, Happening, HappeningKind
from jobgate.broker.feed.job_facts import FactsReader, JobFacts
from jobgate.broker.feed.notes import Noted, Notes
from jobgate.broker.feed.onlooker import Onlooker
from jobgate.broker.waiting import JobNotice, NoticeKind

#: Seconds between a notice and the read, in which further ones join, and between two reads.
_SOON, _BETWEEN = 0.02, 0.2
#: Seconds after which everything is read without a notice, and the queues are looked up again.
_SWEEP: Final = 5.0
#: Most jobs of one read.
_MOST_READ: Final = 100
_PAUSE: Final = 0.5

#: Queue and id.
_Job = tuple[str, str]


class Feed:
    """What happens in queues.

    Args:
        broker: Where to read.
        queues: Returns the queues that are shown to onlookers who name no queue.
    """

    def __init__(self, broker: Broker, queues: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._broker = broker
        self._known_queues = queues
        self._facts = FactsReader(broker)
        self._onlookers: set[Onlooker] = set()
        self._running: asyncio.Task[None] | None = None
        #: The queues that are listened to, and the onlookers whose queues are among them.
        self._queues: tuple[str, ...] = ()
        self._served: set[Onlooker] = set()
        self._notes = Notes()
        self._is_listening = False
        self._something = asyncio.Event()
        #: Everything before this was read; None = nothing yet, and the first notices are not a gap.
        self._cursor: FeedCursor | None = None
        self._is_new = True

    @contextmanager
    def look_on(self, onlooker: Onlooker) -> Iterator[None]:
        """Show an onlooker what happens while the block runs; it has begun when its `begin` is set."""
        self._onlookers.add(onlooker)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        self._something.set()
        try:
            yield
        finally:
            self._onlookers.discard(onlooker)
            if not self._onlookers and self._running is not None:
                self._running.cancel()
                self._running, self._cursor, self._is_new = None, None, True

    async def ends_between(self, onlooker: Onlooker, cursor: FeedCursor) -> Sequence[Happening]:
        """Return the ends of jobs from a place to the beginning of an onlooker, at most the newest 100.

        Raises BrokerError.
        """
        if onlooker.begin is None or cursor >= onlooker.begin:
            return []
        queues = [onlooker.queue] if onlooker.queue else self._queues
        until_ms = onlooker.begin.time_ms - 1
        ended = await ended_jobs(self._broker, queues, cursor, until_ms, _MOST_READ)
        facts = await self._facts.read([_job_of(job) for job in ended.jobs])
        return [happening for happening in _ends(ended.jobs, facts) if onlooker.wants(happening)]

    async def close(self) -> None:
        """Stop reading."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with suppress(BrokerError):
                self._queues = await self._wanted_queues()
                # Before it listens: what has ended since then is shown.
                self._cursor = self._cursor or FeedCursor(await self._broker.connect())
                async with aclosing(self._broker.events(self._queues)) as notices:
                    await self._read_on(notices)
                continue
            await asyncio.sleep(with_jitter(_PAUSE))

    async def _wanted_queues(self) -> tuple[str, ...]:
        self._served = set(self._onlookers)
        wanted = {onlooker.queue for onlooker in self._served}
        known = set(await self._known_queues()) if None in wanted else set()
        queues = {*known, *(queue for queue in wanted if queue)}
        return tuple(sorted(queues or {self._broker.keys.default_queue}))

    async def _read_on(self, notices: AsyncGenerator[JobNotice]) -> None:
        """Read until other queues are wanted."""
        self._is_listening = False
        listening = asyncio.create_task(self._listen(notices))
        try:
            while await self._wanted_queues() == self._queues and not listening.done():
                self._something.set()
                await self._read_for(_SWEEP)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, notices: AsyncGenerator[JobNotice]) -> None:
        async for notice in notices:
            self._is_listening |= notice.kind is NoticeKind.GAP
            self._notes.add(notice)
            self._something.set()

    async def _read_for(self, seconds: float) -> None:
        """Read whenever there is a notice, and at the end; returns early for a new onlooker."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await self._something.wait()
            self._something.clear()
            if self._onlookers - self._served:
                return
            if self._is_listening:
                await asyncio.sleep(_SOON)
                await self._read()
                await asyncio.sleep(_BETWEEN)

    async def _read(self) -> None:
        """Read what the notices are about, and the ends up to now."""
        cursor, noted = self._cursor, self._notes.take()
        if cursor is None:
            return
        if self._is_new:
            self._is_new, noted = False, noted._replace(is_gap=False)
        for onlooker in self._served & self._onlookers:
            onlooker.start(cursor)
        # The scripts that noted it have run, so their ends are before this time.
        until_ms = await self._broker.connect() - 1
        await self._show(noted, cursor, until_ms)
        self._cursor = max(cursor, FeedCursor(until_ms + 1))

    async def _show(self, noted: Noted, cursor: FeedCursor, until_ms: int) -> None:
        """Show what the notices say, and the ends after a place up to a time."""
        ended = EndedJobs([], False)
        if until_ms >= cursor.time_ms:
            ended = await ended_jobs(self._broker, self._queues, cursor, until_ms, _MOST_READ)
        wanted = dict.fromkeys([*map(_job_of, ended.jobs), *noted.jobs])
        facts = await self._facts.read(list(wanted)[:_MOST_READ])
        missed = noted.missed + sum(len(kinds) for job, kinds in noted.jobs.items() if job not in facts)
        if noted.is_gap or ended.is_cut or missed:
            is_counted = not (noted.is_gap or ended.is_cut)
            self._put(Happening(kind=HappeningKind.GAP, cursor=cursor, missed=missed if is_counted else None))
        for happening in (*_noted(noted, facts, cursor, until_ms), *_ends(ended.jobs, facts)):
            self._put(happening)

    def _put(self, happening: Happening) -> None:
        for onlooker in self._onlookers:
            onlooker.put(happening)


def _job_of(ended: EndedJob) -> _Job:
    return ended.queue, ended.cursor.job_id


def _noted(
    noted: Noted, facts: Mapping[_Job, JobFacts], cursor: FeedCursor, now_ms: int
) -> Iterator[Happening]:
    """Yield what notices say, except ends that an index shows: those of jobs whose result is kept."""
    for job, kinds in noted.jobs.items():
        if (known := facts.get(job)) is None:
            continue
        for kind in kinds:
            if kind is HappeningKind.FINISHED and not known.is_gone:
                continue
            times = {HappeningKind.ENQUEUED: known.enqueued_ms, HappeningKind.STARTED: known.started_ms}
            yield Happening(
                kind=kind,
                cursor=cursor,
                queue=job[0],
                job_id=job[1],
                function=known.function,
                owner=known.owner,
                time_ms=times.get(kind) or now_ms,
            )


def _ends(jobs: Sequence[EndedJob], facts: Mapping[_Job, JobFacts]) -> Iterator[Happening]:
    """Yield the ends of jobs; a result that has expired by now shows nothing."""
    for job in jobs:
        known = facts.get(_job_of(job))
        if known is not None and not known.is_gone:
            yield Happening(
                kind=HappeningKind.FINISHED,
                cursor=job.cursor,
                queue=job.queue,
                job_id=job.cursor.job_id,
                function=known.function,
                owner=known.owner,
                time_ms=job.cursor.time_ms,
                success=known.success,
            )
