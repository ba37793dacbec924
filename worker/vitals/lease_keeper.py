"""Renews the leases of running jobs, from a thread of its own.

A function that blocks the event loop must not lose the leases of its worker, so renewal does not
depend on the loop. But a worker that is wedged for ever must lose them: each job's renewal ends with
its own deadline, and when the loop has not even turned to enforce that of the job that blocks it, the
process ends.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from jobgate.broker.errors import BrokerError
from jobgate.broker.log_text import counted
from jobgate.broker.records import ClaimedJob, Lease, Renewal
from jobgate.worker.jobs.outcome import Stop
from jobgate.worker.jobs.running_jobs import Phase, RunningJob, RunningJobs
from jobgate.worker.vitals.liveness import Liveness, Pulse
from jobgate.worker.vitals.loop_watch import LoopWatch

logger = logging.getLogger("jobgate.worker")

#: Exit code of a wedged worker: EX_SOFTWARE of sysexits.h.
EXIT_WEDGED = 70
#: Looks of this thread, a second apart, at which an overdue worker's loop must stand still to be wedged.
#: More than one, because a process that was frozen as a whole (SIGSTOP) looks the same at first.
_WEDGED_TURNS = 3
#: Seconds between two turns while something is wrong, and between two looks whether the loop is wedged.
_ALERT_PAUSE = 1.0
#: Seconds for which the loop stands still until claimed jobs that have not begun are given back; less where
#: leases are short.
STALL = 1.0
#: Seconds for which a job without a timeout, that may block the loop, lets others keep their leases.
_LONGEST_BLOCK = 3600.0
#: Seconds between two looks at the event loop.
_LOOK_PAUSE = 0.25


#: A job and the lease under which it ran when that was renewed.
_Renewed = tuple[RunningJob, Lease]


class Renewer(Protocol):
    """The broker's side: a blocking connection of its own."""

    def renew(self, leases: Sequence[Lease], *, lease: float) -> Renewal:
        """Extend leases; raises BrokerUnavailable."""

    def release(self, claimed: Sequence[ClaimedJob]) -> None:
        """Give jobs back; raises BrokerUnavailable."""

    def reclaim(self, claimed: ClaimedJob, *, lease: float) -> bool:
        """Take a job back that nobody runs; raises BrokerUnavailable."""

    def close(self) -> None:
        """Close the connection."""


class LeaseKeeper:
    """The renewal thread of one worker.

    Args:
        jobs: whose leases are renewed.
        connect: makes the renewer; called in the thread.
        lease: seconds that a renewed lease lasts. Renewal comes every third of that.
        pulse: shows whether the loop turns.
        liveness: is told of answers.
        on_stop: called in the loop with each job that is lost or to be aborted, and the reason.
        on_wedged: called in the thread when the loop is stuck beyond a job's deadline.
        watch: looks at the loop, in the thread, several times a second.
    """

    def __init__(
        self,
        jobs: RunningJobs,
        connect: Callable[[], Renewer],
        *,
        lease: float,
        pulse: Pulse,
        liveness: Liveness,
        on_stop: Callable[[RunningJob, Stop], None],
        on_wedged: Callable[[RunningJob], None],
        watch: LoopWatch,
    ) -> None:
        self._jobs = jobs
        self._connect = connect
        self._lease = lease
        self._stall = min(STALL, lease / 4)
        self._pulse = pulse
        self._liveness = liveness
        self._on_stop = on_stop
        self._on_wedged = on_wedged
        self._watch = watch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._renewer: Renewer | None = None
        self._nudged = threading.Event()
        self._stopping = False
        self._failing = False
        self._seen_beats = -1
        self._still_turns = 0
        self._next_wedge_look = 0.0
        self._thread = threading.Thread(target=self._run, name="jobgate-leases", daemon=True)

    def start(self) -> None:
        """Start the thread; call in the event loop whose jobs these are."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it. Does nothing when it was not started."""
        self._stopping = True
        self._nudged.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, self._lease)

    def nudge(self) -> None:
        """Renew now; the answer tells which jobs are to be aborted."""
        self._nudged.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wait(_ALERT_PAUSE if self._failing else self._lease / 3)
            self._nudged.clear()
            self._turn()
        if self._renewer is not None:
            self._renewer.close()

    def _wait(self, pause: float) -> None:
        """Wait for the next turn or a nudge, and look at the loop in between."""
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and not self._nudged.wait(min(left, _LOOK_PAUSE)):
            try:
                self._watch.look()
                self._look_for_wedge()
                self._give_back_if_stalled()
            except BrokerError as error:
                self._note_failure(str(error))
                return
            except Exception:  # nothing may end this thread
                logger.exception("the event loop could not be looked at")

    def _turn(self) -> None:
        """Renew once. Nothing that goes wrong may end the thread, for all leases would end with it."""
        try:
            self._renew(self._to_renew())
        except BrokerError as error:
            self._note_failure(str(error))
        except Exception as error:
            logger.exception("renewing leases failed")
            self._note_failure(repr(error))

    def _renew(self, jobs: Sequence[RunningJob]) -> None:
        if not jobs or self._stopping:
            return
        leases = [job.claimed.lease for job in jobs]
        until = time.monotonic() + self._lease
        renewer = self._connected()
        renewal = renewer.renew(leases, lease=self._lease)
        if renewal.lost:
            renewal = replace(renewal, lost=self._lost_for_good(renewer, jobs, renewal.lost))
        for job, lease in zip(jobs, leases, strict=True):
            if job.claimed.lease is lease and job.job_id not in renewal.lost:
                job.lease_until = until
        self._liveness.contact()
        if self._failing:
            logger.warning("leases are renewed again")
            self._failing = False
        if renewal.lost or renewal.aborts:
            self._tell(list(zip(jobs, leases, strict=True)), renewal)

    def _to_renew(self) -> list[RunningJob]:
        """Return the jobs whose leases are renewed: their time is not over, or cannot pass now.

        While the loop stands still no claimed job can begin and no outcome can be written. They keep their
        leases as long as the function that may block the loop keeps its own.
        """
        now, leased = time.monotonic(), self._jobs.leased()
        blocked_until = 0.0
        if self._pulse.lag() > self._stall:
            running = [job for job in leased if job.phase is Phase.RUNNING]
            ends = (min(job.renew_until, job.started + _LONGEST_BLOCK) for job in running)
            blocked_until = max(ends, default=0.0)
        return [
            job
            for job in leased
            if job.renew_until > now
            or job.phase is Phase.CLAIMED
            or (job.phase is Phase.ENDING and blocked_until > now)
        ]

    def _give_back_if_stalled(self) -> None:
        """Give back the claimed jobs that have not begun when the loop stands still: others may have time."""
        if self._pulse.lag() < self._stall or self._stopping:
            return
        jobs = self._jobs.take_not_begun()
        if not jobs:
            return
        try:
            self._connected().release([job.claimed for job in jobs])
        except BaseException:
            for job in jobs:
                job.lease_until = 0.0  # perhaps it has arrived: then they are another's
            self._jobs.put_back(jobs)
            raise
        logger.warning("%s given back: the event loop is blocked", counted(len(jobs), "claimed job"))

    def _connected(self) -> Renewer:
        if self._renewer is None:
            self._renewer = self._connect()
        return self._renewer

    def _lost_for_good(self, renewer: Renewer, jobs: Sequence[RunningJob], lost: Sequence[str]) -> list[str]:
        """Of jobs that one answer calls lost, those that a second one confirms, on a new connection."""
        by_id = {job.job_id: job for job in jobs}
        # One whose outcome is on its way may have been given back: that must not be undone.
        return [
            job_id
            for job_id in lost
            if by_id[job_id].is_written or not renewer.reclaim(by_id[job_id].claimed, lease=self._lease)
        ]

    def _note_failure(self, reason: str) -> None:
        if not self._failing:
            jobs = counted(len(self._jobs), "job")
            logger.warning("the leases of %s cannot be renewed: %s", jobs, reason)
        self._failing = True

    def _tell(self, renewed: Sequence[_Renewed], renewal: Renewal) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._stop_jobs, renewed, frozenset(renewal.lost), renewal.aborts)

    def _stop_jobs(
        self, renewed: Sequence[_Renewed], lost: frozenset[str], aborts: Mapping[str, int]
    ) -> None:
        """In the loop: stop those that still run. One that is ending learns its fate by its own write.

        The answer is about leases: a job that goes on under a newer one since is not meant.
        """
        for job, lease in renewed:
            if job.phase in (Phase.ENDING, Phase.GIVEN_BACK) or job.claimed.lease is not lease:
                continue
            if job.job_id in lost:
                self._on_stop(job, Stop.LOST)
            elif job.job_id in aborts and job.body and job.body.is_meant_by(aborts[job.job_id]):
                self._on_stop(job, Stop.ABORT)

    def _look_for_wedge(self) -> None:
        """Count looks at which the loop stands still although the job that blocks it should have ended."""
        now, beats = time.monotonic(), self._pulse.beats
        if now < self._next_wedge_look:
            return
        self._next_wedge_look = now + _ALERT_PAUSE
        still, self._seen_beats = beats == self._seen_beats, beats
        overdue = self._overdue(now) if still else None
        self._still_turns = self._still_turns + 1 if overdue else 0
        if overdue and self._still_turns == _WEDGED_TURNS:
            self._on_wedged(overdue)

    def _overdue(self, now: float) -> RunningJob | None:
        """Return the job that blocks the loop beyond its time.

        Where nobody can say which one it is, all must be overdue: one of them may still have the time to.
        """
        blocker = self._watch.job()
        jobs = self._jobs.leased() if blocker is None else [blocker]
        if not jobs or any(job.renew_until >= now for job in jobs):
            return None
        return min(jobs, key=lambda job: job.renew_until)
