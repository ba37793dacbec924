"""Reads of jobs that requests share, so that many requests about one large job cost little more than one.

Requests that want a job at the same time read and decode it once. Requests that wait for it to change ask
Redis once for all of them, and for its mark, not for its arguments.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from jobgate.broker import Broker, BrokerError, JobMark, JobView, SharedReads

#: Seconds between two checks of a job that requests wait for: Redis pushes its end, but not its start.
_LOOK_AGAIN = 0.5
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


@dataclass(slots=True)
class _Watched:
    """A job that requests wait for, with the mark that each of them knows."""

    waiters: dict["asyncio.Future[None]", JobMark] = field(default_factory=dict)
    task: "asyncio.Task[None] | None" = None


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
        self._watched: dict[str, _Watched] = {}

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
        with self._waiter(known) as waiter:
            await asyncio.wait([waiter], timeout=timeout)

    @contextmanager
    def _waiter(self, known: Known) -> Iterator["asyncio.Future[None]"]:
        watched = self._watched.setdefault(known.job_id, _Watched())
        waiter = asyncio.get_running_loop().create_future()
        watched.waiters[waiter] = known.mark
        if watched.task is None:
            watched.task = asyncio.create_task(self._watch(known, watched))
        try:
            yield waiter
        finally:
            del watched.waiters[waiter]
            if not watched.waiters:
                watched.task.cancel()
                del self._watched[known.job_id]

    async def _watch(self, known: Known, watched: _Watched) -> None:
        """Look at one job for all requests that wait for it."""
        with self._broker.watch(known.job_id) as watch:
            while True:
                await watch.notice(_LOOK_AGAIN)
                with suppress(BrokerError):  # the requests keep waiting
                    mark = await self._mark(known)
                    for waiter, seen in watched.waiters.items():
                        if seen != mark and not waiter.done():
                            waiter.set_result(None)
                if watch.has_ended:
                    # Nothing more will be pushed; requests that still wait have just arrived.
                    await asyncio.sleep(_LOOK_AGAIN)

    async def _mark(self, known: Known) -> JobMark | None:
        queues = [known.queue] if known.queue else []
        return await self._broker.mark(known.job_id, queues=[*queues, *self._queues()])
