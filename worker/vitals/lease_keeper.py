"""Renews the leases of running jobs, from a thread of its own.

A function that blocks the event loop must not cost its worker the leases, so renewal does not depend on the
loop. But a worker that is wedged for ever must lose them. So the renewal for each job ends with its deadline,
and when a job blocks the loop beyond its deadline, the process ends.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from jobgate.broker import BrokerError, Lease, Renewal, counted
from jobgate.worker.jobs import Phase, RunningJob, Shared, Stop
from jobgate.worker.log import logger
from jobgate.worker.roles import Role
from jobgate.worker.vitals.liveness import Liveness
from jobgate.worker.vitals.loop_watch import LoopWatch

#: Exit code of a wedged worker: EX_SOFTWARE of sysexits.h.
EXIT_WEDGED = 70
#: Checks, a second apart, that must find the loop blocked before an overdue worker counts as wedged.
#: More than one, because a process that was frozen as a whole (SIGSTOP) looks the same at first.
_WEDGED_LOOKS = 3
#: Seconds between two renewals while they fail, and between two checks whether the loop is wedged.
_ALERT_PAUSE = 1.0
#: Seconds of a block after which claimed jobs that have not begun are given back; less with short leases.
_STALL = 1.0
#: Seconds for which a job without a timeout that blocks the loop lets other jobs keep their leases.
_LONGEST_BLOCK = 3600.0
#: Seconds between two checks of the event loop.
_LOOK_PAUSE = 0.25


#: A job, and the lease under which it ran when that was renewed.
_Renewed = tuple[RunningJob, Lease]


class LeaseKeeper(Role):
    """The renewal thread of one worker. A lease is renewed every third of its duration.

    Args:
        shared: What the parts of the run share.
        liveness: Receives signs of life; its pulse shows whether the loop runs.
        watch: Inspects the loop, in the thread, several times a second.
        on_stop: Called in the loop with each job that is lost or to be aborted, and the reason.
        on_wedged: Called in the thread when the loop is stuck beyond the deadline of this job.
    """

    def __init__(
        self,
        shared: Shared,
        *,
        liveness: Liveness,
        watch: LoopWatch,
        on_stop: Callable[[RunningJob, Stop], None],
        on_wedged: Callable[[RunningJob], None],
    ) -> None:
        self._jobs = shared.jobs
        self._lease = shared.settings.lease
        self._renewer = shared.broker.lease_renewer(self._lease)  # connects on first use, in the thread
        self._stall = min(_STALL, self._lease / 4)
        self._pulse = liveness.pulse
        self._liveness = liveness
        self._on_stop = on_stop
        self._on_wedged = on_wedged
        self._watch = watch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._nudged = threading.Event()
        self._stopping = False
        self._failing = False
        self._seen_beats = -1
        self._still_looks = 0
        self._next_wedge_look = 0.0
        self._thread = threading.Thread(target=self._run, name="jobgate-leases", daemon=True)

    async def start(self) -> None:
        """Start the thread; jobs are stopped in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it, at most as long as a lease lasts."""
        self._stopping = True
        self._nudged.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, self._lease)

    def nudge(self) -> None:
        """Renew now: the answer says which jobs are to be aborted."""
        self._nudged.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wait(_ALERT_PAUSE if self._failing else self._lease / 3)
            self._nudged.clear()
            self._renew_safely()
        self._renewer.close()

    def _wait(self, pause: float) -> None:
        """Wait for the next renewal or a nudge, and check the loop in between."""
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
                logger.exception("the event loop could not be checked")

    def _renew_safely(self) -> None:
        """Renew once. No error may end the thread: all leases would end with it."""
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
        renewal = self._renewer.renew(leases, lease=self._lease)
        if renewal.lost:
            renewal = replace(renewal, lost=self._lost_for_good(jobs, renewal.lost))
        for job, lease in zip(jobs, leases, strict=True):
            if job.claimed.lease is lease and job.job_id not in renewal.lost:
                job.lease_until = until
        self._liveness.contact()
        if self._failing:
            logger.warning("leases are renewed again")
            self._failing = False
        if renewal.lost or renewal.aborts:
            self._report(list(zip(jobs, leases, strict=True)), renewal)

    def _to_renew(self) -> list[RunningJob]:
        """Return the jobs whose leases are renewed: those with time left, or whose time does not count now.

        While the loop is blocked, no claimed job can begin and no outcome can be written. Such jobs keep
        their leases as long as the function that may block the loop keeps its own.
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
        """Release claimed jobs that have not begun while the loop is blocked: other workers may be free."""
        if self._pulse.lag() < self._stall or self._stopping:
            return
        jobs = self._jobs.take_not_begun()
        if not jobs:
            return
        try:
            self._renewer.release([job.claimed for job in jobs])
        except BaseException:
            for job in jobs:
                job.lease_until = 0.0  # the release may have arrived: then other workers have them
            self._jobs.put_back(jobs)
            raise
        self._jobs.decide()
        logger.warning("%s given back: the event loop is blocked", counted(len(jobs), "claimed job"))

    def _lost_for_good(self, jobs: Sequence[RunningJob], lost: Sequence[str]) -> list[str]:
        """Return the jobs whose loss a second answer confirms, on a new connection."""
        by_id = {job.job_id: job for job in jobs}
        # One whose outcome is being sent may have been released: that must not be undone.
        return [
            job_id
            for job_id in lost
            if by_id[job_id].is_written or not self._renewer.reclaim(by_id[job_id].claimed, lease=self._lease)
        ]

    def _note_failure(self, reason: str) -> None:
        if not self._failing:
            jobs = counted(len(self._jobs), "job")
            logger.warning("the leases of %s cannot be renewed: %s", jobs, reason)
        self._failing = True

    def _report(self, renewed: Sequence[_Renewed], renewal: Renewal) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._stop_jobs, renewed, frozenset(renewal.lost), renewal.aborts)

    def _stop_jobs(
        self, renewed: Sequence[_Renewed], lost: frozenset[str], aborts: Mapping[str, int]
    ) -> None:
        """In the loop: stop the jobs that still run. A job that is ending finds out when it writes.

        The answer is about leases: it does not concern a job that continues under a newer one.
        """
        for job, lease in renewed:
            if job.phase in (Phase.ENDING, Phase.GIVEN_BACK) or job.claimed.lease is not lease:
                continue
            if job.job_id in lost:
                self._on_stop(job, Stop.LOST)
            elif job.job_id in aborts and job.body and job.body.is_meant_by(aborts[job.job_id]):
                self._on_stop(job, Stop.ABORT)

    def _look_for_wedge(self) -> None:
        """Count the checks that find the loop blocked although the job that blocks it is overdue."""
        now, beats = time.monotonic(), self._pulse.beats
        if now < self._next_wedge_look:
            return
        self._next_wedge_look = now + _ALERT_PAUSE
        still, self._seen_beats = beats == self._seen_beats, beats
        overdue = self._overdue(now) if still else None
        self._still_looks = self._still_looks + 1 if overdue else 0
        if overdue and self._still_looks == _WEDGED_LOOKS:
            self._on_wedged(overdue)

    def _overdue(self, now: float) -> RunningJob | None:
        """Return the job that blocks the loop beyond its deadline.

        Where it is unknown which job blocks the loop, all of them must be overdue.
        """
        blocker = self._watch.job()
        jobs = self._jobs.leased() if blocker is None else [blocker]
        if not jobs or any(job.renew_until >= now for job in jobs):
            return None
        return min(jobs, key=lambda job: job.renew_until)
