"""Reads of jobs that requests share, so that many requests about one large job cost little more than one.

Requests that want a job at the same time read and decode it once. Requests that wait for it to change follow
its mark, for which Redis need not read its arguments.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from jobgate.broker import Broker, JobMark, JobView, SharedReads

#: How many jobs' last states are remembered.
_REMEMBERED = 4096

#: What is read: id, whether the caller waits for the job, and the only owner whose jobs it may see.
_Look = tuple[str, bool, str | None]


@dataclass(frozen=True, slots=True)
class Known:
    """The state of a job as it is remembered, without arguments and result."""

    job_id: str
    mark: JobMark
    etag: str
    owner: str | None
    queue: str | None
    #: Whether nothing about it will change any more.
    has_ended: bool


class Looks:
    """The shared reads of one gateway.

    Args:
        broker: The broker.
        queues: Returns the queues in which jobs are looked for.
    """

    def __init__(self, broker: Broker, queues: Callable[[], Sequence[str]]) -> None:
        self._broker = broker
        self._queues = queues
        self._reads: SharedReads[_Look, JobView | None] = SharedReads()
        self._known: OrderedDict[str, Known] = OrderedDict()

    async def view(self, job_id: str, *, waits: bool = False, owner: str | None = None) -> JobView | None:
        """Look at a job as `Broker.view` does; the read is shared with others who may see the same."""
        key = (job_id, waits, owner)
        return await self._reads.read(
            key, lambda: self._broker.view(job_id, queues=self._queues(), waits=waits, owner=owner)
        )

    def remember(self, known: Known) -> Known:
        """Remember the state of a job, for `unchanged`, and return it."""
        self._known[known.job_id] = known
        self._known.move_to_end(known.job_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known

    async def unchanged(self, job_id: str, may_see: Callable[[str | None], bool]) -> Known | None:
        """Return the remembered state of a job if it is still current; None = read the job.

        Args:
            job_id: The job.
            may_see: Whether the caller may see jobs of this owner. If not, Redis is not asked: the
                response time must not reveal that the job is known.
        """
        known = self._known.get(job_id)
        if known is None or not may_see(known.owner) or await self._mark(known) != known.mark:
            return None
        return known

    async def change(self, known: Known, timeout: float) -> None:
        """Return once a job may have changed, or after `timeout` seconds."""
        queues = [known.queue] if known.queue else self._queues()
        changed = asyncio.Event()
        with (
            suppress(TimeoutError),
            self._broker.follow(known.job_id, queues=queues, notify=changed.set) as job,
        ):
            async with asyncio.timeout(timeout):
                while job.as_of is None or job.mark == known.mark:
                    await changed.wait()
                    changed.clear()

    async def _mark(self, known: Known) -> JobMark | None:
        queues = [known.queue] if known.queue else []
        return await self._broker.mark(known.job_id, queues=[*queues, *self._queues()])
