"""Counts failures for requests; a count that takes long is shown again for a while."""

import asyncio
from typing import Final

from jobgate.broker import Broker, CountedFailures, SharedReads, count_failures
from jobgate.gateway.finding.job_filter import JobFilter
from jobgate.gateway.finding.sources import Sources

#: Failed jobs from which a count is kept; for how many times as long as it took; most counts that are kept.
_MANY: Final = 5000
_SHOWN_AGAIN: Final = 10
_MOST_KEPT: Final = 4

#: What is counted: filter, place, owner, and examples.
_Wanted = tuple[JobFilter, str, str | None, int]


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

    def _keep(self, key: _Wanted, counted: CountedFailures, *, now: float, took: float) -> None:
        self._kept.pop(key, None)
        if counted.looked_at > _MANY:
            self._kept[key] = now + _SHOWN_AGAIN * took, counted
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _count(
        self, wanted: JobFilter, place: str, owner: str | None, examples: int
    ) -> CountedFailures:
        return await count_failures(
            self._broker,
            await self._sources.queues_of(wanted),
            wanted.failures(owner),
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
            examples=examples,
            place=place,
        )
