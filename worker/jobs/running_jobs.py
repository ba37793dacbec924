"""The jobs that run in this worker now."""

import asyncio
import time
from collections.abc import Callable, Iterable

from jobgate.broker import ClaimedJob
from jobgate.worker.jobs.running_job import Phase, RunningJob


class RunningJobs:
    """The jobs of one worker, at most `max_jobs` of them in progress.

    The slot of a job is freed when its function has ended, while its outcome is still being written. At
    most `max_jobs` such outcomes are waited for, so that they cannot pile up while Redis is unavailable.
    """

    def __init__(self, max_jobs: int) -> None:
        self._max_jobs = max_jobs
        self._jobs: set[RunningJob] = set()
        self._by_id: dict[str, RunningJob] = {}
        # In the order of their claims. Two threads take jobs out of it; `pop` gives each job to one of them.
        self._not_begun: dict[RunningJob, None] = {}
        #: Those of them that the renewal thread tries to give back now: nobody knows yet whether they begin.
        self._undecided: set[RunningJob] = set()
        #: Jobs that wait for their turn although there is room: no more are claimed until they have begun.
        self.waiting = 0
        #: Suspects that are kept apart from others: no more jobs are claimed while there are any.
        self._apart: set[RunningJob] = set()
        #: Whether a job may have been claimed again. Most never are, so `free` need not check all of them.
        self._are_claimed_anew = False
        #: Jobs whose function has not ended yet, at most `max_jobs`; may be read in every thread.
        self.in_progress = 0
        self._changed = asyncio.Event()
        #: Jobs added since the start of the run.
        self.started = 0
        #: Whether the worker stops: no more jobs are claimed or started.
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def free(self) -> int:
        """How many more jobs may be claimed."""
        if self.waiting or self._apart:
            return 0
        room = min(self._max_jobs - self.in_progress, 2 * self._max_jobs - len(self._jobs))
        if self._are_claimed_anew:
            # A claim that waits for the outcome of the id's earlier try already has its slot.
            waiting = sum(job.claimed_anew is not None for job in self._jobs)
            self._are_claimed_anew = waiting > 0
            return room - waiting
        return room

    def snapshot(self) -> list[RunningJob]:
        """Return all jobs. Safe in every thread: copying a set of plain objects is one step."""
        return list(self._jobs)

    def leased(self) -> list[RunningJob]:
        """Return the jobs that may still hold their leases, one for each id. Safe in every thread."""
        return [job for job in list(self._by_id.values()) if job.phase is not Phase.GIVEN_BACK]

    def begun(self) -> list[RunningJob]:
        """Return the jobs that have begun and are not finished: a crash now would affect them."""
        return [job for job in self._jobs if job not in self._not_begun and job.phase is not Phase.GIVEN_BACK]

    def begin(self, job: RunningJob) -> bool:
        """Note that a job begins; return False where the renewal thread has given it back."""
        return self._not_begun.pop(job, self) is None

    def take_not_begun(self) -> list[RunningJob]:
        """In the renewal thread: take all jobs that have not begun, and prevent them from beginning.

        They are undecided until `decide` or `put_back` is called.
        """
        candidates = list(self._not_begun)
        self._undecided.update(candidates)  # first, for the loop asks in the other order
        taken = [job for job in candidates if self.begin(job)]
        self._undecided.intersection_update(taken)
        for job in taken:
            job.phase = Phase.GIVEN_BACK
        return taken

    def decide(self) -> None:
        """In the renewal thread: all that were taken have been given back, or put back."""
        self._undecided.clear()

    def put_back(self, jobs: Iterable[RunningJob]) -> None:
        """In the renewal thread: undo `take_not_begun`, for those that have not been discarded meanwhile."""
        for job in jobs:
            job.phase = Phase.CLAIMED
            if job in self._jobs:
                self._not_begun[job] = None
        self.decide()

    def is_undecided(self, job: RunningJob) -> bool:
        """Whether the renewal thread has taken a job, and may still put it back."""
        return job in self._undecided

    def take_over(self, claimed: ClaimedJob) -> bool:
        """Let a running job continue under a newer lease; return whether one did."""
        job = self._by_id.get(claimed.lease.job_id)
        if job is None or not job.take_over(claimed):
            return False
        self._are_claimed_anew |= job.claimed_anew is not None
        return True

    def add(self, job: RunningJob) -> RunningJob | None:
        """Add a job; return the one that had its id until now and so has lost its lease."""
        before = self._by_id.get(job.job_id)
        self._jobs.add(job)
        self._by_id[job.job_id] = job
        self._not_begun[job] = None
        if job.claimed.crashes:
            self._apart.add(job)
        self.in_progress += 1
        self.started += 1
        return before

    def end_apart(self, job: RunningJob) -> bool:
        """Stop keeping a suspect apart; return whether it was apart."""
        was_apart = job in self._apart
        self._apart.discard(job)
        self._changed.set()
        return was_apart

    def free_id(self, job: RunningJob) -> ClaimedJob | None:
        """Free the id of a job whose outcome has been written.

        Returns:
            The next job of that id, where it has been claimed already.
        """
        if self._by_id.get(job.job_id) is job:
            del self._by_id[job.job_id]
        claimed, job.claimed_anew = job.claimed_anew, None
        self._changed.set()
        return claimed

    def ending(self, job: RunningJob) -> None:
        """Note that a job's function has ended and its slot is free."""
        if job.phase is Phase.ENDING:
            return
        job.enter_ending()
        self.in_progress -= 1
        self._changed.set()

    def discard(self, job: RunningJob) -> None:
        """Remove a job."""
        self._jobs.discard(job)
        self._apart.discard(job)
        self._not_begun.pop(job, None)
        if job.phase is Phase.GIVEN_BACK:
            self.started -= 1
        if self._by_id.get(job.job_id) is job:
            del self._by_id[job.job_id]
        if job.phase is not Phase.ENDING:  # a bug of the worker has ended it
            self.in_progress -= 1
        self._changed.set()

    def close(self) -> None:
        """Note that the worker stops, and end `wait_change`."""
        self.is_closed = True
        self._changed.set()

    async def wait_written(self, timeout: float) -> None:
        """Wait until the outcomes of all jobs that have ended are written, at most `timeout` seconds."""
        until = time.monotonic() + timeout
        while any(one.phase is Phase.ENDING for one in self._by_id.values()):
            if (left := until - time.monotonic()) <= 0:
                return
            await self.wait_change(left)

    async def wait_change(self, timeout: float) -> None:
        """Wait until a job's function ends or a job is removed, at most `timeout` seconds."""
        self._changed.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return

    async def wait_empty(
        self, timeout: float, hurry: asyncio.Event, *, but: Callable[[RunningJob], bool] = lambda _: False
    ) -> bool:
        """Wait until no job is left, `timeout` seconds have passed or `hurry` is set.

        Args:
            timeout: Longest wait in seconds.
            hurry: Ends the wait.
            but: Whether to ignore a job.

        Returns:
            Whether no job is left.
        """
        until = time.monotonic() + timeout
        while not hurry.is_set() and (left := until - time.monotonic()) > 0:
            if all(map(but, self._jobs)):
                break
            await self.wait_change(min(left, 0.25))
        return not self._jobs
