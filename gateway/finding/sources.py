"""The lists in which the jobs of a filter are found, of one queue or of all, in order."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from jobgate.broker import Broker, InvalidCursor, Merge, NotAQueue
from jobgate.gateway.finding.cursors import Part, Place
from jobgate.gateway.finding.job_filter import ALL_QUEUES, JobFilter

#: Ids that are read from a list at a time: failed jobs are read with their notes, of which many may not fit.
_AT_ONCE: Final = 100
_FAILED_AT_ONCE: Final = 500

#: A job that was found: its queue and its id.
FoundId = tuple[str, str]
_Page = tuple[Sequence[tuple[str, FoundId]], str]


class Source(Protocol):
    """A part of a list, from a place on."""

    #: Where the ids that have not been taken begin.
    place: str
    is_over: bool
    #: How often Redis was asked.
    reads: int

    async def take(self, most: int) -> Sequence[FoundId]:
        """Return the next ids, about so many at most. There may be none although more follow."""


class Sources:
    """Opens the lists of filters.

    Args:
        broker: The broker.
        queues: Returns the queues in use that requests may look at.
    """

    def __init__(self, broker: Broker, queues: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._broker = broker
        self._queues = queues

    async def queues_of(self, wanted: JobFilter) -> Sequence[str]:
        """Return the queues in which the jobs of a filter are; that of operations only if it is named."""
        if wanted.queue != ALL_QUEUES:
            return [wanted.queue]
        return [queue for queue in await self._queues() if queue != self._broker.keys.operations]

    def open(self, wanted: JobFilter, queues: Sequence[str], place: Place, owner: str | None) -> Source:
        """Return a part of the list of these queues from a place on.

        Args:
            wanted: Which jobs. What is found may have others, too.
            queues: The queues.
            place: Where to begin.
            owner: The only owner whose jobs are looked for, where that can be seen without reading them.
        """
        if place.part is Part.SCANNED:
            return _Scan(self._broker, place.cursor)
        is_newest = place.part is Part.NEWEST
        parts = wanted.parts_of_newest if is_newest else (place.part,)
        lists = [_List(self._broker, wanted, queue, owner, is_newest) for queue in queues]
        reads = [one.due if part is Part.WAITING else one.finished for part in parts for one in lists]
        return Merge(reads, newest=place.part is not Part.WAITING, place=place.cursor)


@dataclass(frozen=True, slots=True)
class _List:
    """The lists of one queue."""

    broker: Broker
    wanted: JobFilter
    queue: str
    owner: str | None
    is_newest: bool

    async def due(self, cursor: str) -> _Page:
        wanted = self.wanted
        try:
            page = await self.broker.due_ids(
                self.queue,
                cursor=cursor,
                limit=_AT_ONCE,
                status=wanted.status,
                since_ms=wanted.since_ms,
                until_ms=wanted.until_ms,
                newest=self.is_newest,
            )
        except NotAQueue:
            if wanted.queue == ALL_QUEUES:
                return [], ""
            raise
        places = zip(page.places, page.ids, strict=True)
        return [(place, (self.queue, job_id)) for place, job_id in places], page.cursor

    async def finished(self, cursor: str) -> _Page:
        wanted = self.wanted
        try:
            if wanted.only_failed:
                return await self._failed(cursor)
            page = await self.broker.finished_ids(
                self.queue,
                cursor=cursor,
                limit=_AT_ONCE,
                since_ms=wanted.since_ms,
                until_ms=wanted.until_ms,
            )
        except ValueError as error:
            raise InvalidCursor from error
        return [(f"{time}:{job_id}", (self.queue, job_id)) for job_id, time in page.entries], page.cursor

    async def _failed(self, cursor: str) -> _Page:
        wanted, meant = self.wanted, self.wanted.failures(self.owner)
        jobs, following = await self.broker.failed_jobs(
            self.queue,
            cursor=cursor,
            limit=_FAILED_AT_ONCE,
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
        )
        found = [job for job in jobs if job.note is None or meant.has(job.note)]
        return [(job.place, (self.queue, job.job_id)) for job in found], following


class _Scan:
    """All results, in no order; a page is taken whole."""

    def __init__(self, broker: Broker, place: str) -> None:
        self._broker = broker
        self.place = place
        self.is_over = False
        self.reads = 0

    async def take(self, most: int) -> Sequence[FoundId]:
        page = await self._broker.result_ids(cursor=self.place, limit=most)
        self.reads += 1
        self.place, self.is_over = page.cursor, not page.cursor
        return [("", job_id) for job_id in page.ids]
