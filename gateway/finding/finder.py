"""Finds the jobs of a filter, page by page, at a bounded cost for each page."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from jobgate.broker import Broker, BrokerError, InvalidCursor, JobView, size_of
from jobgate.gateway.finding.cursors import Part, Place
from jobgate.gateway.finding.job_filter import JobFilter
from jobgate.gateway.finding.sources import FoundId, Source, Sources

#: Jobs that are read from Redis at a time: each may be megabytes large.
_AT_ONCE: Final = 25
#: What a page may cost: jobs read, calls for ids (each looks at up to 1,000 entries) besides the first for
#: each queue, bytes of stored jobs.
_MOST_JOBS: Final = 1000
_MOST_CALLS: Final = 50
_MOST_READ: Final = 16 * 1024 * 1024
#: Seconds for one page; large pickles that are not read by then are shown without their function.
_READING: Final = 2.0

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class FoundPage(Generic[Found]):
    """A part of the jobs of a filter."""

    #: In order, each once.
    found: Sequence[Found]
    #: Where the next page begins; None = this is the last page.
    following: Place | None
    #: How many entries of queues and indexes were looked at; those that a status rules out do not count.
    looked_at: int


@dataclass(slots=True)
class _Cost:
    """What a page has cost so far."""

    #: By the clock of the loop.
    until: float
    most_calls: int
    jobs: int = 0
    calls: int = 0
    read: int = 0

    @property
    def is_enough(self) -> bool:
        return (
            self.jobs >= _MOST_JOBS
            or self.calls >= self.most_calls
            or self.read > _MOST_READ
            or asyncio.get_running_loop().time() > self.until
        )


class Finder:
    """Finds jobs.

    Args:
        broker: The broker.
        sources: Opens the lists of filters.
    """

    def __init__(self, broker: Broker, sources: Sources) -> None:
        self._broker = broker
        self._sources = sources

    async def page(
        self,
        wanted: JobFilter,
        place: Place | None,
        *,
        limit: int,
        owner: str | None,
        take: Callable[[JobView], Found | None],
    ) -> FoundPage[Found]:
        """Return one page. It may be empty and still not be the last.

        Args:
            wanted: Which jobs.
            place: Where the page begins; None = at the beginning.
            limit: Most jobs on the page.
            owner: The only owner whose jobs are looked for; None = those of all.
            take: Makes an entry of the page of each job, None to leave it out. It is called at once, so that
                no arguments and results are kept.

        Raises:
            NotAQueue: The key of the queue holds another type of value.
            InvalidCursor: The place is not that of a page of this list.
        """
        following = place if place is not None else _first(wanted)
        if following is None:
            return FoundPage([], None, 0)
        if following.part not in wanted.parts:
            raise InvalidCursor
        queues = await self._sources.queues_of(wanted)
        page = _Page(wanted, queues, owner, limit, take)
        while following is not None and not page.is_full:
            if following.part is Part.SCANNED and page.cost.calls:
                break  # a scan is slow: it begins with a page of its own
            following = await self._fill(page, following)
        return FoundPage(list(page.found.values()), following, page.cost.jobs)

    async def _fill(self, page: "_Page[Found]", place: Place) -> Place | None:
        """Add jobs of one part to a page; return where the next page begins."""
        source = self._sources.open(page.wanted, page.queues, place, page.owner)
        while not source.is_over and not page.is_full:
            before = source.reads
            ids = await source.take(min(page.limit - len(page.found), _AT_ONCE))
            page.cost.calls += source.reads - before
            page.cost.jobs += len(ids)
            await self._read(page, ids, forgets=place.part is Part.FINISHED)
        return _following(page.wanted, place.part, source)

    async def _read(self, page: "_Page[Found]", ids: Sequence[FoundId], *, forgets: bool) -> None:
        by_queue: dict[str, list[str]] = {}
        for queue, job_id in ids:
            by_queue.setdefault(queue, []).append(job_id)
        for queue, some in by_queue.items():
            gone = await self._read_queue(page, queue, some)
            if forgets and page.owner is None:  # others' jobs are not read, and look as if gone
                await self._forget(queue, gone)
        page.add([job_id for _, job_id in ids])

    async def _read_queue(self, page: "_Page[Found]", queue: str, job_ids: Sequence[str]) -> list[str]:
        """Read jobs that were found in one queue; return those that are gone."""
        gone: list[str] = []
        left = list(job_ids)
        while left:
            views = await self._broker.listed(queue, left, owner=page.owner, until=page.cost.until)
            for job_id, view in zip(left, views, strict=False):
                if view is None:
                    gone.append(job_id)
                else:
                    page.consider(job_id, view)
            left = left[len(views) :]
        return gone

    async def _forget(self, queue: str, job_ids: Sequence[str]) -> None:
        """Remove jobs whose results have expired from the indexes, so that the next page is shorter."""
        with contextlib.suppress(BrokerError):
            await self._broker.forget_finished(queue, job_ids)

    async def count(self, wanted: JobFilter, *, most: int) -> int:
        """Return how many entries `page` will look at, up to `most`; the jobs themselves are not read."""
        counted, place = 0, _first(wanted)
        queues = await self._sources.queues_of(wanted) if place else []
        while place is not None and counted < most:
            source = self._sources.open(wanted, queues, place, None)
            while not source.is_over and counted < most:
                counted += len(await source.take(_MOST_JOBS))
            place = _following(wanted, place.part, source)
        return min(counted, most)


def _first(wanted: JobFilter) -> Place | None:
    """Return where the first page begins; None = there can be no such job."""
    return Place(wanted.parts[0]) if wanted.parts else None


def _following(wanted: JobFilter, part: Part, source: Source) -> Place | None:
    """Return where the list continues after what was taken; None = it is over."""
    if not source.is_over:
        return Place(part, source.place)
    later = wanted.parts[wanted.parts.index(part) + 1 :]
    return Place(later[0]) if later else None


class _Page(Generic[Found]):
    """A page that is being filled."""

    def __init__(
        self,
        wanted: JobFilter,
        queues: Sequence[str],
        owner: str | None,
        limit: int,
        take: Callable[[JobView], Found | None],
    ) -> None:
        self.wanted = wanted
        self.queues = queues
        self.owner = owner
        self.limit = limit
        self.found: dict[str, Found] = {}
        self.cost = _Cost(asyncio.get_running_loop().time() + _READING, _MOST_CALLS + len(queues))
        self._take = take
        self._kept: dict[str, Found] = {}

    @property
    def is_full(self) -> bool:
        return len(self.found) >= self.limit or self.cost.is_enough

    def consider(self, job_id: str, view: JobView) -> None:
        """Keep what is shown of a job until `add`, if the job is meant."""
        self.cost.read += size_of(view.mark)
        # A result that cannot be read does not say whose it is, nor of which queue.
        is_meant = not view.is_unreadable and view.queue in self.queues and self.wanted.has(view)
        if is_meant and (entry := self._take(view)) is not None:
            self._kept[job_id] = entry

    def add(self, job_ids: Sequence[str]) -> None:
        """Add what was kept, in this order."""
        self.found |= {job_id: self._kept[job_id] for job_id in job_ids if job_id in self._kept}
        self._kept.clear()
