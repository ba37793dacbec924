"""The jobs of an operation, some at a time: those with its ids, or those of its filter."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from jobgate.broker import Broker, FailureCode, JobView
from jobgate.gateway.finding import Finder, JobFilter, Place
from jobgate.gateway.operations.bulk_order import BulkKind, BulkOrder
from jobgate.gateway.operations.tally import Tally

#: Jobs that are read at the same time: each may be megabytes large.
_AT_ONCE: Final = 5
#: Most entries that are counted in advance, to show how far an operation is.
_MOST_COUNTED: Final = 100_000


@dataclass(frozen=True, slots=True)
class TargetView:
    """A job as it was found, without arguments and result."""

    function: str | None
    queue: str | None
    owner: str | None
    has_ended: bool
    was_aborted: bool
    #: The job as which it was retried.
    retried_as: str | None

    @classmethod
    def of(cls, view: JobView) -> "TargetView":
        """Return what matters of a job."""
        was_aborted = view.code is FailureCode.ABORTED
        return cls(view.function, view.queue, view.owner, view.has_ended, was_aborted, view.retried_as)


@dataclass(frozen=True, slots=True)
class Target:
    """What an operation needs to know of a job."""

    job_id: str
    #: None = there is no such job for the caller.
    view: TargetView | None = None


class Targets:
    """Finds the jobs of one operation.

    Args:
        order: The operation.
        broker: The broker.
        finder: Finds the jobs of a filter.
        queues: Returns the queues in which jobs are looked for by id.
    """

    def __init__(
        self, order: BulkOrder, broker: Broker, finder: Finder, queues: Callable[[], Sequence[str]]
    ) -> None:
        self._order = order
        self._broker = broker
        self._finder = finder
        self._queues = queues

    async def begin(self, started_ms: int) -> Tally:
        """Return the tally of an operation that starts now, by the Redis clock."""
        order = self._order
        if order.ids is not None:
            return Tally(until_ms=started_ms, total=len(order.ids))
        tally = Tally(until_ms=started_ms, total=0)
        tally.total = await self._finder.count(self._filter(tally), most=_MOST_COUNTED)
        return tally

    async def following(self, tally: Tally, most: int) -> Sequence[Target]:
        """Return the next jobs, at most so many, and move the tally on; at the end there may be none."""
        if self._order.ids is not None:
            return await self._following_ids(self._order.ids, tally, most)
        order = self._order
        page = await self._finder.page(
            self._filter(tally),
            Place.read(tally.cursor) if tally.cursor else None,
            limit=most,
            owner=order.only_owner,
            take=lambda view: self._taken(view, tally),
        )
        tally.looked_at += page.looked_at
        tally.cursor, tally.is_over = str(page.following or ""), page.following is None
        return page.found

    def _taken(self, view: JobView, tally: Tally) -> Target | None:
        order = self._order
        is_later = order.kind is BulkKind.ABORT and (view.enqueue_time_ms or 0) > tally.until_ms
        return (
            Target(view.job_id, TargetView.of(view)) if order.touches(view.owner) and not is_later else None
        )

    def _filter(self, tally: Tally) -> JobFilter:
        """Return the filter, without the jobs that end while the operation runs: its own, perhaps."""
        wanted = self._order.wanted
        if self._order.kind is BulkKind.ABORT:
            return replace(wanted, only_open=True)
        until_ms = tally.until_ms if wanted.until_ms is None else min(wanted.until_ms, tally.until_ms)
        return replace(wanted, until_ms=until_ms)

    async def _following_ids(self, ids: Sequence[str], tally: Tally, most: int) -> Sequence[Target]:
        some = ids[tally.looked_at : tally.looked_at + most]
        found: list[Target] = []
        for at in range(0, len(some), _AT_ONCE):
            found += await asyncio.gather(*map(self._by_id, some[at : at + _AT_ONCE]))
        tally.looked_at += len(some)
        tally.is_over = tally.looked_at >= len(ids)
        return found

    async def _by_id(self, job_id: str) -> Target:
        order = self._order
        view = await self._broker.view(job_id, queues=self._queues(), owner=order.only_owner)
        return Target(job_id, TargetView.of(view) if view and order.touches(view.owner) else None)
