"""Runs claimed jobs: starts each in a task of its own, and sees it through to its stored outcome.

The chain of one job: `JobRunner.start` makes the task; there, `Turns` says when the job may begin,
`Admission` decodes and checks it, `Invoker` runs the function, which is cancelled here at its timeout,
`classify` makes an outcome of an exception, and `Persistence` writes the outcome to Redis.
"""

import asyncio
import random
import time
from dataclasses import replace
from typing import Any

from jobgate.broker import EPOCH, ClaimedJob, JobBody, time_of
from jobgate.worker.functions import ResolvedFunction
from jobgate.worker.invocation import RUNNING_JOB, Deadline, Invoker, ProgressWriter, all_over
from jobgate.worker.jobs.admission import Admission
from jobgate.worker.jobs.deadlines import Deadlines
from jobgate.worker.jobs.hooks import Hooks, is_ctrl_c
from jobgate.worker.jobs.outcome import Outcome, OutcomeKind, Stop, TryFacts, classify
from jobgate.worker.jobs.persistence import Persistence
from jobgate.worker.jobs.running_job import CLEANUP, Phase, RunningJob
from jobgate.worker.jobs.shared import Shared
from jobgate.worker.jobs.turns import Turns
from jobgate.worker.log import logger


class JobRunner:
    """Starts, runs and stops the jobs of one worker.

    Args:
        shared: What the parts of the run share.
        persistence: Writes outcomes.
        progress: Writes the progress that functions report.
    """

    def __init__(self, shared: Shared, persistence: Persistence, progress: ProgressWriter) -> None:
        self._settings = settings = shared.settings
        self._limits = settings.limits
        self._jobs = shared.jobs
        self._clock = shared.clock
        self._observers = shared.observers
        self._persistence = persistence
        self._progress = progress
        self._turns = Turns(shared)
        self._admission = Admission(shared)
        self._hooks = Hooks(settings)
        self._invoker = Invoker(
            max_processes=settings.max_processes, max_jobs=settings.max_jobs,
            on_abandoned=shared.observers.thread_abandoned,
        )  # fmt: skip
        #: Jobs whose outcome is stored, or about to be, while their coroutine still runs.
        self._abandoned: dict[RunningJob, asyncio.Task[None]] = {}
        self._keeps_objects = settings.serializer == "pickle" and settings.job_serializer is None
        self._deadlines = Deadlines(self._time_out)

    @property
    def outlasting(self) -> int:
        """Functions that would outlast a cancellation now: those in threads, and abandoned coroutines."""
        return self._invoker.busy_threads + len(self._abandoned)

    def start(self, claimed: ClaimedJob) -> None:
        """Run a claimed job in a task of its own."""
        job = RunningJob(claimed, self._limits)
        before = self._jobs.add(job)
        if before is not None and before.phase is not Phase.GIVEN_BACK:
            self.stop(before, Stop.LOST)
        job.task = asyncio.get_running_loop().create_task(self._run(job))

    def stop(self, job: RunningJob, reason: Stop) -> None:
        """Stop a job: cancel its function, or keep it from beginning."""
        if reason is Stop.ABORT and not self._settings.allow_abort_jobs:
            return
        if reason is Stop.LOST and job.stop_reason is not Stop.LOST:
            self._observers.lease_lost(job)
        job.stop(reason)

    async def close(self) -> None:
        """Take no more work in threads and processes. Does not wait for threads."""
        self._invoker.close()
        self._deadlines.close()

    # -- the chain of one job

    async def _run(self, job: RunningJob) -> None:
        RUNNING_JOB.set(job)
        try:
            if self._turns.begin_at_once(job) or await self._turns.begin(job):
                await self._try(job)
        except Exception:
            # A bug of the worker: the lease runs out, and the job runs again.
            logger.exception("job %s could not be processed", job.reference)
        finally:
            self._jobs.discard(job)
            self._abandoned.pop(job, None)
            # The context of the task knows the job; one cycle for each job keeps the garbage collector busy.
            job.task = None
        if (claimed := self._jobs.free_id(job)) is not None:
            await self._start_next(claimed)

    async def _try(self, job: RunningJob) -> None:
        """Run one try and wait until its outcome is written. Raises only if the worker has a bug."""
        job.start_ms = job.start_ms or self._clock.now_ms()
        admitted = self._admission.admit(job)
        if isinstance(admitted, Outcome):
            outcome = admitted
            self._jobs.ending(job)
        else:
            outcome = await self._execute(job, *admitted)
        if job not in self._abandoned:
            await self._conclude(job, outcome)

    async def _conclude(self, job: RunningJob, outcome: Outcome) -> None:
        """See a try that has ended through to its stored outcome."""
        has_begun, seconds = bool(job.ctx), time.monotonic() - job.started
        if has_begun:
            self._observers.job_ended(job, outcome, seconds)
            if self._hooks.end is not None:
                await self._hooks.end(job, outcome, seconds)
        outcome = await self._persistence.write(job, self._as_stored(job, outcome), seconds)
        if (claimed := self._jobs.free_id(job)) is not None:
            await self._start_next(claimed)
        if has_begun and self._hooks.after_end is not None:
            await self._hooks.after_end(job, outcome, seconds)
        # ctx["progress"] knows the job; one cycle for each job keeps the garbage collector busy.
        job.ctx = {}

    def _as_stored(self, job: RunningJob, outcome: Outcome) -> Outcome:
        """Return an outcome with its value as plain data, which every codec but pickle writes."""
        if outcome.kind is not OutcomeKind.SUCCESS or job.function is None or self._keeps_objects:
            return outcome
        value = job.function.as_plain(outcome.value)
        return outcome if value is outcome.value else replace(outcome, value=value)

    async def _start_next(self, claimed: ClaimedJob) -> None:
        """Start a job that has waited for the one that had its id, or release it if the worker stops."""
        if self._jobs.is_closed:
            await self._persistence.give_back([claimed])
        else:
            self.start(claimed)

    async def _execute(self, job: RunningJob, function: ResolvedFunction, body: JobBody) -> Outcome:
        """Run the function under its timeout and return the outcome."""
        job.ctx = self._context(job, body.enqueue_time_ms)
        self._observers.job_started(job, (self._clock.now_ms() - job.claimed.score_ms) / 1000)
        job.enter_running()
        job.ctx["deadline"] = Deadline(job.deadline)
        try:
            outcome = Outcome(OutcomeKind.SUCCESS, value=await self._invoke(job, function, body))
        except BaseException as raised:  # SystemExit in a function must not end the worker
            if is_ctrl_c(raised, self._settings):
                raise
            outcome = classify(raised, self._facts(job, function))
            if outcome.kind is OutcomeKind.RELEASE and job.leftovers:
                job.hold()
                await all_over(job.leftovers)
        if job in self._abandoned:
            return outcome
        self._jobs.ending(job)
        self._progress.forget(job.claimed.lease)
        if job.task is not None and job.task.cancelling():
            await _forget_cancellation(job.task)
        return outcome

    async def _invoke(self, job: RunningJob, function: ResolvedFunction, body: JobBody) -> Any:
        self._deadlines.watch(job)
        try:
            if self._hooks.start is not None:
                await self._hooks.start(job.ctx)
            return await self._invoker.invoke(function, job.ctx, body)
        finally:
            self._deadlines.forget(job)

    def _time_out(self, job: RunningJob) -> None:
        """Cancel a job, and abandon its coroutine if that still runs when the lease is no longer renewed."""
        job.stop(Stop.TIMEOUT)
        asyncio.get_running_loop().call_later(CLEANUP, self._abandon, job)

    def _abandon(self, job: RunningJob) -> None:
        if job.phase is not Phase.RUNNING or job.function is None or job.is_held:
            return
        self._abandoned[job] = asyncio.create_task(self._conclude_without(job, job.function))

    async def _conclude_without(self, job: RunningJob, function: ResolvedFunction) -> None:
        """Store the outcome of a job whose function still runs, because it ignores its cancellation."""
        self._jobs.ending(job)
        self._progress.forget(job.claimed.lease)
        self._observers.coroutine_abandoned(job)
        try:
            await self._conclude(job, classify(asyncio.CancelledError(), self._facts(job, function)))
        finally:
            self._jobs.discard(job)

    def _context(self, job: RunningJob, enqueue_ms: int) -> dict[str, Any]:
        return {
            **self._settings.ctx,  # on_startup may have added to it
            "job_id": job.job_id,
            "job_try": job.tries,
            "enqueue_time": time_of(enqueue_ms) or EPOCH,
            "score": job.claimed.score_ms,
            "progress": self._progress.reporter(lambda: job.claimed.lease),
        }

    def _facts(self, job: RunningJob, function: ResolvedFunction) -> TryFacts:
        return TryFacts(
            tries=job.counted_tries,
            max_tries=job.limits.max_tries,
            stop=job.stop_reason,
            timeout=job.limits.timeout,
            retry_jobs=self._settings.retry_jobs,
            policy=function.policy,
            chance=random.random(),
        )


async def _forget_cancellation(task: "asyncio.Task[None]") -> None:
    """Undo a cancellation that has been handled, so that it does not affect the next steps."""
    while task.cancelling():
        task.uncancel()
    try:
        # A cancellation that the function never saw is delivered at the next await: here.
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        return
