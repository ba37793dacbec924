"""Counts the failures of several queues by function and error, at a bounded cost, with an example of each."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jobgate.broker.listing.failure_groups import FailureGroup, WantedFailures
from jobgate.broker.listing.failure_tally import FailureReads, FailureTally
from jobgate.broker.listing.time_steps import TimeSteps
from jobgate.broker.milliseconds import unix_ms
from jobgate.broker.records import Failure

#: Seconds that a count may take.
COUNTING: Final = 3.0
#: The shortest time that is shown, if the caller names none.
_SHORTEST_MS: Final = 3_540_000
#: How far the clock of Redis may be ahead of that of this machine.
_AHEAD_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class CountedFailures:
    """Failures, or the newest of them."""

    #: The largest first.
    groups: Sequence[FailureGroup]
    #: The error of the newest failure of each of the first groups, by job id; some may be missing.
    errors: Mapping[str, Failure]
    #: Where the older ones begin that were not counted; empty = there are none.
    following: str

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
) -> CountedFailures:
    """Count failures; those that were aborted only if this code is wanted.

    Args:
        broker: Reads them.
        queues: The queues.
        wanted: Which ones.
        since_ms: Earliest end, unix ms.
        until_ms: Latest end, unix ms.
        examples: Of how many groups an error is read.
    """
    until = asyncio.get_running_loop().time() + COUNTING
    tally = FailureTally(broker, wanted, since_ms=since_ms, until_ms=until_ms)
    await tally.count(queues, place="", until=until)
    return await counted_failures(tally, examples=examples, until=until)


async def counted_failures(tally: FailureTally, *, examples: int, until: float) -> CountedFailures:
    """Return what a tally has counted, with the errors that can be read until a time of the loop's clock."""
    groups = tally.groups()
    errors = await tally.errors_of([group.newest for group in groups[:examples]], until=until)
    return CountedFailures(groups, errors, tally.following)
