"""The hooks around a run: what they are told, and that they do no harm."""

import asyncio
import inspect
import math
from dataclasses import dataclass
from typing import Any

from jobgate.broker.records import Failure
from jobgate.worker.jobs.outcome import Kind, Outcome
from jobgate.worker.jobs.running_jobs import GRACE, RunningJob
from jobgate.worker.settings import Hook, Settings
from jobgate.worker.vitals.job_log import logger


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """`ctx["outcome"]` in `on_job_end` and `after_job_end`: how a try ended."""

    success: bool
    #: The return value of a success.
    result: Any = None
    #: Type, message, code and traceback of a failure for good; None when the job runs again.
    failure: Failure | None = None
    #: What the function raised; None where it raised nothing, or where that does not matter any more.
    exception: BaseException | None = None
    #: Whether the job runs again: `Retry`, a retry policy, or the worker stops.
    retried: bool = False
    #: With `retried`: seconds until the next try; None = at its old place in the queue.
    defer: float | None = None
    #: Whether the lease was lost: another worker runs the job, and this try's outcome is dropped.
    lost: bool = False
    #: Seconds that the try took.
    duration: float
    #: Number of the try, from 1.
    tries: int


async def call_at_end(settings: Settings, job: RunningJob, outcome: Outcome, seconds: float) -> None:
    """Call `on_job_end`, if there is one, under the job's lease."""
    if settings.on_job_end is None:
        return
    timeout = job.limits.timeout
    job.keep_lease(math.inf if timeout is None else timeout + GRACE)
    job.ctx["outcome"] = _told(job, outcome, seconds)
    await _call(settings.on_job_end, job, settings)
    job.keep_lease()


async def call_after_end(settings: Settings, job: RunningJob, outcome: Outcome, seconds: float) -> None:
    """Call `after_job_end`, if there is one."""
    if settings.after_job_end is None:
        return
    job.ctx["outcome"] = _told(job, outcome, seconds)
    await _call(settings.after_job_end, job, settings)


def is_ctrl_c(raised: BaseException, settings: Settings) -> bool:
    """Whether this is the user's Ctrl-C; where the worker handles signals, no exception tells of that."""
    return isinstance(raised, KeyboardInterrupt) and not settings.handle_signals


async def _call(hook: Hook, job: RunningJob, settings: Settings) -> None:
    """Call a hook, for at most the job's own timeout; what it raises is logged and changes nothing."""
    name = getattr(hook, "__name__", "hook")
    try:
        async with asyncio.timeout(job.limits.timeout):
            await await_if_needed(hook(job.ctx))
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # the worker gives this job up
        logger.exception("%s was cancelled for job %s, ignored", name, job.job_id)
    except BaseException as raised:
        if is_ctrl_c(raised, settings):
            raise
        logger.exception("%s raised for job %s, ignored", name, job.job_id)


def _told(job: RunningJob, outcome: Outcome, seconds: float) -> JobOutcome:
    return JobOutcome(
        success=outcome.kind is Kind.SUCCESS,
        result=outcome.value,
        failure=outcome.failure,
        exception=outcome.exception,
        retried=outcome.kind in (Kind.RETRY, Kind.RELEASE),
        defer=outcome.defer,
        lost=outcome.kind is Kind.LOST,
        duration=seconds,
        tries=job.tries,
    )


async def await_if_needed(value: Any) -> None:
    """Await what a hook gave back; plain functions give nothing to wait for."""
    if inspect.isawaitable(value):
        await value
