"""Counts the jobs that an operation would act on, at a bounded cost, and changes nothing."""

import asyncio
from typing import Any, Final

from jobgate.gateway.operations.actions import Actions
from jobgate.gateway.operations.bulk_order import BulkOrder
from jobgate.gateway.operations.tally import Tally
from jobgate.gateway.operations.targets import Targets

#: Most entries that are looked at, and seconds that it may take; after that the count stops.
_MOST_LOOKED_AT: Final = 10_000
_COUNTING: Final = 2.0
_AT_ONCE: Final = 100


async def dry_run(order: BulkOrder, targets: Targets, actions: Actions, *, now_ms: int) -> dict[str, Any]:
    """Return how many jobs the order selects, and how many of them would be left as they are, by reason.

    Raises:
        NotAQueue: The key of the filter's queue holds another type of value.
    """
    tally = Tally(until_ms=now_ms, total=0)
    clock = asyncio.get_running_loop().time
    until = clock() + _COUNTING
    while not tally.is_over and tally.done < order.limit:
        if tally.looked_at >= _MOST_LOOKED_AT or clock() > until:
            break
        for target in await targets.following(tally, min(_AT_ONCE, order.limit - tally.done)):
            tally.note(target.job_id, await actions.why_not(target))
    is_all = tally.is_over or tally.done >= order.limit
    return {"matched": tally.matched, "skipped": tally.skipped, "counted_all": is_all}
