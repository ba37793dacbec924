"""One try of one job, as a chain of small steps: decode, check, execute, classify, persist."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jobgate.broker.bodies.stored import is_pickled
from jobgate.broker.bodies.tokens import begun_ms
from jobgate.broker.errors import DecodeError
from jobgate.broker.log_text import printable
from jobgate.broker.records import FailureCode, JobBody
from jobgate.worker.clock import RedisClock
from jobgate.worker.functions.resolved import Limits, ResolvedFunction
from jobgate.worker.functions.retries import chance
from jobgate.worker.jobs.calls import Caller
from jobgate.worker.jobs.deadline import Deadline
from jobgate.worker.jobs.hooks import await_if_needed, call_after_end, call_at_end, is_ctrl_c
from jobgate.worker.jobs.leftovers import ended
from jobgate.worker.jobs.outcome import (
    Kind,
    Outcome,
    Stop,
    TryFacts,
    classify,
    failed,
    max_tries_begun,
    max_tries_exceeded,
)
from jobgate.worker.jobs.persistence import Decode, Persistence
from jobgate.worker.jobs.progress import ProgressWriter
from jobgate.worker.jobs.running_jobs import RunningJob, RunningJobs
from jobgate.worker.jobs.turns import Turns
from jobgate.worker.settings import Settings
from jobgate.worker.vitals.job_log import JobLog, logger
from jobgate.worker.vitals.metrics import WorkerMetrics


class Execution:
    """Runs jobs; one for a whole worker.

    Args:
        settings: the worker's.
        jobs: all that run; is told of each that ends.
        functions: its functions by name.
        decode: reads a stored body.
        persistence: writes outcomes.
        progress: writes what functions report.
        metrics: counts.
        log: tells.
        clock: the time for results.
        on_written: called when a job's outcome has been written, or dropped, for good.
    """

    def __init__(  # noqa: PLR0913 - the parts that it puts together
        self,
        settings: Settings,
        *,
        jobs: RunningJobs,
        functions: Mapping[str, ResolvedFunction],
        decode: Decode,
        persistence: Persistence,
        progress: ProgressWriter,
        metrics: WorkerMetrics,
        log: JobLog,
        clock: RedisClock,
        on_written: Callable[[RunningJob], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._functions = functions
        self._decode = decode
        self._persistence = persistence
        self._progress = progress
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._on_written = on_written
        processes = settings.max_processes or os.cpu_count() or 1
        #: Whether to warn of the next job of a stock arq client that could not read its result.
        self._minds_pickles = settings.serializer != "pickle" and settings.job_serializer is None
        self._turns = Turns(jobs, persistence.note_begun, max_jobs=settings.max_jobs)
        #: Of timers: asyncio keeps cancelled ones for a while, and with them the context of a job.
        self._outside = copy_context()
        self._caller = Caller(processes=min(processes, settings.max_jobs))

    @property
    def busy_threads(self) -> int:
        """Plain functions that run in threads now, cancelled ones included."""
        return self._caller.busy_threads

    async def run(self, job: RunningJob) -> None:
        """Run one claimed job and see its outcome written. Raises nothing but bugs."""
        if not (self._turns.begin_at_once(job) or await self._turns.begin(job)):
            return
        job.start_ms = job.start_ms or self._clock.now_ms()
        outcome = self._check_safely(job)
        if outcome is None:
            outcome = await self._execute(job)
        else:
            self._jobs.ending(job)
        seconds = time.monotonic() - job.started
        if job.ctx:
            self._metrics.of(job.function.name if job.function else "").ran(seconds)
            await call_at_end(self._settings, job, outcome, seconds)
        outcome = await self._persistence.write(job, outcome, seconds)
        await self._on_written(job)
        if job.ctx:
            await call_after_end(self._settings, job, outcome, seconds)
        # ctx["progress"] knows the job; a cycle for each job keeps the garbage collector busy.
        job.ctx = {}

    def close(self) -> None:
        """Take no more work in threads and processes. Does not wait for threads."""
        self._caller.close()

    # -- decode and check

    def _check_safely(self, job: RunningJob) -> Outcome | None:
        """Check a job; an error in here must not leave it to run for ever from lease to lease."""
        try:
            return self._check(job)
        except Exception as error:
            logger.exception("job %s could not be read", printable(job.job_id))
            return failed(FailureCode.LOST_BODY, f"the stored job cannot be used: {type(error).__name__}")

    def _check(self, job: RunningJob) -> Outcome | None:
        """Decode a job and return the verdict on one that cannot run; None = run it."""
        if (gone := _verdict_unread(job)) is not None:
            return gone
        blob = job.claimed.body
        if job.claimed.is_damaged:
            return self._damaged(job, blob)
        if blob is None:
            return failed(FailureCode.EXPIRED, "job expired")
        try:
            job.body = self._decode(blob)
        except DecodeError as error:
            return failed(FailureCode.LOST_BODY, str(error), type_name="DeserializationError")
        if self._minds_pickles and job.body.queue is None and is_pickled(blob):
            self._minds_pickles = False
            self._log.unreadable_for_arq(job, self._settings.serializer)
        job.function = self._functions.get(job.body.function)
        job.limits = _limits_of(job.body, job.function.limits if job.function else job.limits)
        job.tries = max(job.tries, job.body.first_try or 0)
        job.start_ms = begun_ms(job.start_ms, job.body.enqueue_time_ms, job.claimed.score_ms)
        return self._verdict_before_start(job, job.body)

    def _damaged(self, job: RunningJob, blob: bytes | None) -> Outcome:
        """Return the verdict on a job that cannot run; what is left of its body tells what it was."""
        with suppress(DecodeError):
            job.body = self._decode(blob) if blob else None
        text = "a Redis key of this job holds another type of value: another program wrote it"
        return failed(FailureCode.LOST_BODY, text, type_name="DeserializationError")

    def _verdict_before_start(self, job: RunningJob, body: JobBody) -> Outcome | None:
        mark_ms = job.claimed.abort_mark_ms if self._settings.allow_abort_jobs else None
        if job.stop_reason is Stop.ABORT or (mark_ms is not None and body.is_meant_by(mark_ms)):
            return failed(
                FailureCode.ABORTED, "the job was aborted before it started", type_name="CancelledError"
            )
        if job.function is None:
            return failed(FailureCode.UNKNOWN_FUNCTION, f"function {printable(body.function)!r} not found")
        if job.counted_tries > job.limits.max_tries:
            begun = job.claimed.lease.tries > 1  # else its producer asked for a first try beyond the last one
            return (
                max_tries_begun(job.limits.max_tries) if begun else max_tries_exceeded(job.limits.max_tries)
            )
        refusal = job.function.refusal(body.args, body.kwargs)
        if refusal is not None:
            return failed(FailureCode.INVALID_ARGUMENTS, refusal, type_name="TypeError")
        return None

    # -- execute and classify

    async def _execute(self, job: RunningJob) -> Outcome:
        """Run the function under its timeout and return the verdict."""
        job.ctx = self._context(job)
        waited = (self._clock.now_ms() - job.claimed.score_ms) / 1000
        self._metrics.of(job.function.name if job.function else "").started(waited)
        self._log.started(job, waited)
        job.enter_running()
        job.ctx["deadline"] = Deadline(job.deadline)
        try:
            outcome = Outcome(Kind.SUCCESS, value=await self._call(job))
        except BaseException as raised:  # SystemExit in a function must not end the worker
            if is_ctrl_c(raised, self._settings):
                raise
            outcome = classify(raised, self._facts(job))
            if outcome.kind is Kind.RELEASE and job.leftovers:
                job.hold()
                await ended(job.leftovers)
        self._jobs.ending(job)
        self._progress.forget(job.claimed.lease)
        await _forget_cancellation()
        return outcome

    async def _call(self, job: RunningJob) -> Any:
        function, body, timeout = job.function, job.body, job.limits.timeout
        if function is None or body is None:
            raise RuntimeError("a job was started that had not passed its check")
        timer = None
        if timeout is not None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(timeout, job.stop, Stop.TIMEOUT, context=self._outside)
        try:
            if self._settings.on_job_start is not None:
                await await_if_needed(self._settings.on_job_start(job.ctx))
            if function.is_plain:
                return await self._caller.call(function, job.ctx, body)
            return await function.call(job.ctx, *body.args, **body.kwargs)
        finally:
            if timer is not None:
                timer.cancel()

    def _context(self, job: RunningJob) -> dict[str, Any]:
        enqueue_ms = job.body.enqueue_time_ms if job.body else 0
        return {
            **self._settings.ctx,  # on_startup may have added to it
            "job_id": job.job_id,
            "job_try": job.tries,
            "enqueue_time": _moment(enqueue_ms),
            "score": job.claimed.score_ms,
            "progress": self._progress.reporter(lambda: job.claimed.lease),
        }

    def _facts(self, job: RunningJob) -> TryFacts:
        return TryFacts(
            tries=job.counted_tries,
            max_tries=job.limits.max_tries,
            stop=job.stop_reason,
            timeout=job.limits.timeout,
            retry_jobs=self._settings.retry_jobs,
            policy=job.function.policy if job.function else None,
            chance=chance(),
        )


def _verdict_unread(job: RunningJob) -> Outcome | None:
    """Return the verdict on a job that is not to run here, whatever it is; None = look at it."""
    if job.stop_reason is Stop.LOST:
        return Outcome(Kind.LOST)
    if job.stop_reason is Stop.SHUTDOWN:
        return Outcome(Kind.RELEASE)
    if time.monotonic() > job.lease_until:
        # Where the lease is another's by now, a release changes nothing.
        return Outcome(Kind.RELEASE, note="could not be started before its lease ran out")
    return None


def _limits_of(body: JobBody, limits: Limits) -> Limits:
    """Return the limits with what the job itself asks for; in nearly all jobs, nothing."""
    if body.timeout is None and body.max_tries is None and body.keep_result is None:
        return limits
    return replace(
        limits,
        timeout=body.timeout or limits.timeout,
        max_tries=body.max_tries or limits.max_tries,
        keep=limits.keep if body.keep_result is None else max(body.keep_result, 0),
    )


def _moment(unix_ms: int) -> datetime:
    """Return a time of day in UTC; 1970 where a producer wrote a number that is none."""
    try:
        return datetime.fromtimestamp(unix_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


async def _forget_cancellation() -> None:
    """Undo a cancellation that has been dealt with, so that it does not hit the steps that follow."""
    task = asyncio.current_task()
    if task is None or not task.cancelling():
        return
    while task.cancelling():
        task.uncancel()
    try:
        # A request that the function never got to see is delivered at the next await: here.
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        return
