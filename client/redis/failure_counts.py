"""Counts of failures, straight from the indexes in Redis."""

from collections.abc import Sequence
from typing import Final

from jobgate.broker import (
    Broker,
    CountedFailures,
    TimeSteps,
    WantedFailures,
    count_failures,
    time_of,
)
from jobgate.broker import FailureGroup as CountedGroup
from jobgate.client.errors import InvalidRequest
from jobgate.client.operate import FailureCount, FailureGroup, JobFilter
from jobgate.client.redis.job_list import ALL, failure_code, milliseconds
from jobgate.client.redis.translation import translated

#: Groups that are shown by default, and at most.
_GROUPS: Final = 100
_MOST_GROUPS: Final = 1000


async def failure_count(
    broker: Broker, names: Sequence[str], wanted: JobFilter, limit: int | None
) -> FailureCount:
    """Return the failures of a filter, counted as a gateway does.

    Args:
        broker: Reads them.
        names: The queues in use, for a filter that names none.
        wanted: Which ones.
        limit: Most groups; None = 100.

    Raises:
        InvalidRequest: No failure has this code, no queue can have this name, or the limit is too large.
    """
    most = _GROUPS if limit is None else limit
    if most > _MOST_GROUPS:
        raise InvalidRequest(f"limit must be at most {_MOST_GROUPS}")
    failures = WantedFailures(
        function=wanted.function, code=failure_code(wanted.code), type=wanted.error_type
    )
    since_ms, until_ms = milliseconds(wanted.since), milliseconds(wanted.until)
    with translated():
        is_all = wanted.queue in (None, ALL)
        queues = (
            [name for name in names if name != broker.keys.operations]
            if is_all
            else [broker.keys.queue(wanted.queue)]
        )
        counted = await count_failures(
            broker, queues, failures, since_ms=since_ms, until_ms=until_ms, examples=most
        )
    return _record(counted, counted.steps(since_ms, until_ms), most)


def _record(counted: CountedFailures, steps: TimeSteps, most: int) -> FailureCount:
    groups = counted.groups
    return FailureCount(
        failed=sum(group.number for group in groups),
        retried=sum(group.retried for group in groups),
        start=time_of(steps.start_ms),
        step=steps.step_ms // 1000,
        series=tuple(steps.count(time for group in groups for time in group.times_ms)),
        groups=tuple(_group(group, steps, counted) for group in groups[:most]),
        other_groups=max(len(groups) - most, 0),
        counted_all=not counted.following,
    )


def _group(group: CountedGroup, steps: TimeSteps, counted: CountedFailures) -> FailureGroup:
    newest = group.newest
    error = counted.errors.get(newest.job_id)
    return FailureGroup(
        function=group.function,
        type=group.type,
        code=group.code.value,
        message=None if error is None else error.message,
        failed=group.number,
        retried=group.retried,
        first_time=time_of(group.oldest_ms),
        last_time=time_of(newest.finish_time_ms),
        job_id=newest.job_id,
        queue=newest.queue,
        series=tuple(steps.count(group.times_ms)),
    )
