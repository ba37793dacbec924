"""Counts failures for requests; a count of many is shown again for a while, with those that came later."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from jobgate.broker import COUNTING, Broker, CountedFailures, FailureTally, SharedReads, counted_failures
from jobgate.gateway.finding.job_filter import JobFilter
from jobgate.gateway.finding.sources import Sources

#: Failed jobs, and reads of Redis, from which a count is kept; most counts that are kept.
_MANY: Final = 1000
_MANY_READS: Final = 20
_MOST_KEPT: Final = 4
#: For how many times as long as it took a count is shown again, if the caller does not say for how long.
_SHOWN_AGAIN: Final = 10
#: Reads of Redis in a second for newer failures, where there are more queues than `_MANY_READS`.
_READS_A_SECOND: Final = 5


class _Wanted(NamedTuple):
    """What is counted."""

    filter: JobFilter
    #: Where to begin; empty = with the newest.
    place: str
    owner: str | None
    examples: int


@dataclass(slots=True)
class _Kept:
    """A count of many: when it was made, how long it took, and when newer failures may be added again."""

    tally: FailureTally
    counted_at: float
    took: float
    next_look: float = 0.0


class FailureCounter:
    """Counts failures.

    Args:
        broker: The broker.
        sources: Knows in which queues to look.
    """

    def __init__(self, broker: Broker, sources: Sources) -> None:
        self._broker = broker
        self._sources = sources
        self._reads: SharedReads[tuple[_Wanted, float, float | None], CountedFailures] = SharedReads()
        self._kept: dict[_Wanted, _Kept] = {}

    async def count(
        self,
        wanted: JobFilter,
        place: str,
        *,
        owner: str | None,
        examples: int,
        within: float = COUNTING,
        max_age: float | None = None,
    ) -> CountedFailures:
        """Count failures; those that were aborted only if the filter has this code.

        A count of many is shown again for a while, with newer failures added, so that pages which stay open
        cost little.

        Args:
            wanted: Which ones.
            place: Where to begin; empty = with the newest.
            owner: The only owner whose jobs are counted; None = those of all.
            examples: Of how many groups an error is read.
            within: Seconds after which the newest are returned alone.
            max_age: Seconds for which a count is shown again; None = the longer it took, the longer.

        Raises:
            InvalidCursor: The place is not from an earlier count.
        """
        key = _Wanted(wanted, place, owner, examples)
        return await self._reads.read((key, within, max_age), lambda: self._counted(key, within, max_age))

    async def _counted(self, key: _Wanted, within: float, max_age: float | None) -> CountedFailures:
        began = asyncio.get_running_loop().time()
        queues = await self._sources.queues_of(key.filter)
        kept = self._kept.get(key)
        if kept is not None and await self._shows_again(kept, key, queues, max_age):
            tally = kept.tally
        else:
            tally = await self._count(key, queues, within)
        return await counted_failures(tally, examples=key.examples, until=began + COUNTING)

    async def _shows_again(
        self, kept: _Kept, key: _Wanted, queues: Sequence[str], max_age: float | None
    ) -> bool:
        """Return whether a count is not too old, and add newer failures."""
        now = asyncio.get_running_loop().time()
        if now - kept.counted_at > (_SHOWN_AGAIN * kept.took if max_age is None else max_age):
            return False
        if key.place or now < kept.next_look:
            return True
        if len(queues) > _MANY_READS:
            kept.next_look = now + len(queues) / _READS_A_SECOND
        return await kept.tally.add_newer(queues)

    async def _count(self, key: _Wanted, queues: Sequence[str], within: float) -> FailureTally:
        clock, wanted = asyncio.get_running_loop().time, key.filter
        tally = FailureTally(
            self._broker, wanted.failures(key.owner), since_ms=wanted.since_ms, until_ms=wanted.until_ms
        )
        began = clock()
        await tally.count(queues, place=key.place, until=began + within)
        if within >= COUNTING:
            self._keep(key, _Kept(tally, clock(), clock() - began))
        return tally

    def _keep(self, key: _Wanted, kept: _Kept) -> None:
        self._kept.pop(key, None)
        if kept.tally.looked_at > _MANY or kept.tally.reads > _MANY_READS:
            self._kept[key] = kept
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
