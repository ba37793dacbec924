"""The hooks around a run: what they are told, and that they do no harm."""

import asyncio
import inspect
import math
from dataclasses import dataclass
from typing import Any

from jobgate.broker.records import Failure
from jobgate.worker.logs import logger
from jobgate.worker.outcome import Kind, Outcome
from jobgate.worker.running import GRACE, RunningJob
from jobgate.worker.settings import Hook


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


async def call_at_end(hook: Hook, job: RunningJob, outcome: Outcome, seconds: float) -> None:
    """Call `on_job_end`, under the job's lease."""
    timeout = job.limits.timeout
    job.keep_lease(math.inf if timeout is None else timeout + GRACE)
    await _call(hook, job, outcome, seconds)
    job.keep_lease()


async def call_after_end(hook: Hook, job: RunningJob, outcome: Outcome, seconds: float) -> None:
    """Call `after_job_end`."""
    await _call(hook, job, outcome, seconds)


async def _call(hook: Hook, job: RunningJob, outcome: Outcome, seconds: float) -> None:
    """Call a hook, for at most the job's own timeout; what it raises is logged and changes nothing."""
    name = getattr(hook, "__name__", "hook")
    job.ctx["outcome"] = _told(job, outcome, seconds)
    try:
        async with asyncio.timeout(job.limits.timeout):
            await await_if_needed(hook(job.ctx))
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # the worker gives this job up
        logger.exception("%s was cancelled for job %s, ignored", name, job.job_id)
    except KeyboardInterrupt:
        raise
    except BaseException:
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
