"""Finds the jobs of a filter, page by page, at a bounded cost for each page."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from jobgate.broker import Broker, JobView, size_of
from jobgate.gateway.finding.job_filter import JobFilter
from jobgate.gateway.finding.places import Part, Place

#: Ids that are read from Redis at a time, and jobs: each job may be megabytes large.
_IDS_AT_ONCE, _AT_ONCE = 25, 5
#: What a page may cost: jobs read, calls for ids (each looks at up to 1,000 entries), bytes of stored jobs.
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
    jobs: int = 0
    calls: int = 0
    read: int = 0

    @property
    def is_enough(self) -> bool:
        return (
            self.jobs >= _MOST_JOBS
            or self.calls >= _MOST_CALLS
            or self.read > _MOST_READ
            or asyncio.get_running_loop().time() > self.until
        )


class Finder:
    """Finds jobs.

    Args:
        broker: The broker.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

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
        parts = wanted.parts
        place = place or (Place(parts[0]) if parts else None)
        if place is None or place.part not in parts:
            return FoundPage([], None, 0)
        found: dict[str, Found] = {}
        cost = _Cost(asyncio.get_running_loop().time() + _READING)
        following: Place | None = place
        while following and len(found) < limit and not cost.is_enough:
            if following.part is Part.SCANNED and place.part is not Part.SCANNED and cost.calls:
                break  # a scan is slow: it begins with a page of its own
            most = min(limit - len(found), _IDS_AT_ONCE)
            ids, following = await self._ids(wanted, following, most)
            cost.calls += 1
            cost.jobs += len(ids)
            async for view in self._views(wanted.queue, ids, owner, cost.until):
                cost.read += size_of(view.mark)
                if wanted.has(view) and (entry := take(view)) is not None:
                    found[view.job_id] = entry
        return FoundPage(list(found.values()), following, cost.jobs)

    async def count(self, wanted: JobFilter, *, most: int) -> int:
        """Return how many entries `page` will look at, up to `most`; the jobs themselves are not read."""
        counted, parts = 0, wanted.parts
        place = Place(parts[0]) if parts else None
        while place is not None and counted < most:
            ids, place = await self._ids(wanted, place, _MOST_JOBS)
            counted += len(ids)
        return min(counted, most)

    async def _ids(self, wanted: JobFilter, place: Place, limit: int) -> tuple[Sequence[str], Place | None]:
        """Return some ids, and where the next ones begin."""
        broker, part, cursor = self._broker, place.part, place.cursor
        since_ms, until_ms = wanted.since_ms, wanted.until_ms
        if part is Part.WAITING:
            page = await broker.due_ids(
                wanted.queue, cursor=cursor, limit=limit, status=wanted.status,
                since_ms=since_ms, until_ms=until_ms,
            )  # fmt: skip
            ids, cursor = page.ids, page.cursor
        else:
            page = await broker.result_ids(cursor=cursor, limit=limit)
            ids, cursor = page.ids, page.cursor
        if cursor:
            return ids, Place(part, cursor)
        parts = wanted.parts
        return ids, next((Place(later) for later in parts[parts.index(part) + 1 :]), None)

    async def _views(
        self, queue: str, ids: Sequence[str], owner: str | None, until: float
    ) -> AsyncIterator[JobView]:
        for at in range(0, len(ids), _AT_ONCE):
            some = ids[at : at + _AT_ONCE]
            views = (self._broker.view(one, queues=[queue], until=until, owner=owner) for one in some)
            for view in await asyncio.gather(*views):
                # A result that cannot be read does not say whose it is, nor of which queue.
                if view is not None and not view.is_unreadable:
                    yield view
