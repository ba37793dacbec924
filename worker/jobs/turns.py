"""Says when a claimed job may begin: at once, unless other jobs block the event loop or it is a suspect."""

import asyncio
import math
import time
from enum import Enum, auto

from jobgate.broker import BrokerError, Transition
from jobgate.worker.jobs.running_job import Phase, RunningJob
from jobgate.worker.jobs.shared import Shared

#: Seconds of one turn of the event loop in which jobs begin; the others wait for the next turn.
_LONG_TURN = 0.02
#: Seconds that they wait for outcomes to be written. If Redis is unavailable for longer, leases expire too.
_PATIENCE = 2.0

#: Seconds for each crash in which a suspect is kept apart: it waits for others to end, and the worker claims
#: no more. After that it runs beside others: a long job, perhaps the suspect, must not hold up all of them.
_PATIENCE_APART = 10.0
#: Seconds between two checks while it waits.
_LOOK = 0.25


class _Company(Enum):
    """Which jobs a suspect may run beside."""

    #: One crash: beside others with one crash.
    RECENT = auto()
    #: Several crashes: beside none.
    ALONE = auto()
    #: It crashed while it was alone: beside others like it.
    GUILTY = auto()


def _company(job: RunningJob) -> _Company:
    if job.claimed.uncounted_tries == 0:
        return _Company.GUILTY
    return _Company.RECENT if job.claimed.crashes == 1 else _Company.ALONE


class Turns:
    """Lets outcomes be written between jobs that block the event loop, and keeps suspects apart.

    Jobs that were claimed together begin in the same turn of the loop. If each of them blocks it, the outcome
    of the first could otherwise be written only after the last has ended.

    Suspects were in flight when a worker died. They begin apart from all others: first a few at a time, then
    alone. So the job that kills its process is found within its own tries, and costs no other job a try.

    Args:
        shared: What the parts of the run share.
    """

    def __init__(self, shared: Shared) -> None:
        self._jobs = shared.jobs
        self._broker = shared.broker
        self._observers = shared.observers
        #: Suspects that may run beside each other: the square root of `max_jobs`, rounded up.
        self._few = math.isqrt(shared.settings.max_jobs - 1) + 1
        self._turn_began = 0.0
        self._next: asyncio.Task[None] | None = None
        #: Pending notes that suspects are no longer alone.
        self._notes: set[asyncio.Future[bool]] = set()

    def begin_at_once(self, job: RunningJob) -> bool:
        """Begin a job that need not wait, as most need not; return whether it has begun."""
        return not job.claimed.crashes and not self._is_late(job) and self._jobs.begin(job)

    async def begin(self, job: RunningJob) -> bool:
        """Wait until a job may begin, and begin it.

        Returns:
            Whether it has begun; False = the renewal thread has given it back.
        """
        if job.claimed.crashes:
            return await self._begin_suspect(job)
        if self._is_late(job):
            self._jobs.waiting += 1
            try:
                await self._wait(job)
            finally:
                self._jobs.waiting -= 1
        return await self._begin_once_decided(job)

    async def _begin_once_decided(self, job: RunningJob) -> bool:
        """Begin a job, unless it is given back: while its release is not answered, it is ours or is not."""
        while not self._jobs.begin(job):
            if not self._jobs.is_undecided(job):
                return self._jobs.begin(job)  # it may have been put back in this moment
            await asyncio.sleep(_LOOK)
        return True

    def _is_late(self, job: RunningJob) -> bool:
        return time.monotonic() - max(job.started, self._turn_began) > _LONG_TURN

    async def _wait(self, job: RunningJob) -> None:
        """Wait for a turn that has time left: a job that blocks it sends the others to wait again."""
        while self._is_late(job) and job.stop_reason is None:
            if self._next is None:
                self._next = asyncio.create_task(self._next_turn())
            await asyncio.shield(self._next)

    async def _begin_suspect(self, job: RunningJob) -> bool:
        until = time.monotonic() + _PATIENCE_APART * job.claimed.crashes
        is_apart = await self._wait_apart(job, until)
        if not await self._begin_once_decided(job):
            return False
        if job.stop_reason is not None:
            return True
        self._observers.suspect_begun(job, is_apart)
        is_alone = is_apart and _company(job) is not _Company.RECENT
        if not await self._note_begun(job, is_alone=is_alone):
            job.lease_until = 0.0  # it is released: a crash now would not count
        asyncio.get_running_loop().call_later(until - time.monotonic(), self._end_apart, job, is_alone)
        return True

    async def _note_begun(self, job: RunningJob, *, is_alone: bool) -> bool:
        """Note in Redis that a suspect begins; return whether it may, which Redis must confirm."""
        try:
            answer = await self._broker.note_begun(job.claimed.lease, is_alone=is_alone)
        except BrokerError:
            return False
        return answer is Transition.DONE

    async def _wait_apart(self, job: RunningJob, until: float) -> bool:
        """Wait until a suspect can run apart; return whether it can."""
        while not (is_apart := self._can_run_apart(job)) and job.stop_reason is None:
            if job.phase is not Phase.CLAIMED or (left := until - time.monotonic()) <= 0:
                break
            await self._jobs.wait_change(min(left, _LOOK))
        return is_apart

    def _end_apart(self, job: RunningJob, was_alone: bool) -> None:
        """Let others begin beside a suspect that takes long; a crash may be their fault then."""
        if self._jobs.end_apart(job) and was_alone:
            note = asyncio.ensure_future(self._note_begun(job, is_alone=False))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    def _can_run_apart(self, job: RunningJob) -> bool:
        begun, company = self._jobs.begun(), _company(job)
        if company is _Company.ALONE:
            return not begun
        return len(begun) < self._few and all(
            one.claimed.crashes and _company(one) is company for one in begun
        )

    async def _next_turn(self) -> None:
        await self._jobs.wait_written(_PATIENCE)
        self._turn_began, self._next = time.monotonic(), None
