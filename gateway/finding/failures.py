"""Counts failures by function and error, at a bounded cost, with an example of each."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from jobgate.broker import (
    Broker,
    FailedJob,
    Failure,
    FailureGroup,
    FailureGroups,
    InvalidCursor,
    Merge,
    SharedReads,
)
from jobgate.gateway.finding.job_filter import JobFilter
from jobgate.gateway.finding.sources import Sources

#: Failed jobs that are read from a queue at a time, and that are counted at most; seconds that this may take.
_AT_ONCE: Final = 250
#: Failed jobs that are read from all queues at a time, before it is looked at whether that is enough.
_ROUND: Final = 25_000
_MOST: Final = 100_000
_COUNTING: Final = 3.0
#: Failed jobs from which a count is kept; for how many times as long as it took; most counts that are kept.
_MANY: Final = 5000
_SHOWN_AGAIN: Final = 10
_MOST_KEPT: Final = 4

#: What is counted: filter, place, owner, and examples.
_Wanted = tuple[JobFilter, str, str | None, int]


@dataclass(frozen=True, slots=True)
class CountedFailures:
    """The failures of a filter, or the newest of them."""

    #: The largest first.
    groups: Sequence[FailureGroup]
    #: The error of the newest failure of each of the first groups, by job id; some may be missing.
    errors: Mapping[str, Failure]
    #: Where the older ones begin that were not counted; empty = there are none.
    following: str
    #: How many failed jobs were looked at.
    looked_at: int


class FailureCounter:
    """Counts failures.

    Args:
        broker: The broker.
        sources: Knows in which queues to look.
    """

    def __init__(self, broker: Broker, sources: Sources) -> None:
        self._broker = broker
        self._sources = sources
        self._reads: SharedReads[_Wanted, CountedFailures] = SharedReads()
        #: Counts that took long, and until when they are shown again, by the clock of the loop.
        self._kept: dict[_Wanted, tuple[float, CountedFailures]] = {}

    async def count(
        self, wanted: JobFilter, place: str, *, owner: str | None, examples: int
    ) -> CountedFailures:
        """Count failures; those that were aborted only if the filter has this code.

        A count that takes long is shown again for a while, so that pages which stay open cost little.

        Args:
            wanted: Which ones.
            place: Where to begin; empty = with the newest.
            owner: The only owner whose jobs are counted; None = those of all.
            examples: Of how many groups an error is read.

        Raises:
            InvalidCursor: The place is not from an earlier count.
        """
        clock = asyncio.get_running_loop().time
        key = (wanted, place, owner, examples)
        until, kept = self._kept.get(key, (0.0, None))
        if kept is not None and clock() < until:
            return kept
        begun = clock()
        counted = await self._reads.read(key, lambda: self._count(*key))
        self._keep(key, counted, now=clock(), took=clock() - begun)
        return counted

    def _keep(self, key: "_Wanted", counted: CountedFailures, *, now: float, took: float) -> None:
        self._kept.pop(key, None)
        if counted.looked_at > _MANY:
            self._kept[key] = now + _SHOWN_AGAIN * took, counted
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _count(
        self, wanted: JobFilter, place: str, owner: str | None, examples: int
    ) -> CountedFailures:
        until = asyncio.get_running_loop().time() + _COUNTING
        queues = await self._sources.queues_of(wanted)
        at_once = max(1, min(_AT_ONCE, _ROUND // max(1, len(queues))))
        lists = [partial(self._read, wanted, queue, at_once) for queue in queues]
        merge = Merge(lists, newest=True, place=place)
        found = FailureGroups(wanted.failures(owner))
        looked_at = 0
        while not merge.is_over and looked_at < _MOST and asyncio.get_running_loop().time() < until:
            jobs = await merge.take_some()
            looked_at += len(jobs)
            found.add(jobs)
        groups = found.groups()
        errors = await self._errors([group.newest for group in groups[:examples]], owner, until)
        return CountedFailures(groups, errors, merge.place, looked_at)

    async def _read(
        self, wanted: JobFilter, queue: str, limit: int, cursor: str
    ) -> tuple[Sequence[tuple[str, FailedJob]], str]:
        try:
            jobs, following = await self._broker.failed_jobs(
                queue, cursor=cursor, limit=limit, since_ms=wanted.since_ms, until_ms=wanted.until_ms
            )
        except ValueError as error:
            raise InvalidCursor from error
        return [(job.place, job) for job in jobs], following

    async def _errors(self, jobs: Sequence[FailedJob], owner: str | None, until: float) -> dict[str, Failure]:
        """Return the errors of jobs, in short, as far as their results can be read in time."""
        by_queue: dict[str, list[str]] = {}
        for job in jobs:
            by_queue.setdefault(job.queue, []).append(job.job_id)
        errors: dict[str, Failure] = {}
        for queue, job_ids in by_queue.items():
            left = job_ids
            while left and (not errors or asyncio.get_running_loop().time() < until):
                views = await self._broker.listed(queue, left, owner=owner, until=until)
                errors |= {view.job_id: view.failure.in_short() for view in views if view and view.failure}
                left = left[len(views) :]
        return errors
