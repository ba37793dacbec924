"""`POST /jobs/{job_id}/abort`: ask a job to stop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from jobgate.broker import AbortAnswer, BrokerError, DataSetChanged, DecodeError, JobResult, WriteInDoubt
from jobgate.gateway.context import Call
from jobgate.gateway.http import Answer, Problem, applied
from jobgate.gateway.jobs.job_access import GONE, loss_reported, no_such_job, require_for_job, visible_job
from jobgate.gateway.jobs.result import job_without_result, not_yet, wait_for_result

_ABORTED = b'{"aborted":true}'


async def abort(call: Call) -> Answer:
    """Answer 200 if the job is aborted, also before it started; 202 while it is still stopping.

    A repeated request gets the same answer as the first.
    """
    await require_for_job(call, "abort")
    wait = call.wait()
    try:
        return await _abort(call, wait)
    except Problem as problem:
        if problem.code in GONE and await _was_aborted(call):
            return Answer(200, _ABORTED)
        raise


async def _abort(call: Call, wait: float | None) -> Answer:
    view = await visible_job(call)
    # First a slot for the wait: a job that was asked to stop must not be answered 429.
    async with call.place(wait) if wait else nullcontext():
        # A client that hangs up must not stop the abort halfway.
        aborting = asyncio.ensure_future(call.gateway.broker.abort(call.name, queue=view.queue))
        del view  # a request that waits holds no arguments
        with _doubt_reported(call, WriteInDoubt):
            answer = await asyncio.shield(aborting)
        if answer is AbortAnswer.ABORTED:
            return Answer(200, _ABORTED)
        if answer is AbortAnswer.UNKNOWN:
            raise no_such_job()
        if answer is AbortAnswer.FINISHED:
            raise _already_finished()
        # It was asked to stop: an error must not say that it was not.
        with loss_reported(call), _doubt_reported(call, BrokerError):
            return await _stopping(call, wait)


@contextmanager
def _doubt_reported(call: Call, kind: type[BrokerError]) -> Iterator[None]:
    """Raise `Problem` 503 `outcome-unknown` for errors after which the job may have been asked to stop."""
    try:
        with call.deadline.cut_off_as(WriteInDoubt):
            yield
    except (DataSetChanged, DecodeError):
        raise  # the job is gone, or has ended: that is known
    except kind as error:
        detail = "It may have been asked to stop, and may have ended: send the request again."
        raise Problem("outcome-unknown", detail) from error


async def _was_aborted(call: Call) -> bool:
    """Whether a job that is gone was aborted a moment ago, and the caller may know of it."""
    mark = await call.gateway.broker.abort_mark(call.name)
    return mark is not None and call.caller.sees(mark.owner)


async def _stopping(call: Call, wait: float | None) -> Answer:
    ended: JobResult | None = None
    if wait:
        ended = await wait_for_result(call, wait)
    if ended is None:
        view = await job_without_result(call, waited=bool(wait))
        if view.result is None:
            return not_yet(call, view, wait)
        ended = view.result
    if not ended.is_aborted:
        raise _already_finished()
    return Answer(200, _ABORTED, headers=applied(wait))


def _already_finished() -> Problem:
    return Problem("already-finished", "Read its result to see how it ended.")
