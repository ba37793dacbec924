"""`POST /jobs/{function}`: enqueue a job, or call it and wait for its outcome."""

import asyncio
import time
from functools import partial
from typing import Any

import orjson

from jobgate.broker.errors import (
    BrokerError,
    BrokerUnavailable,
    DataSetChanged,
    IdempotencyConflict,
    NotAQueue,
    OutcomeUnknown,
)
from jobgate.broker.records import Enqueued, JobRequest, JobResult, JobStatus
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.functions.names import function_name, status_path, why_not_new_id
from jobgate.gateway.handlers.job_request import Sender, job_request
from jobgate.gateway.handlers.jobs import is_for, look_by, outcome_answer, require_readable
from jobgate.gateway.handlers.presentation import job_of_enqueued, job_of_view
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.body import body_at_hand, body_to_come
from jobgate.gateway.http.preferences import applied
from jobgate.gateway.http.problems import Problem, broker_problem, field_errors
from jobgate.gateway.http.strict_json import read_json

_REPLAYED = "Idempotent-Replayed: true\r\n"


async def enqueue(gateway: Gateway, call: Call) -> Answer:
    """Answer 202 with the job, or 200 with its outcome when a wait was asked for and it ended in time."""
    function = function_name(call.name)
    call.caller.require_function(function)
    wait = call.wait(gateway.settings.max_wait)
    body = body_at_hand(call.request, limit=gateway.settings.max_body)
    if body is None:
        return await call.in_time(_enqueue_slowly(gateway, call, function, wait))
    request = _request(gateway, call, function, body, wait)
    if not gateway.functions.passes(function, request.queue or gateway.queues.default):
        return await call.in_time(_enqueue_unless_unknown(gateway, call, request, wait))
    # The common case asks Redis one thing, which has a deadline of its own.
    return await _enqueue_known(gateway, call, request, wait)


async def _enqueue_slowly(gateway: Gateway, call: Call, function: str, wait: float | None) -> Answer:
    """Enqueue after the body has come."""
    request = _request(gateway, call, function, await _body_to_come(gateway, call), wait)
    return await _enqueue_unless_unknown(gateway, call, request, wait)


async def _enqueue_unless_unknown(
    gateway: Gateway, call: Call, request: JobRequest, wait: float | None
) -> Answer:
    queue, waits = request.queue or gateway.queues.default, wait is not None
    await gateway.functions.require(request.function, queue, waits=waits, may_know=call.caller.may_enqueue)
    return await _enqueue_known(gateway, call, request, wait)


async def _enqueue_known(gateway: Gateway, call: Call, request: JobRequest, wait: float | None) -> Answer:
    if wait is not None:
        return await _call(gateway, call, request, wait)
    enqueued = await _enqueued(gateway, call, request)
    if enqueued.created:
        return _accepted(request, enqueued)
    return await call.in_time(_existed(gateway, call, request, enqueued))


async def _body_to_come(gateway: Gateway, call: Call) -> bytes:
    settings = gateway.settings
    with call.waiting(settings.body_deadline):
        return await body_to_come(call.request, limit=settings.max_body, deadline=settings.body_deadline)


def _request(gateway: Gateway, call: Call, function: str, body: bytes, wait: float | None) -> JobRequest:
    key = call.request.headers.get("Idempotency-Key")
    sender = Sender(owner=call.caller.name, idempotency_key=key, job_id=next(gateway.job_ids))
    request = job_request(function, read_json(body) if body else {}, sender, gateway.queues)
    request.wants_outcome = wait is not None
    return request


async def _enqueued(gateway: Gateway, call: Call, request: JobRequest) -> Enqueued:
    call.job_id = request.job_id
    try:
        enqueued = await gateway.broker.enqueue(request)
        call.job_id = enqueued.job_id
    except asyncio.CancelledError:
        if not call.is_overdue:
            raise
        # It has been handed in all the same.
        raise broker_problem(OutcomeUnknown(), job_id=request.job_id) from None
    except BrokerError as error:
        if isinstance(error, NotAQueue) and request.queue != gateway.queues.default:
            wrong = [("#/queue", "This name is another kind of key: choose another queue.")]
            raise field_errors("invalid-request", wrong) from error
        raise broker_problem(error, job_id=request.job_id) from error
    if why_not_new_id(enqueued.job_id):  # something else wrote the key's record
        raise broker_problem(IdempotencyConflict())
    if enqueued.created:
        gateway.meter.enqueued(request.function, gateway.broker.live_functions.names, enqueued.queue)
    return enqueued


async def _call(gateway: Gateway, call: Call, request: JobRequest, wait: float) -> Answer:
    job_id = request.job_id or ""
    with gateway.waits.place(call.caller), gateway.broker.watch(job_id, in_request=True) as watch:
        enqueued = await _enqueued(gateway, call, request)
        data_set = gateway.broker.data_set.known
        result: JobResult | None = None
        if enqueued.created or enqueued.replayed:
            with call.waiting(wait):
                waiting = watch.wait if enqueued.created else partial(gateway.broker.wait, enqueued.job_id)
                result = await gateway.waits.run(lambda: waiting(wait))
    if result is not None and not is_for(call, result):
        result = None
    headers = applied(wait)
    if result is None and enqueued.created:
        return await call.in_time(_unfinished(gateway, call, request, enqueued, wait, data_set))
    if result is None:
        return await call.in_time(_existed(gateway, call, request, enqueued, headers))
    if enqueued.replayed:
        headers += _REPLAYED
    return _ended(gateway, call, request, enqueued, result, headers)


def _ended(
    gateway: Gateway, call: Call, request: JobRequest, enqueued: Enqueued, result: JobResult, headers: str
) -> Answer:
    try:
        answer = outcome_answer(gateway, call, result, None)
    except Problem as problem:
        if not problem.kind.retryable:
            raise
        # No room for the outcome now: it can be read in a moment, and must not be called again.
        return _gone(request, enqueued, headers)
    answer.headers = headers
    return answer


def _gone(request: JobRequest, enqueued: Enqueued, headers: str) -> Answer:
    return _answer(202, job_of_enqueued(request.function, enqueued, JobStatus.COMPLETE), headers)


def _accepted(request: JobRequest, enqueued: Enqueued, headers: str = "") -> Answer:
    return _answer(202, job_of_enqueued(request.function, enqueued, _status(request, enqueued)), headers)


async def _unfinished(
    gateway: Gateway,
    call: Call,
    request: JobRequest,
    enqueued: Enqueued,
    wait: float,
    data_set: str | None,
) -> Answer:
    """Answer with the job as it is now, after a wait in vain: by this time it may be running."""
    try:
        with call.cut_off_as(BrokerUnavailable):
            look = gateway.broker.view(enqueued.job_id, queues=(enqueued.queue,), waits=True)
            view = await look_by(asyncio.get_running_loop().time(), look)
    except BrokerError:
        # It is enqueued; an error would say that it may not be.
        return _accepted(request, enqueued, applied(wait))
    source = (view.result or view.body) if view else None
    if view is None or (source is not None and not is_for(call, source)):
        if gateway.broker.data_set.changed_since(data_set):
            raise broker_problem(DataSetChanged())
        # It has ended, and its result was not kept.
        return _gone(request, enqueued, applied(wait))
    require_readable(view)
    if view.result is not None:
        return _ended(gateway, call, request, enqueued, view.result, applied(wait))
    return _answer(202, job_of_view(view, inspects=False), applied(wait))


async def _existed(
    gateway: Gateway, call: Call, request: JobRequest, enqueued: Enqueued, headers: str = ""
) -> Answer:
    """The answer for a job that was there before: made by the same idempotency key, or in the way."""
    job = await _existing(gateway, call, request, enqueued)
    if enqueued.replayed:
        return _answer(202, job, headers + _REPLAYED)
    members = {"job": job} if job else None
    location = f"Location: {status_path(enqueued.job_id)}\r\n" if job else ""
    raise Problem("job-exists", "Choose another job_id, or read that job.", headers=location, members=members)


def _answer(status: int, job: dict[str, Any], headers: str) -> Answer:
    location = f"Location: {status_path(job['job_id'])}\r\n"
    return Answer(status, orjson.dumps(job), headers=location + headers)


def _status(request: JobRequest, enqueued: Enqueued) -> JobStatus:
    is_deferred = request.defer_by is not None or request.defer_until_ms is not None
    if is_deferred and enqueued.due_time_ms > time.time_ns() // 1_000_000:
        return JobStatus.DEFERRED
    return JobStatus.QUEUED


async def _existing(gateway: Gateway, call: Call, request: JobRequest, enqueued: Enqueued) -> dict[str, Any]:
    """The job that was there before; empty when it is not the caller's to see."""
    view = await gateway.broker.view(enqueued.job_id, queues=(enqueued.queue,))
    source = (view.result or view.body) if view else None
    is_callers = call.caller.sees(source.owner if source else None)
    if enqueued.replayed:
        is_callers = source is None or is_for(call, source)
    if view is not None and is_callers:
        return job_of_view(view, inspects=False)
    # It has ended and its result is gone, and its id perhaps is that of another job; a replay still names it.
    return job_of_enqueued(request.function, enqueued, JobStatus.COMPLETE) if enqueued.replayed else {}
