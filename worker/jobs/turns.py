"""When a claimed job may begin: at once, unless its neighbours block the event loop."""

import asyncio
import math
import time
from collections.abc import Awaitable
from enum import Enum, auto
from typing import Protocol

from jobgate.broker.log_text import counted, printable
from jobgate.worker.jobs.running_jobs import Phase, RunningJob, RunningJobs
from jobgate.worker.vitals.job_log import logger

#: Seconds that jobs may take of one turn of the event loop; those that have not begun by then wait.
_LONG_TURN = 0.02
#: Seconds for which they let the outcomes go first. Where Redis takes none for longer, leases run out too.
_PATIENCE = 2.0

#: Seconds for each crash for which a suspect is kept apart: it waits for others to end, and the worker claims
#: no more. After that it runs beside others: jobs that take long, itself one perhaps, must not hold up all.
_PATIENCE_APART = 10.0
#: Seconds between two looks while it waits.
_LOOK = 0.25


class _Kind(Enum):
    """Beside whom a suspect may run."""

    #: One crash: beside its like.
    RECENT = auto()
    #: More of them: beside nobody.
    ALONE = auto()
    #: It has crashed while it was alone: beside its like.
    GUILTY = auto()


def _kind(job: RunningJob) -> _Kind:
    if job.claimed.uncounted_tries == 0:
        return _Kind.GUILTY
    return _Kind.RECENT if job.claimed.crashes == 1 else _Kind.ALONE


class NoteBegun(Protocol):
    """Tells Redis how a suspect begins."""

    def __call__(self, job: RunningJob, *, is_alone: bool) -> Awaitable[bool]:
        """Return whether the job may begin."""


class Turns:
    """Has outcomes written before the event loop is handed to the next job, once one has blocked it.

    Jobs that were claimed together begin in the same turn of the loop. Where each of them blocks it, the
    outcome of the first could otherwise be written only after the last has taken its time.

    Jobs that were in flight when a worker died begin apart from all others: first a few at a time, then
    alone, so that the one that kills its process is found within its own tries, and costs nobody else theirs.

    Args:
        jobs: those of the worker.
        note_begun: tells Redis how a suspect begins.
        max_jobs: the worker's.
    """

    def __init__(self, jobs: RunningJobs, note_begun: NoteBegun, *, max_jobs: int) -> None:
        self._jobs = jobs
        self._note_begun = note_begun
        #: The few: as many as there are groups of them among the jobs of a worker.
        self._few = math.isqrt(max_jobs - 1) + 1
        self._turn_began = 0.0
        self._next: asyncio.Task[None] | None = None
        #: Notes that suspects are not alone any more, under way.
        self._notes: set[asyncio.Future[bool]] = set()

    def begin_at_once(self, job: RunningJob) -> bool:
        """Begin a job that need not wait, as most need not; return whether it has begun."""
        return not job.claimed.crashes and not self._is_late(job) and self._jobs.begin(job)

    async def begin(self, job: RunningJob) -> bool:
        """Return when a job may begin.

        Returns:
            Whether it still may; False = the renewal thread has given it back.
        """
        if job.is_suspect:
            return await self._begin_suspect(job)
        if self._is_late(job):
            self._jobs.waiting += 1
            try:
                await self._wait(job)
            finally:
                self._jobs.waiting -= 1
        return self._jobs.begin(job)

    def _is_late(self, job: RunningJob) -> bool:
        return time.monotonic() - max(job.started, self._turn_began) > _LONG_TURN

    async def _wait(self, job: RunningJob) -> None:
        """Wait for a turn that has time left: who blocks it sends those behind him to wait again."""
        while self._is_late(job) and job.stop_reason is None:
            if self._next is None:
                self._next = asyncio.create_task(self._next_turn())
            await asyncio.shield(self._next)

    async def _begin_suspect(self, job: RunningJob) -> bool:
        until = time.monotonic() + _PATIENCE_APART * job.claimed.crashes
        is_apart = await self._wait_apart(job, until)
        if not self._jobs.begin(job):
            return False
        if job.stop_reason is not None:
            return True
        logger.warning(
            "job %s was in flight when its worker died, %s in a row: it now runs %s",
            printable(job.job_id), counted(job.claimed.crashes, "time"),
            "apart from others" if is_apart else "beside others that have not finished in time",
        )  # fmt: skip
        is_alone = is_apart and _kind(job) is not _Kind.RECENT
        if not await self._note_begun(job, is_alone=is_alone):
            job.lease_until = 0.0  # it is given back: a crash now would not count
        asyncio.get_running_loop().call_later(until - time.monotonic(), self._end_apart, job, is_alone)
        return True

    async def _wait_apart(self, job: RunningJob, until: float) -> bool:
        """Wait for the place that a suspect needs; return whether it has come."""
        while not (is_apart := self._is_place_for(job)) and job.stop_reason is None:
            if job.phase is not Phase.CLAIMED or (left := until - time.monotonic()) <= 0:
                break
            await self._jobs.wait_change(min(left, _LOOK))
        return is_apart

    def _end_apart(self, job: RunningJob, was_alone: bool) -> None:
        """Let others begin beside a suspect that takes long; a crash may be theirs then."""
        if self._jobs.end_apart(job) and was_alone:
            note = asyncio.ensure_future(self._note_begun(job, is_alone=False))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    def _is_place_for(self, job: RunningJob) -> bool:
        begun, kind = self._jobs.begun(), _kind(job)
        if kind is _Kind.ALONE:
            return not begun
        return len(begun) < self._few and all(one.is_suspect and _kind(one) is kind for one in begun)

    async def _next_turn(self) -> None:
        await self._jobs.wait_written(_PATIENCE)
        self._turn_began, self._next = time.monotonic(), None
