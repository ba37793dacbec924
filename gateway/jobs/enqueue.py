"""`POST /jobs/{function}`: enqueue a job, or call it and wait for its outcome."""

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

import orjson

from jobgate.broker import (
    BrokerError,
    BrokerUnavailable,
    DataSetChanged,
    Enqueued,
    FunctionDocument,
    IdempotencyConflict,
    JobRequest,
    JobResult,
    JobStatus,
    NotAQueue,
    WriteInDoubt,
    unix_ms,
)
from jobgate.gateway.context import Call
from jobgate.gateway.deadline import last_look
from jobgate.gateway.functions import function_name, status_path, why_not_new_id
from jobgate.gateway.http import (
    Answer,
    Problem,
    applied,
    body_at_hand,
    field_errors,
    read_json,
)
from jobgate.gateway.jobs.broker_problems import broker_problem
from jobgate.gateway.jobs.job_access import is_for, require_readable
from jobgate.gateway.jobs.job_request import job_request
from jobgate.gateway.jobs.presentation import REPLAYED, job_of_enqueued, job_of_view
from jobgate.gateway.jobs.result import outcome_answer


def enqueue(call: Call) -> Awaitable[Answer]:
    """Answer 202 with the job, or 200 with its outcome if the request waits and the job ends in time."""
    function = function_name(call.name)
    call.caller.require_function(function)
    wait = call.wait()
    body = body_at_hand(call.request, limit=call.max_body)
    if body is None:
        return call.deadline.within(_enqueue_slowly(call, function, wait))
    request = _request(call, function, body, wait)
    if not passes(call, request):
        return call.deadline.within(_enqueue_if_acceptable(call, request, wait))
    # The common case makes one call to Redis, which has the broker's own deadline.
    return _enqueue_accepted(call, request, wait)


async def _enqueue_slowly(call: Call, function: str, wait: float | None) -> Answer:
    """Enqueue once the body has arrived."""
    request = _request(call, function, await call.body(), wait)
    return await _enqueue_if_acceptable(call, request, wait)


async def _enqueue_if_acceptable(call: Call, request: JobRequest, wait: float | None) -> Answer:
    await require_acceptable(call, request, waits=wait is not None)
    return await _enqueue_accepted(call, request, wait)


def _enqueue_accepted(call: Call, request: JobRequest, wait: float | None) -> Awaitable[Answer]:
    return _enqueue_only(call, request) if wait is None else _call(call, request, wait)


async def _enqueue_only(call: Call, request: JobRequest) -> Answer:
    enqueued = await _enqueued(call, request)
    if enqueued.created:
        return _accepted(request, enqueued)
    return await call.deadline.within(_existed(call, request, enqueued))


def passes(call: Call, request: JobRequest) -> bool:
    """Whether live workers offer the function and accept the arguments, as far as is known without Redis."""
    versions = offered(call, request)
    return versions is not None and call.gateway.arguments.accepts(versions, request.args, request.kwargs)


def offered(call: Call, request: JobRequest) -> Sequence[FunctionDocument] | None:
    """Return the live versions of a job's function; None = Redis must be asked whether it is offered."""
    gateway, queue = call.gateway, _queue_of(call, request)
    if not gateway.functions.passes(request.function, queue):
        return None
    return gateway.broker.live_functions.documents(request.function, queue)


async def require_acceptable(
    call: Call, request: JobRequest, *, waits: bool = False, max_age: float = 0.0
) -> None:
    """Return if live workers offer the function and accept the arguments, or if that is not known.

    Args:
        call: The request.
        request: The job.
        waits: Whether the caller waits for the outcome.
        max_age: How old the knowledge of live workers may be, in seconds.

    Raises:
        Problem: They do not, and no earlier request that this one may repeat has been accepted.
    """
    gateway, queue = call.gateway, _queue_of(call, request)
    try:
        await gateway.functions.require(
            request.function, queue, waits=waits, may_know=call.caller.may_enqueue, max_age=max_age
        )
        versions = gateway.broker.live_functions.documents(request.function, queue)
        gateway.arguments.require(versions, request.args, request.kwargs)
    except Problem:
        # Workers may have changed since an earlier request, of which the answer was lost: its job exists.
        if not await gateway.broker.may_repeat(request):
            raise


def _queue_of(call: Call, request: JobRequest) -> str:
    return request.options.queue or call.gateway.queues.default


def _request(call: Call, function: str, body: bytes, wait: float | None) -> JobRequest:
    key = call.idempotency_key
    document = read_json(body) if body else {}
    return request_of(call, function, document, key, waits=wait is not None)


def request_of(
    call: Call, function: str, document: Any, idempotency_key: str | None, *, waits: bool = False
) -> JobRequest:
    """Return the job that a caller asks for, with an id in any case; raises `Problem` 422."""
    gateway, caller = call.gateway, call.caller
    return job_request(
        function,
        document,
        gateway.queues,
        job_id=next(gateway.job_ids),
        owner=caller.name,
        limits=caller.limits,
        idempotency_key=idempotency_key,
        waits=waits,
    )


async def _enqueued(call: Call, request: JobRequest, answer_to: str | None = None) -> Enqueued:
    call.job_id = request.job_id
    try:
        enqueued = await call.gateway.broker.enqueue(request, answer_to=answer_to)
        call.job_id = enqueued.job_id
    except asyncio.CancelledError:
        if not call.deadline.is_over:
            raise
        # It has been sent to Redis anyway.
        raise broker_problem(WriteInDoubt(), job_id=request.job_id) from None
    except BrokerError as error:
        raise enqueue_problem(call, request, error) from error
    return counted(call, request, enqueued)


def enqueue_problem(call: Call, request: JobRequest, error: BrokerError) -> Problem:
    """Return the problem for a job that the broker did not enqueue, or may not have enqueued."""
    if isinstance(error, NotAQueue) and request.options.queue != call.gateway.queues.default:
        wrong = [("#/queue", "The key of this queue holds another type of value: choose another queue.")]
        return field_errors("invalid-request", wrong)
    return broker_problem(error, job_id=request.job_id)


def counted(call: Call, request: JobRequest, enqueued: Enqueued) -> Enqueued:
    """Count a job that was enqueued; raises `Problem` if the answer names an impossible one."""
    call.allowance = enqueued.allowance
    if enqueued.job_id != request.job_id and why_not_new_id(
        enqueued.job_id
    ):  # something else wrote the key's record
        raise broker_problem(IdempotencyConflict())
    if enqueued.created:
        gateway = call.gateway
        gateway.meter.enqueued(request.function, gateway.broker.live_functions.names, enqueued.queue)
    return enqueued


async def _call(call: Call, request: JobRequest, wait: float) -> Answer:
    gateway, job_id = call.gateway, request.job_id or ""
    async with call.place(wait):
        with gateway.broker.watch(job_id, in_request=True) as watch:
            enqueued = await _enqueued(call, request, watch.answer_to)
            data_set = gateway.broker.data_set.known
            result: JobResult | None = None
            if enqueued.created or enqueued.replayed:
                with call.deadline.paused(wait):
                    again = partial(gateway.broker.wait, enqueued.job_id)
                    waiting = watch.wait if enqueued.created else again
                    result = await gateway.waits.run(lambda: waiting(wait))
    if result is not None and is_for(call, result.options.owner):
        return _ended(call, request, enqueued, result, wait)
    if enqueued.created:
        return await call.deadline.within(_unfinished(call, request, enqueued, wait, data_set))
    return await call.deadline.within(_existed(call, request, enqueued, wait))


def _ended(call: Call, request: JobRequest, enqueued: Enqueued, result: JobResult, wait: float) -> Answer:
    try:
        answer = outcome_answer(call, result, wait)
    except Problem as problem:
        if not problem.kind.retryable:
            raise
        # No room for the outcome now: it can be read in a moment, and the function must not be called again.
        return _gone(request, enqueued, wait)
    if enqueued.replayed:
        answer.headers |= REPLAYED
    return answer


def _gone(request: JobRequest, enqueued: Enqueued, wait: float) -> Answer:
    return _answer(job_of_enqueued(request.function, enqueued, JobStatus.COMPLETE), applied(wait))


def _accepted(request: JobRequest, enqueued: Enqueued, wait: float | None = None) -> Answer:
    return _answer(new_job(request, enqueued), applied(wait))


def new_job(request: JobRequest, enqueued: Enqueued) -> dict[str, Any]:
    """Return the JSON of a job that was just enqueued."""
    return job_of_enqueued(request.function, enqueued, status_of_new(request, enqueued))


async def _unfinished(
    call: Call, request: JobRequest, enqueued: Enqueued, wait: float, data_set: str | None
) -> Answer:
    """Answer with the job as it is after a wait that brought no result: it may be running by now."""
    broker = call.gateway.broker
    try:
        with call.deadline.cut_off_as(BrokerUnavailable):
            view = await last_look(broker.view(enqueued.job_id, queues=(enqueued.queue,), waits=True))
    except BrokerError:
        # It is enqueued; an error would say that it may not be.
        return _accepted(request, enqueued, wait)
    if view is None or not is_for(call, view.owner):
        if broker.data_set.changed_since(data_set):
            raise broker_problem(DataSetChanged())
        # It has finished, and its result was not kept.
        return _gone(request, enqueued, wait)
    require_readable(view)
    if view.result is not None:
        return _ended(call, request, enqueued, view.result, wait)
    return _answer(job_of_view(view, inspects=False), applied(wait))


async def _existed(call: Call, request: JobRequest, enqueued: Enqueued, wait: float | None = None) -> Answer:
    """Answer for a job that was there before, with the same idempotency key or with the same id."""
    return _answer(await replayed_job(call, request, enqueued), applied(wait) | REPLAYED)


async def replayed_job(call: Call, request: JobRequest, enqueued: Enqueued) -> dict[str, Any]:
    """Return the JSON of the job that an earlier, equal request made; raises `Problem` 409 for another."""
    job = await _existing(call, request, enqueued)
    if enqueued.replayed:
        return job
    raise Problem(
        "job-exists",
        "Choose another job_id, or read that job.",
        headers={"Location": status_path(enqueued.job_id)} if job else None,
        members={"job": job} if job else None,
    )


async def _existing(call: Call, request: JobRequest, enqueued: Enqueued) -> dict[str, Any]:
    """Return the job that was there before; empty if the caller may not see it."""
    view = await call.gateway.broker.view(enqueued.job_id, queues=(enqueued.queue,))
    owner = view.owner if view else None
    is_callers = is_for(call, owner) if enqueued.replayed else call.caller.sees(owner)
    if view is not None and is_callers:
        return job_of_view(view, inspects=False)
    # It has finished, its result is gone, and its id may be that of another job. A replay still names it.
    return job_of_enqueued(request.function, enqueued, JobStatus.COMPLETE) if enqueued.replayed else {}


def _answer(job: dict[str, Any], headers: dict[str, str]) -> Answer:
    headers["Location"] = status_path(job["job_id"])
    return Answer(202, orjson.dumps(job), headers=headers)


def status_of_new(request: JobRequest, enqueued: Enqueued) -> JobStatus:
    """Return the status of a job that was just enqueued."""
    is_deferred = request.defer_by is not None or request.defer_until_ms is not None
    if is_deferred and enqueued.due_time_ms > unix_ms():
        return JobStatus.DEFERRED
    return JobStatus.QUEUED
