"""The user's hooks around a try: they are awaited in the job's task, and cannot harm the worker."""

import asyncio
import inspect
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from jobgate.broker import Failure
from jobgate.worker.jobs.outcome import Outcome, OutcomeKind, show_users_frames
from jobgate.worker.jobs.running_job import CLEANUP, RunningJob
from jobgate.worker.log import logger
from jobgate.worker.settings import Hook, Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """`ctx["outcome"]` in `on_job_end` and `after_job_end`: how a try ended."""

    success: bool
    #: The return value of a success.
    result: Any = None
    #: Type, message, code and traceback of a final failure; None when the job runs again.
    failure: Failure | None = None
    #: What the function raised; None where it raised nothing, or where that no longer matters.
    exception: BaseException | None = None
    #: Whether the job runs again: `Retry`, a retry policy, or the worker stops.
    retried: bool = False
    #: With `retried`: seconds until the next try; None = at its old place in the queue.
    defer: float | None = None
    #: Whether the lease was lost: another worker runs the job, and the outcome of this try is dropped.
    lost: bool = False
    #: Seconds that the try took.
    duration: float
    #: Number of the try, from 1.
    tries: int


class Hooks:
    """The user's hooks around each try; each is None where the settings have no such hook.

    `start` takes the job's `ctx`. It is awaited under the job's timeout, and its exception is the outcome of
    the try. `end` is awaited under the job's lease, before the outcome is stored, and `after_end` after that.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        start, end, after = settings.on_job_start, settings.on_job_end, settings.after_job_end
        self.start = None if start is None else partial(call_hook, start)
        self.end = None if end is None else partial(self._end, end)
        self.after_end = None if after is None else partial(self._call, after)

    async def _end(self, hook: Hook, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        timeout = job.limits.timeout
        job.keep_lease(math.inf if timeout is None else timeout + CLEANUP)
        await self._call(hook, job, outcome, seconds)
        job.keep_lease()

    async def _call(self, hook: Hook, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Await a hook for at most the job's own timeout; its exceptions are logged and dropped."""
        job.ctx["outcome"] = _shown(job, outcome, seconds)
        name = getattr(hook, "__name__", "hook")
        try:
            async with asyncio.timeout(job.limits.timeout):
                await call_hook(hook, job.ctx)
        except asyncio.CancelledError as raised:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the worker gives this job up
            show_users_frames(raised)
            logger.exception("%s was cancelled for job %s, ignored", name, job.job_id)
        except BaseException as raised:
            if is_ctrl_c(raised, self._settings):
                raise
            show_users_frames(raised)
            logger.exception("%s raised for job %s, ignored", name, job.job_id)


def is_ctrl_c(raised: BaseException, settings: Settings) -> bool:
    """Whether this is the user's Ctrl-C. A worker that handles signals gets no exception for that."""
    return isinstance(raised, KeyboardInterrupt) and not settings.handle_signals


def _shown(job: RunningJob, outcome: Outcome, seconds: float) -> JobOutcome:
    return JobOutcome(
        success=outcome.kind is OutcomeKind.SUCCESS,
        result=outcome.value,
        failure=outcome.failure,
        exception=outcome.exception,
        retried=outcome.kind in (OutcomeKind.RETRY, OutcomeKind.RELEASE),
        defer=outcome.defer,
        lost=outcome.kind is OutcomeKind.LOST,
        duration=seconds,
        tries=job.tries,
    )


async def call_hook(hook: Hook, ctx: dict[str, Any]) -> None:
    """Call a hook, and await what it returns; a plain function returns nothing to wait for."""
    value = hook(ctx)
    if inspect.isawaitable(value):
        await value
