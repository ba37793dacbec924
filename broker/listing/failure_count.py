"""Counts the failures of several queues by function and error, at a bounded cost, with an example of each."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from jobgate.broker.errors import InvalidCursor
from jobgate.broker.listing.failed_jobs import FailedJob
from jobgate.broker.listing.failure_groups import FailureGroup, FailureGroups, WantedFailures
from jobgate.broker.listing.merge import Merge
from jobgate.broker.listing.time_steps import TimeSteps
from jobgate.broker.milliseconds import unix_ms
from jobgate.broker.records import Failure
from jobgate.broker.views import JobView

#: Failed jobs that are read from a queue at a time, and that are counted at most; seconds that this may take.
_AT_ONCE: Final = 250
#: Failed jobs that are read from all queues at a time, before it is looked at whether that is enough.
_ROUND: Final = 25_000
_MOST: Final = 100_000
_COUNTING: Final = 3.0
#: The shortest time that is shown, if the caller names none.
_SHORTEST_MS: Final = 3_540_000
#: How far the clock of Redis may be ahead of that of this machine.
_AHEAD_MS: Final = 86_400_000


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


@dataclass(frozen=True, slots=True)
class CountedFailures:
    """Failures, or the newest of them."""

    #: The largest first.
    groups: Sequence[FailureGroup]
    #: The error of the newest failure of each of the first groups, by job id; some may be missing.
    errors: Mapping[str, Failure]
    #: Where the older ones begin that were not counted; empty = there are none.
    following: str
    #: How many failed jobs were looked at.
    looked_at: int

    def steps(self, since_ms: int | None, until_ms: int | None) -> TimeSteps:
        """Return the steps from `since`, or else the oldest failure or an hour ago, to `until` or now."""
        groups, now = self.groups, unix_ms()
        # Other programs may have written any time.
        newest = min(max((group.newest.finish_time_ms for group in groups), default=0), now + _AHEAD_MS)
        last = max(min(until_ms or now, now), newest)
        oldest = max(min((group.oldest_ms for group in groups), default=last), 0)
        since = last - _SHORTEST_MS if since_ms is None else since_ms
        return TimeSteps.over(min(since, oldest), last)


async def count_failures(
    broker: FailureReads,
    queues: Sequence[str],
    wanted: WantedFailures,
    *,
    since_ms: int | None,
    until_ms: int | None,
    examples: int,
    place: str = "",
) -> CountedFailures:
    """Count failures; those that were aborted only if this code is wanted.

    Args:
        broker: Reads them.
        queues: The queues.
        wanted: Which ones.
        since_ms: Earliest end, unix ms.
        until_ms: Latest end, unix ms.
        examples: Of how many groups an error is read.
        place: Where to begin; empty = with the newest.

    Raises:
        InvalidCursor: The place is not from an earlier count.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + _COUNTING
    at_once = max(1, min(_AT_ONCE, _ROUND // max(1, len(queues))))
    read = partial(_read, broker, at_once, since_ms, until_ms)
    merge = Merge([partial(read, queue) for queue in queues], newest=True, place=place)
    found = FailureGroups(wanted)
    looked_at = 0
    while not merge.is_over and looked_at < _MOST and clock() < until:
        jobs = await merge.take_some()
        looked_at += len(jobs)
        found.add(jobs)
    groups = found.groups()
    errors = await _errors(broker, [group.newest for group in groups[:examples]], wanted.owner, until)
    return CountedFailures(groups, errors, merge.place, looked_at)


async def _read(
    broker: FailureReads, limit: int, since_ms: int | None, until_ms: int | None, queue: str, cursor: str
) -> tuple[Sequence[tuple[str, FailedJob]], str]:
    try:
        jobs, following = await broker.failed_jobs(
            queue, cursor=cursor, limit=limit, since_ms=since_ms, until_ms=until_ms
        )
    except ValueError as error:
        raise InvalidCursor from error
    return [(job.place, job) for job in jobs], following


async def _errors(
    broker: FailureReads, jobs: Sequence[FailedJob], owner: str | None, until: float
) -> dict[str, Failure]:
    """Return the errors of jobs, in short, as far as their results can be read in time."""
    by_queue: dict[str, list[str]] = {}
    for job in jobs:
        by_queue.setdefault(job.queue, []).append(job.job_id)
    errors: dict[str, Failure] = {}
    for queue, job_ids in by_queue.items():
        left = job_ids
        while left and (not errors or asyncio.get_running_loop().time() < until):
            views = await broker.listed(queue, left, owner=owner, until=until)
            errors |= {view.job_id: view.failure.in_short() for view in views if view and view.failure}
            left = left[len(views) :]
    return errors
