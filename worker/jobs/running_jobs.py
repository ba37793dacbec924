"""The jobs that run in this worker now."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import replace
from enum import Enum, auto
from typing import Any, Protocol

from jobgate.broker.bodies.tokens import claimed_ms
from jobgate.broker.records import ClaimedJob, JobBody
from jobgate.worker.functions.resolved import Limits, ResolvedFunction
from jobgate.worker.jobs.outcome import Stop

#: Seconds after its timeout in which a job may still clean up under its lease.
GRACE = 3.0
#: Seconds a lease is renewed before the job's own limit is known, and while its end is written.
SHORT_WORK = 60.0
#: Calls in executors after which a job forgets those that are over.
_MANY = 32


class Phase(Enum):
    """How far a job is. Only a running one can be cancelled."""

    #: Claimed; its function has not begun.
    CLAIMED = auto()
    #: Given back before it began, by the renewal thread.
    GIVEN_BACK = auto()
    #: Its function or `on_job_start` runs.
    RUNNING = auto()
    #: Its function has ended; the outcome is being written.
    ENDING = auto()


class Leftover(Protocol):
    """A call in an executor or a program that a job has begun."""

    def is_over(self) -> bool:
        """Whether it has ended."""

    def leave(self) -> bool:
        """See that it does not begin any more; return whether it runs."""

    def kill(self) -> None:
        """End it where that is possible; a thread cannot be ended."""


class RunningJob:
    """One claimed job from claim to end. The renewal thread reads `claimed` and `renew_until`.

    It also writes `lease_until`, and `phase` of a job that it has taken out of those that have not begun.
    """

    __slots__ = (
        "body", "claimed", "claimed_anew", "ctx", "deadline", "function", "is_held", "is_in_doubt",
        "is_written", "lease_until", "leftovers", "limits", "phase", "renew_until", "start_ms", "started",
        "stop_reason", "task", "tries",
    )  # fmt: skip

    def __init__(self, claimed: ClaimedJob, limits: Limits) -> None:
        self.claimed = claimed
        #: What a later claim of this worker brought while the outcome was on its way; see `take_over`.
        self.claimed_anew: ClaimedJob | None = None
        #: Whether its outcome has been sent, and so may have arrived.
        self.is_written = False
        #: Whether an answer to that was lost, so that it has perhaps arrived.
        self.is_in_doubt = False
        #: None until decoded, and where that is impossible.
        self.body: JobBody | None = None
        #: None where the function is unknown.
        self.function: ResolvedFunction | None = None
        self.limits = limits
        #: arq's `job_try`.
        self.tries = claimed.lease.tries
        self.phase = Phase.CLAIMED
        self.stop_reason: Stop | None = None
        self.task: asyncio.Task[None] | None = None
        self.ctx: dict[str, Any] = {}
        #: What it has begun outside of its coroutine; those that are over may be missing.
        self.leftovers: list[Leftover] = []
        #: Whether its coroutine was cancelled at shutdown and such things keep it from being given back.
        self.is_held = False
        #: By the Redis clock: that of the claim, as all see it while the job runs.
        self.start_ms = claimed_ms(claimed.lease.token) or 0
        #: Monotonic seconds, as all that follow.
        self.started = time.monotonic()
        #: When the function must have ended.
        self.deadline = math.inf
        #: Until then the lease is surely ours: Redis has confirmed that.
        self.lease_until = claimed.leased_until
        #: Until then its lease is renewed: a wedged worker must not keep jobs for ever.
        self.renew_until = self.started + SHORT_WORK

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.claimed.lease.job_id

    @property
    def is_suspect(self) -> bool:
        """Whether it was in flight when its worker died, the last time that it was claimed."""
        return self.claimed.crashes > 0

    @property
    def counted_tries(self) -> int:
        """Its tries, as they count against `max_tries`: a function that allows one start is started once."""
        return self.tries - (self.claimed.uncounted_tries if self.limits.max_tries > 1 else 0)

    @property
    def in_thread(self) -> bool:
        """Whether its function runs in a thread now, which cannot be stopped."""
        return self.phase is Phase.RUNNING and self.function is not None and self.function.in_thread

    def has_begun(self, leftover: Leftover) -> None:
        """Note what it has begun outside of its coroutine."""
        if len(self.leftovers) % _MANY == _MANY - 1:
            self.leftovers = [one for one in self.leftovers if not one.is_over()]
        self.leftovers.append(leftover)

    def hold(self) -> None:
        """Note that it is not given back while what it has begun runs: its lease is kept until then."""
        self.is_held, self.renew_until = True, math.inf

    @property
    def to_release(self) -> ClaimedJob:
        """The claim, as it is to be given back: a function that has begun did so before its body expired."""
        return replace(self.claimed, body_expires_ms=None) if self.ctx else self.claimed

    def enter_running(self) -> None:
        """Note that the function begins: from now on it may be cancelled, and its time runs."""
        self.phase = Phase.RUNNING
        timeout = self.limits.timeout
        self.started = time.monotonic()
        self.deadline = math.inf if timeout is None else self.started + timeout
        self.renew_until = self.deadline + GRACE

    def enter_ending(self) -> None:
        """Note that the function has ended: a cancellation must no longer hit what follows."""
        self.phase = Phase.ENDING
        self.deadline = math.inf
        self.keep_lease()

    def keep_lease(self, seconds: float | None = None) -> None:
        """Have the lease renewed for some time more, while a hook runs or the outcome is being written."""
        self.renew_until = time.monotonic() + (SHORT_WORK if seconds is None else seconds)

    def take_over(self, claimed: ClaimedJob) -> bool:
        """Go on under the lease of a later claim of the same worker: the first has run out meanwhile.

        Once the outcome has been sent nobody knows whether this is the same job or, after a retry, the next
        try. Then the answer to that write decides: see `adopt_claimed_anew`.

        Returns:
            Whether the claim has been dealt with; False = it is a job to be started, and this one is lost.
        """
        if self.stop_reason is Stop.LOST or self.phase is Phase.GIVEN_BACK:
            return False
        if self.is_written:
            self.claimed_anew = claimed
            return True
        if self._adopt(claimed):
            return True
        if self.phase is Phase.ENDING:  # beyond being stopped, but no newer lease is to follow
            self.stop_reason = Stop.LOST
        return False

    def adopt_claimed_anew(self) -> bool:
        """After a write that its lease no longer covered: take the newer lease; False = there is none."""
        if self.claimed_anew is None or not self._adopt(self.claimed_anew):
            return False
        self.claimed_anew = None
        return True

    def _adopt(self, claimed: ClaimedJob) -> bool:
        old = self.claimed
        if claimed.body not in (None, old.body):  # another job under the same id
            return False
        idle = old.idle_tries + claimed.lease.tries - old.lease.tries
        self.claimed = replace(old, lease=claimed.lease, idle_tries=idle)
        self.lease_until = claimed.leased_until
        return True

    def stop(self, reason: Stop) -> None:
        """Cancel the function; the first reason stays, a later one only cancels again.

        Before it begins the reason alone is noted, since a task that is cancelled before its first
        step never runs its own clean-up.
        """
        if self.phase in (Phase.ENDING, Phase.GIVEN_BACK):
            return
        self.stop_reason = self.stop_reason or reason
        # At shutdown a job in a thread must not be given to others while the thread runs.
        if self.phase is Phase.RUNNING and self.task and not (self.in_thread and reason is Stop.SHUTDOWN):
            self.task.cancel()


#: The job that the code at hand belongs to, in the job's own task and in those that it makes.
RUNNING_JOB: ContextVar[RunningJob] = ContextVar("jobgate_running_job")


class RunningJobs:
    """The set of them, with room for `max_jobs`.

    A job whose function has ended makes room for the next claim while its outcome is still on its way to
    Redis; but no more than `max_jobs` such outcomes, so that they cannot pile up while Redis is away.
    """

    def __init__(self, max_jobs: int) -> None:
        self._max_jobs = max_jobs
        self._jobs: set[RunningJob] = set()
        self._by_id: dict[str, RunningJob] = {}
        # In the order of their claims. Two threads take jobs out of it; `pop` lets one of them have each.
        self._not_begun: dict[RunningJob, None] = {}
        #: How many of them wait for their turn although there is room: then no more are claimed.
        self.waiting = 0
        #: Suspects that are kept apart from others: as long as there are any, no more jobs are claimed.
        self._apart: set[RunningJob] = set()
        #: Whether some of them may have been claimed anew; most never are, and need not be looked through.
        self._are_claimed_anew = False
        #: How many of them have not ended yet, `max_jobs` at most; may be read in every thread.
        self.in_progress = 0
        self._changed = asyncio.Event()
        #: Jobs added since the start.
        self.started = 0

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def free(self) -> int:
        """How many more jobs may be claimed."""
        if self.waiting or self._apart:
            return 0
        room = min(self._max_jobs - self.in_progress, 2 * self._max_jobs - len(self._jobs))
        if self._are_claimed_anew:
            # One that waits for the outcome of its id's earlier try has its place already.
            waiting = sum(job.claimed_anew is not None for job in self._jobs)
            self._are_claimed_anew = waiting > 0
            return room - waiting
        return room

    def snapshot(self) -> list[RunningJob]:
        """Return them all. Safe in every thread: copying a set of plain objects is one step."""
        return list(self._jobs)

    def leased(self) -> list[RunningJob]:
        """Return those that may still hold their leases, one for each id. Safe in every thread."""
        return [job for job in list(self._by_id.values()) if job.phase is not Phase.GIVEN_BACK]

    def begun(self) -> list[RunningJob]:
        """Return those that have begun and are not dealt with for good: a crash now would hit them."""
        return [job for job in self._jobs if job not in self._not_begun and job.phase is not Phase.GIVEN_BACK]

    def begin(self, job: RunningJob) -> bool:
        """Note that a job is about to begin; False = the renewal thread has given it back."""
        return self._not_begun.pop(job, self) is None

    def take_not_begun(self) -> list[RunningJob]:
        """In the renewal thread: take all jobs that have not begun, so that they never do."""
        taken = [job for job in list(self._not_begun) if self.begin(job)]
        for job in taken:
            job.phase = Phase.GIVEN_BACK
        return taken

    def put_back(self, jobs: Iterable[RunningJob]) -> None:
        """In the renewal thread: undo `take_not_begun`."""
        for job in jobs:
            job.phase = Phase.CLAIMED
            self._not_begun[job] = None

    def take_over(self, claimed: ClaimedJob) -> bool:
        """Let a running job go on under a newer lease; see `RunningJob.take_over`. False = none did."""
        job = self._by_id.get(claimed.lease.job_id)
        if job is None or not job.take_over(claimed):
            return False
        self._are_claimed_anew |= job.claimed_anew is not None
        return True

    def add(self, job: RunningJob) -> RunningJob | None:
        """Take a job in, and return the one that has had its id until now and so has lost its lease."""
        before = self._by_id.get(job.job_id)
        self._jobs.add(job)
        self._by_id[job.job_id] = job
        self._not_begun[job] = None
        if job.is_suspect:
            self._apart.add(job)
        self.in_progress += 1
        self.started += 1
        return before

    def end_apart(self, job: RunningJob) -> bool:
        """Keep a suspect apart no longer; return whether it was until now."""
        was_apart = job in self._apart
        self._apart.discard(job)
        self._changed.set()
        return was_apart

    def free_id(self, job: RunningJob) -> ClaimedJob | None:
        """Leave the id of a job whose outcome has been written to the next one.

        Returns:
            That one, where it has been claimed already.
        """
        if self._by_id.get(job.job_id) is job:
            del self._by_id[job.job_id]
        claimed, job.claimed_anew = job.claimed_anew, None
        self._changed.set()
        return claimed

    def ending(self, job: RunningJob) -> None:
        """Note that a job's function has ended, and tell those who wait for room."""
        if job.phase is Phase.ENDING:
            return
        job.enter_ending()
        self.in_progress -= 1
        self._changed.set()

    def discard(self, job: RunningJob) -> None:
        """Let a job go, and tell those who wait for that."""
        self._jobs.discard(job)
        self._apart.discard(job)
        self._not_begun.pop(job, None)
        if job.phase is Phase.GIVEN_BACK:
            self.started -= 1
        if self._by_id.get(job.job_id) is job:
            del self._by_id[job.job_id]
        if job.phase is not Phase.ENDING:  # a fault of the worker's own has ended it
            self.in_progress -= 1
        self._changed.set()

    def wake(self) -> None:
        """End the wait of those who wait for a change."""
        self._changed.set()

    async def wait_written(self, timeout: float) -> None:
        """Wait until the outcomes of all jobs that have ended are written, or `timeout` seconds."""
        until = time.monotonic() + timeout
        while any(one.phase is Phase.ENDING for one in self._by_id.values()):
            if (left := until - time.monotonic()) <= 0:
                return
            await self.wait_change(left)

    async def wait_change(self, timeout: float) -> None:
        """Wait until a job's function ends or a job goes, or `timeout` seconds."""
        self._changed.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return

    async def wait_empty(
        self, timeout: float, hurry: asyncio.Event, *, but: Callable[[RunningJob], bool] = lambda _: False
    ) -> bool:
        """Wait until none is left, `timeout` seconds have passed or `hurry` is set.

        Args:
            timeout: in seconds.
            hurry: ends the wait.
            but: says of which jobs not to wait for.

        Returns:
            Whether none is left.
        """
        until = time.monotonic() + timeout
        while not hurry.is_set() and (left := until - time.monotonic()) > 0:
            if all(map(but, self._jobs)):
                break
            await self.wait_change(min(left, 0.25))
        return not self._jobs
