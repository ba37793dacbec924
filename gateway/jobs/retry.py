"""`POST /jobs/{job_id}/retry`: run a finished job again, as a new job with the same arguments."""

import asyncio
from typing import Any

import orjson

from jobgate.broker import Enqueued, JobStatus, JobView, Rerun, RerunAnswer, WriteInDoubt
from jobgate.gateway.context import Call
from jobgate.gateway.functions import status_path
from jobgate.gateway.http import Answer, Problem
from jobgate.gateway.jobs.job_access import no_such_job
from jobgate.gateway.jobs.presentation import REPLAYED, job_of_enqueued, job_of_view


async def retry(call: Call) -> Answer:
    """Answer 202 with the new job. A repeated request gets the same one."""
    caller, gateway = call.caller, call.gateway
    if not caller.operates:
        caller.require("read")
    view = await gateway.looks.view(call.name, owner=None if caller.operates else caller.only_owner)
    if view is None or not caller.reaches(view.owner):
        raise no_such_job()
    await _require_retry(call, view)
    # A client that hangs up must not leave it unknown whether the job runs again.
    rerunning = asyncio.ensure_future(_rerun(call, view))
    try:
        with call.deadline.cut_off_as(WriteInDoubt):
            rerun = await asyncio.shield(rerunning)
    except WriteInDoubt:
        again = "It may be running again by now. Send the request again: the job is retried once only."
        raise Problem("outcome-unknown", again) from None
    call.allowance = rerun.allowance
    return await _answer(call, view, rerun)


async def _require_retry(call: Call, view: JobView) -> None:
    """Raise `Problem` unless the job can be retried, as far as is known without trying."""
    function, queue = view.function, view.queue
    call.caller.require_retry(function or "", view.owner)
    if not view.has_ended:
        raise _not_finished()
    if function is None or queue is None:
        raise _arguments_gone()
    if queue == call.gateway.queues.operations:
        raise Problem("forbidden", "An operation on many jobs is not retried: send its request again.")
    await call.gateway.functions.require(function, queue, waits=False, may_know=call.caller.may_enqueue)


async def _rerun(call: Call, view: JobView) -> Rerun:
    gateway, caller = call.gateway, call.caller
    # The new job is its owner's, whoever retries it: an operator's own limits do not apply to it.
    limits = caller.limits if view.owner == caller.name else None
    return await gateway.broker.rerun(call.name, new_id=next(gateway.job_ids), limits=limits)


async def _answer(call: Call, view: JobView, rerun: Rerun) -> Answer:
    if rerun.code is RerunAnswer.UNFINISHED:
        raise _not_finished()
    if rerun.code is RerunAnswer.UNKNOWN:
        raise no_such_job()
    if rerun.code is RerunAnswer.NO_ARGUMENTS or rerun.job_id is None:
        raise _arguments_gone()
    headers = {"Location": status_path(rerun.job_id)}
    if rerun.code is RerunAnswer.EXISTS:
        headers |= REPLAYED
    return Answer(202, orjson.dumps(await _job(call, view, rerun, rerun.job_id)), headers=headers)


async def _job(call: Call, view: JobView, rerun: Rerun, job_id: str) -> dict[str, Any]:
    """Return the JSON of the new job."""
    if rerun.code is RerunAnswer.EXISTS:
        new = await call.gateway.broker.view(job_id, queues=(rerun.queue,) if rerun.queue else ())
        if new is not None and call.caller.reaches(new.owner):
            return job_of_view(new, inspects=False)
    # Or it has ended, and its result is gone.
    status = JobStatus.QUEUED if rerun.code is RerunAnswer.CREATED else JobStatus.COMPLETE
    new_job = Enqueued(
        job_id=job_id,
        queue=rerun.queue or view.queue or "",
        created=True,
        enqueue_time_ms=rerun.enqueue_time_ms or 0,
        due_time_ms=rerun.due_time_ms or 0,
    )
    return job_of_enqueued(view.function or "", new_job, status) | {"retry_of": view.job_id}


def _not_finished() -> Problem:
    return Problem("not-finished", "Abort it first, or wait for its end.")


def _arguments_gone() -> Problem:
    return Problem("arguments-gone", "Enqueue a new job with the arguments.")
