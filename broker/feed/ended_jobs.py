"""The jobs that have ended in a span of time, from the indexes of several queues, in one order."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from jobgate.broker.broker import Broker
from jobgate.broker.feed.happening import FeedCursor

#: Queues that are read at a time.
_AT_ONCE: Final = 10


class EndedJob(NamedTuple):
    """An entry of an index; entries are in the order of their cursors."""

    cursor: FeedCursor
    queue: str


class EndedJobs(NamedTuple):
    """What was found."""

    jobs: Sequence[EndedJob]
    #: Whether there were more.
    is_cut: bool


async def ended_jobs(
    broker: Broker, queues: Sequence[str], after: FeedCursor, until_ms: int, limit: int
) -> EndedJobs:
    """Return the jobs whose results are kept that ended after a place, up to a time.

    Args:
        broker: Where to read.
        queues: Their queues.
        after: The place of the last one that is known.
        until_ms: It must have passed, so that no job can be added.
        limit: Most jobs of one queue, the newest of them, and of all queues together.
    """
    found: list[EndedJob] = []
    is_cut = False
    for at in range(0, len(queues), _AT_ONCE):
        some = queues[at : at + _AT_ONCE]
        pages = await asyncio.gather(
            *(
                broker.finished_ids(queue, limit=limit, since_ms=after.time_ms, until_ms=until_ms)
                for queue in some
            )
        )
        for queue, page in zip(some, pages, strict=True):
            is_cut |= bool(page.cursor)
            found += [EndedJob(FeedCursor(time_ms, job_id), queue) for job_id, time_ms in page.entries]
    newer = sorted(job for job in found if job.cursor > after)
    return EndedJobs(newer[-limit:], is_cut or len(newer) > limit)
