"""Finds the jobs of a filter, page by page, at a bounded cost for each page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from jobgate.broker import Broker, BrokerError, InvalidCursor, JobView, size_of
from jobgate.gateway.finding.job_filter import JobFilter
from jobgate.gateway.finding.places import Part, Place

#: Jobs that are read from Redis at a time: each may be megabytes large.
_AT_ONCE: Final = 25
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
            part = following.part
            ids, following = await self._ids(wanted, following, min(limit - len(found), _AT_ONCE))
            cost.calls += 1
            cost.jobs += len(ids)
            gone: list[str] = []
            async for job_id, view in self._views(wanted.queue, ids, owner, cost.until):
                if view is None:
                    gone.append(job_id)
                    continue
                cost.read += size_of(view.mark)
                # A result that cannot be read does not say whose it is, nor of which queue.
                if not view.is_unreadable and wanted.has(view) and (entry := take(view)) is not None:
                    found[job_id] = entry
            if part is Part.FINISHED and owner is None:  # others' jobs are not read, and look as if gone
                await self._forget(wanted.queue, gone)
        return FoundPage(list(found.values()), following, cost.jobs)

    async def _forget(self, queue: str, job_ids: Sequence[str]) -> None:
        """Remove jobs whose results have expired from the indexes, so that the next page is shorter."""
        with contextlib.suppress(BrokerError):
            await self._broker.forget_finished(queue, job_ids)

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
        read = {Part.WAITING: self._due, Part.FINISHED: self._finished, Part.SCANNED: self._scanned}
        ids, cursor = await read[place.part](wanted, place.cursor, limit)
        if cursor:
            return ids, Place(place.part, cursor)
        later = wanted.parts[wanted.parts.index(place.part) + 1 :]
        return ids, Place(later[0]) if later else None

    async def _due(self, wanted: JobFilter, cursor: str, limit: int) -> tuple[Sequence[str], str]:
        page = await self._broker.due_ids(
            wanted.queue,
            cursor=cursor,
            limit=limit,
            status=wanted.status,
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
        )
        return page.ids, page.cursor

    async def _finished(self, wanted: JobFilter, cursor: str, limit: int) -> tuple[Sequence[str], str]:
        try:
            page = await self._broker.finished_ids(
                wanted.queue,
                only_failed=wanted.only_failed,
                cursor=cursor,
                limit=limit,
                since_ms=wanted.since_ms,
                until_ms=wanted.until_ms,
            )
        except ValueError as error:
            raise InvalidCursor from error
        return [job_id for job_id, _ in page.entries], page.cursor

    async def _scanned(self, _: JobFilter, cursor: str, limit: int) -> tuple[Sequence[str], str]:
        page = await self._broker.result_ids(cursor=cursor, limit=limit)
        return page.ids, page.cursor

    async def _views(
        self, queue: str, ids: Sequence[str], owner: str | None, until: float
    ) -> AsyncIterator[tuple[str, JobView | None]]:
        left = list(ids)
        while left:
            views = await self._broker.listed(queue, left, owner=owner, until=until)
            for job_id, view in zip(left, views, strict=False):
                yield job_id, view
            left = left[len(views) :]
