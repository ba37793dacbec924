"""Counts failed jobs of several queues, and adds those that failed later without counting all again."""

import asyncio
import math
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from jobgate.broker.errors import InvalidCursor
from jobgate.broker.listing.failed_jobs import FailedJob
from jobgate.broker.listing.failure_groups import FailureGroup, FailureGroups, WantedFailures
from jobgate.broker.listing.merge import Merge
from jobgate.broker.records import Failure
from jobgate.broker.views import JobView

#: Failed jobs that are read from a queue at a time, and that are counted at most.
_AT_ONCE: Final = 250
_MOST: Final = 100_000
#: Failed jobs that are read from all queues at a time, before it is looked at whether that is enough.
_ROUND: Final = 25_000
#: Reads of a queue for newer failures; if there are more, all have to be counted again.
_NEWER_READS: Final = 8


class FailureReads(Protocol):
    """What counting asks of the broker."""

    async def failed_jobs(
        self, queue: str, *, cursor: str, limit: int, since_ms: int | None, until_ms: int | None
    ) -> tuple[Sequence[FailedJob], str]:
        """Return failed jobs of a queue, newest first, and the next cursor."""

    async def listed(
        self, queue: str, job_ids: Sequence[str], *, owner: str | None, until: float | None
    ) -> Sequence[JobView | None]:
        """Return jobs of a queue, perhaps not all."""


class FailureTally:
    """A count of failures.

    Args:
        broker: Reads them.
        wanted: Which ones are counted.
        since_ms: Earliest end, unix ms.
        until_ms: Latest end, unix ms.
    """

    def __init__(
        self, broker: FailureReads, wanted: WantedFailures, *, since_ms: int | None, until_ms: int | None
    ) -> None:
        self._broker = broker
        self._wanted = wanted
        self._since_ms, self._until_ms = since_ms, until_ms
        self._found = FailureGroups(wanted)
        self._newest: dict[str, _Newest] = {}
        self._errors: dict[str, Failure] = {}
        #: Where the older failures begin that were not counted; empty = there are none.
        self.following = ""
        #: How many failed jobs were looked at, and how often Redis was asked for some.
        self.looked_at = 0
        self.reads = 0

    async def count(self, queues: Sequence[str], *, place: str, until: float) -> None:
        """Count the failures of queues, the newest ones first, until a time of the loop's clock.

        Raises:
            InvalidCursor: The place is not from an earlier count.
        """
        at_once = _at_once(queues)
        merge = Merge([partial(self._read, queue, at_once) for queue in queues], newest=True, place=place)
        clock = asyncio.get_running_loop().time
        while not merge.is_over and self.looked_at < _MOST and clock() < until:
            self._add(await merge.take_some())
        self.following = merge.place

    async def add_newer(self, queues: Sequence[str]) -> bool:
        """Add the failures since the newest one of each queue; False = they are too many to be added."""
        at_once = _at_once(queues)
        found = await asyncio.gather(*(self._newer(queue, at_once) for queue in queues))
        if None in found:
            return False
        for queue, jobs in zip(queues, found, strict=True):
            self._add(self._newest_of(queue).new_of(jobs or []))
        return self.looked_at <= 2 * _MOST

    def groups(self) -> Sequence[FailureGroup]:
        """Return the groups, the largest first."""
        return self._found.groups()

    async def errors_of(self, jobs: Sequence[FailedJob], *, until: float) -> dict[str, Failure]:
        """Return the errors of jobs, in short, by job id, as far as their results can be read in time."""
        errors = {job.job_id: self._errors[job.job_id] for job in jobs if job.job_id in self._errors}
        by_queue: dict[str, list[str]] = {}
        for job in jobs:
            if job.job_id not in errors:
                by_queue.setdefault(job.queue, []).append(job.job_id)
        clock, owner = asyncio.get_running_loop().time, self._wanted.owner
        for queue, job_ids in by_queue.items():
            left = job_ids
            while left and (not errors or clock() < until):
                views = await self._broker.listed(queue, left, owner=owner, until=until)
                errors |= {view.job_id: view.failure.in_short() for view in views if view and view.failure}
                left = left[len(views) :]
        self._errors = errors
        return errors

    def _add(self, jobs: Sequence[FailedJob]) -> None:
        self.looked_at += len(jobs)
        self._found.add(jobs)

    def _newest_of(self, queue: str) -> "_Newest":
        return self._newest.setdefault(queue, _Newest())

    async def _read(self, queue: str, limit: int, cursor: str) -> tuple[Sequence[tuple[str, FailedJob]], str]:
        jobs, following = await self._page(queue, limit, cursor, self._since_ms)
        self._newest_of(queue).new_of(jobs)
        return [(job.place, job) for job in jobs], following

    async def _newer(self, queue: str, limit: int) -> Sequence[FailedJob] | None:
        last = self._newest_of(queue).time_ms
        since, cursor = self._since_ms if last == -math.inf else int(last), ""
        found: list[FailedJob] = []
        for _ in range(_NEWER_READS):
            jobs, cursor = await self._page(queue, limit, cursor, since)
            found += jobs
            if not cursor:
                return found
        return None

    async def _page(
        self, queue: str, limit: int, cursor: str, since_ms: int | None
    ) -> tuple[Sequence[FailedJob], str]:
        self.reads += 1
        try:
            return await self._broker.failed_jobs(
                queue, cursor=cursor, limit=limit, since_ms=since_ms, until_ms=self._until_ms
            )
        except ValueError as error:
            raise InvalidCursor from error


def _at_once(queues: Sequence[str]) -> int:
    """Return how many failed jobs are read from each of these queues at a time."""
    return max(1, min(_AT_ONCE, _ROUND // max(1, len(queues))))


class _Newest:
    """When the newest failure of a queue happened, and which did then: several may share a millisecond."""

    def __init__(self) -> None:
        self.time_ms: float = -math.inf
        self._ids: set[str] = set()

    def new_of(self, jobs: Sequence[FailedJob]) -> Sequence[FailedJob]:
        """Return the jobs that are newer than all before, or as new and not among them."""
        last = self.time_ms
        new = [
            job
            for job in jobs
            if job.finish_time_ms > last or (job.finish_time_ms == last and job.job_id not in self._ids)
        ]
        self.time_ms = max(last, max((job.finish_time_ms for job in new), default=last))
        if self.time_ms > last:
            self._ids.clear()
        self._ids.update(job.job_id for job in new if job.finish_time_ms == self.time_ms)
        return new
