"""The jobs of several queues as one list."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final

from jobgate.cli.operate.job_filters import Which

if TYPE_CHECKING:
    from jobgate.client import Client, JobInfo

#: The queue of a filter that means all queues.
_ALL_QUEUES: Final = "*"
#: Queues whose first pages are read at the same time.
_AT_ONCE: Final = 8


async def jobs_of(
    client: "Client", which: Which, *, limit: int | None = None
) -> AsyncGenerator["JobInfo", None]:
    """Yield jobs: those that wait or run by due time, then finished ones, newest first, or the newest of all.

    Args:
        client: Reads them.
        which: Which jobs.
        limit: Most jobs; None = all.
    """
    queues = which.queues or [_ALL_QUEUES]
    is_newest = which.filters.get("order") == "newest"
    async with AsyncExitStack() as stack:
        lists = [
            await stack.enter_async_context(aclosing(client.jobs(limit=limit, **which.filters_for(queue))))
            for queue in queues
        ]
        count = 0
        heads = [(_place(job, is_newest), number, job) for number, job in await _first_of(lists)]
        heapq.heapify(heads)
        while heads and count != limit:
            _, number, job = heads[0]
            yield job
            count += 1
            following = await anext(lists[number], None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (_place(following, is_newest), number, following))


async def _first_of(lists: Sequence[AsyncGenerator["JobInfo", None]]) -> list[tuple[int, "JobInfo"]]:
    """Return the first job of each list that has one, with the number of the list."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def first(jobs: AsyncGenerator["JobInfo", None]) -> "JobInfo | None":
        async with room:
            return await anext(jobs, None)

    found = await asyncio.gather(*map(first, lists))
    return [(number, job) for number, job in enumerate(found) if job is not None]


def _place(job: "JobInfo", is_newest: bool) -> tuple[int, float]:
    """Return where a job stands in a list."""
    if job.finish_time is not None:
        return 0 if is_newest else 1, -job.finish_time.timestamp()
    due = job.due_time or job.start_time or job.enqueue_time
    time = due.timestamp() if due else 0.0
    return 0, -time if is_newest else time
