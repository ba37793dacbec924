"""`POST /jobs/{job_id}/abort`: ask a job to stop."""

import asyncio

from jobgate.broker.records import AbortAnswer, FailureCode, JobResult
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.handlers.jobs import last_look, loss_told, not_yet, visible_view, wait_for_result
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.preferences import applied
from jobgate.gateway.http.problems import Problem

#: Codes of problems that say that nothing can be seen of the job any more.
_GONE = frozenset({"job-not-found", "result-not-kept"})
_ABORTED = b'{"aborted":true}'


async def abort(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 when the job was prevented or has ended as aborted; 202 while it is still stopping.

    A repeated request is answered as the first one.
    """
    call.caller.require("abort")
    wait = call.wait(gateway.settings.max_wait)
    try:
        return await _abort(gateway, call, call.name, wait)
    except Problem as problem:
        if problem.code in _GONE and await _was_aborted(gateway, call, call.name):
            return Answer(200, _ABORTED)
        raise


async def _abort(gateway: Gateway, call: Call, wanted: str, wait: float | None) -> Answer:
    view = await visible_view(gateway, call, wanted)
    # Marking is one script, but the answer to it is awaited: a client that hangs up does not stop that.
    answer = await asyncio.shield(asyncio.ensure_future(gateway.broker.abort(wanted, queue=view.queue)))
    if answer is AbortAnswer.ABORTED:
        return Answer(200, _ABORTED)
    if answer is AbortAnswer.UNKNOWN:
        raise Problem("job-not-found", "It was never enqueued, or its result is no longer kept.")
    if answer is AbortAnswer.FINISHED:
        raise _already_finished()
    with loss_told(gateway):
        return await _stopping(gateway, call, wanted, wait)


async def _was_aborted(gateway: Gateway, call: Call, wanted: str) -> bool:
    """Whether a job that cannot be seen any more was aborted a moment ago, and is the caller's to know of."""
    mark = await gateway.broker.abort_mark(wanted)
    return mark is not None and call.caller.sees(mark.owner)


async def _stopping(gateway: Gateway, call: Call, wanted: str, wait: float | None) -> Answer:
    ended: JobResult | None = None
    if wait:
        ended = await wait_for_result(gateway, call, wanted, wait)
    if ended is None:
        view = await last_look(gateway, call, wanted, waited=bool(wait))
        if view.result is None:
            return not_yet(gateway, call, view, wait)
        ended = view.result
    if ended.failure is None or ended.failure.code is not FailureCode.ABORTED:
        raise _already_finished()
    return Answer(200, _ABORTED, headers="" if wait is None else applied(wait))


def _already_finished() -> Problem:
    return Problem("already-finished", "Read its result to see how it ended.")
