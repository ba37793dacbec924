"""What a feed shows of jobs: read in bounded numbers, and remembered where an end leaves nothing to read."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from jobgate.broker.broker import Broker
from jobgate.broker.views import JobView, size_of

#: Jobs that are read at a time, and bytes after which a read ends: each job may be megabytes large.
_AT_ONCE, _MOST_BYTES = 5, 16 * 1024 * 1024
#: How many jobs are remembered.
_REMEMBERED: Final = 5000


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What is known of a job."""

    function: str | None = None
    owner: str | None = None
    enqueued_ms: int | None = None
    started_ms: int | None = None
    success: bool | None = None
    #: Whether there is no such job any more.
    is_gone: bool = False

    @classmethod
    def of(cls, view: JobView) -> "JobFacts":
        """Return the facts of a job."""
        return cls(view.function, view.owner, view.enqueue_time_ms, view.start_time_ms, view.success)


class FactsReader:
    """Reads facts of jobs.

    Args:
        broker: Where to read.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._known: OrderedDict[str, JobFacts] = OrderedDict()

    async def read(self, jobs: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], JobFacts]:
        """Return the facts of jobs, by queue and id; those that would be too much to read are missing.

        Raises BrokerError.
        """
        found: dict[tuple[str, str], JobFacts] = {}
        size = 0
        for at in range(0, len(jobs), _AT_ONCE):
            some = jobs[at : at + _AT_ONCE]
            views = await asyncio.gather(*(self._broker.view(name, queues=[queue]) for queue, name in some))
            for job, view in zip(some, views, strict=True):
                found[job] = self._facts(job[1], view)
                size += size_of(view.mark) if view else 0
            if size > _MOST_BYTES:
                break
        return found

    def _facts(self, job_id: str, view: JobView | None) -> JobFacts:
        if view is None:
            return replace(self._known.get(job_id, JobFacts()), success=None, is_gone=True)
        facts = self._known[job_id] = JobFacts.of(view)
        self._known.move_to_end(job_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return facts
