"""Looks at jobs that requests share: what one request costs must not grow with what it is about.

All who look at a job at the same time read and decode it once; all who wait for a change of one ask once,
and ask for its mark, not for its arguments.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from jobgate.broker import Broker, BrokerError, JobMark, JobView, SharedReads

#: A start is not pushed, only an end is: whoever waits for a change of status hears of it this late.
_LOOK_AGAIN = 0.5
#: Jobs whose last state is remembered.
_REMEMBERED = 4096

#: What is looked at: id, whether its caller waits for it, and the only owner whose job may be seen.
_Look = tuple[str, bool, str | None]


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a job's state: no arguments, no result."""

    job_id: str
    mark: JobMark
    etag: str
    owner: str | None
    queue: str | None
    #: Nothing about it will change any more.
    has_ended: bool


@dataclass(slots=True)
class _Watched:
    """A job that requests wait for, with what each knows of it."""

    waiters: dict["asyncio.Future[None]", JobMark] = field(default_factory=dict)
    task: "asyncio.Task[None] | None" = None


class Looks:
    """The looks of one gateway."""

    def __init__(self, broker: Broker, queues: Callable[[], Sequence[str]]) -> None:
        """`queues`: where jobs are looked for."""
        self._broker = broker
        self._queues = queues
        self._reads: SharedReads[_Look, JobView | None] = SharedReads()
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._watched: dict[str, _Watched] = {}

    async def view(self, job_id: str, *, waits: bool = False, owner: str | None = None) -> JobView | None:
        """Look at a job, as `Broker.view` does.

        All of an owner who come while one looks share the next look, which begins after they came.
        """
        key = (job_id, waits, owner)
        return await self._reads.read(
            key, lambda: self._broker.view(job_id, queues=self._queues(), waits=waits, owner=owner)
        )

    def remember(self, known: Known) -> Known:
        """Keep in mind what a job's state is, for `unchanged`."""
        self._known[known.job_id] = known
        self._known.move_to_end(known.job_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known

    async def unchanged(self, job_id: str, may_see: Callable[[str | None], bool]) -> Known | None:
        """What is known of a job, if it still is so and its owner lets it be seen; None = look.

        Nothing is asked for those who may not see it: they must not learn from the time that it is known.
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
        """Look for all who wait for one job."""
        with self._broker.watch(known.job_id) as watch:
            while True:
                await watch.notice(_LOOK_AGAIN)
                with suppress(BrokerError):  # those who wait wait it out
                    mark = await self._mark(known)
                    for waiter, seen in watched.waiters.items():
                        if seen != mark and not waiter.done():
                            waiter.set_result(None)
                if watch.has_ended:
                    # Nothing is left to be noticed; whoever still waits has come just now.
                    await asyncio.sleep(_LOOK_AGAIN)

    async def _mark(self, known: Known) -> JobMark | None:
        queues = [known.queue] if known.queue else []
        return await self._broker.mark(known.job_id, queues=[*queues, *self._queues()])
