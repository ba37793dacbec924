"""`GET /jobs/{job_id}/result`: how a job ended, by long poll."""

from jobgate.broker import DecodeError, JobMark, JobResult, JobView, Watch, mark_of_result
from jobgate.gateway.context import Call
from jobgate.gateway.deadline import last_look
from jobgate.gateway.http import Answer, Problem, SharedBody, applied
from jobgate.gateway.jobs.broker_problems import broker_problem
from jobgate.gateway.jobs.job_access import (
    is_for,
    job_if_visible,
    loss_reported,
    require_for_job,
    require_readable,
    visible_job,
)
from jobgate.gateway.jobs.presentation import outcome, to_json
from jobgate.gateway.jobs.status import shared_job


async def result(call: Call) -> Answer:
    """Answer 200 with the outcome, of a failed job too; 202 with the job if it has not finished in time."""
    await require_for_job(call, "read")
    wait = call.wait()
    held = await _held_outcome(call)
    if held is not None:
        return Answer.shared(held, applied(wait))
    view = await visible_job(call, waits=bool(wait))
    require_readable(view)
    if view.result is None and wait:
        del view
        with loss_reported(call):
            answer = await _outcome_in_time(call, wait)
            if answer is not None:
                return answer
            view = await job_without_result(call, waited=True)
        require_readable(view)
    if view.result is None:
        return not_yet(call, view, wait)
    return outcome_answer(call, view.result, wait, mark=view.mark)


async def _held_outcome(call: Call) -> SharedBody | None:
    """Return the outcome that others are being sent now, if it still is the job's."""
    held = call.gateway.unsent.find(_key(call, call.name))
    if held is None or not call.caller.sees(held.owner):
        return None
    return held if await call.gateway.broker.mark(call.name) == held.version else None


async def _outcome_in_time(call: Call, wait: float) -> Answer | None:
    """Answer with the outcome once it is there, read once for all who wait; None when the wait is over."""
    with call.gateway.broker.watch(call.name) as watch:
        blob = await call.waiting(wait, lambda: watch.stored(wait))
        return None if blob is None else await _outcome_of(call, watch, blob, wait)


async def _outcome_of(call: Call, watch: Watch, blob: bytes, wait: float) -> Answer | None:
    mark = mark_of_result(blob)
    held = call.gateway.unsent.find(_key(call, watch.job_id))
    if held is not None and held.version == mark and is_for(call, held.owner):
        return Answer.shared(held, applied(wait))
    try:
        ended = await watch.read()
    except DecodeError as error:
        raise broker_problem(error) from None
    if ended is None or not is_for(call, ended.options.owner):
        return None
    return outcome_answer(call, ended, wait, mark=mark)


async def wait_for_result(call: Call, wait: float) -> JobResult | None:
    """Return the result once it is there; None when the wait is over, or if the result is not the caller's.

    The request has a slot for the wait (`Call.place`).

    Raises:
        Problem: 410 if the result cannot be read.
    """
    gateway = call.gateway
    try:
        with call.deadline.paused(wait):
            ended = await gateway.waits.run(lambda: gateway.broker.wait(call.name, wait))
    except DecodeError as error:
        raise broker_problem(error) from None
    return ended if ended is not None and is_for(call, ended.options.owner) else None


async def job_without_result(call: Call, *, waited: bool) -> JobView:
    """Return the job if a wait, if there was one, has brought no result.

    Raises:
        Problem: 410 if it is gone by now.
        BrokerUnavailable: Redis does not answer; after a wait it has a second for that.
    """
    look = job_if_visible(call, waits=waited)
    view = await (last_look(look) if waited else look)
    if view is None:
        raise Problem("result-not-kept", "It finished during this request.")
    return view


def outcome_answer(call: Call, ended: JobResult, wait: float | None, *, mark: JobMark = ()) -> Answer:
    """Answer with the outcome of a job.

    Args:
        call: The request.
        ended: The result.
        wait: The wait that was applied.
        mark: The job's mark; with it, requests that arrive while this answer is sent share its bytes.

    Raises:
        Problem: 503 if too many large answers are being sent.
    """
    inspects, limit = call.caller.inspects, call.gateway.settings.max_result
    shared = call.gateway.unsent.shared(
        _key(call, ended.job_id),
        mark,
        ended.options.owner,
        lambda: to_json(outcome(ended, inspects=inspects), limit=limit),
    )
    return Answer.shared(shared, applied(wait))


def _key(call: Call, job_id: str) -> tuple[str, str, bool]:
    return "result", job_id, call.caller.inspects


def not_yet(call: Call, view: JobView, wait: float | None) -> Answer:
    """Answer with a job that has not finished in time; raises `Problem` as `shared_job`."""
    return Answer.shared(shared_job(call, view), {"Retry-After": "0"} | applied(wait), status=202)
