"""`POST /bulk/retry` and `POST /bulk/abort`: operations on many jobs, which are jobs themselves."""

from typing import Any

import orjson

from jobgate.broker import JobOptions, JobRequest, NotAQueue, WriteInDoubt, unix_ms
from jobgate.gateway.context import Call
from jobgate.gateway.functions import status_path
from jobgate.gateway.http import Answer, Problem, field_errors, read_json
from jobgate.gateway.jobs import REPLAYED, idempotency, new_job, replayed_job
from jobgate.gateway.operations import KEEP_OPERATION, BulkKind, BulkOrder, bulk_request, dry_run


async def bulk_retry(call: Call) -> Answer:
    """Answer 202 with the job that retries many; 200 with their number for a dry run."""
    if not call.caller.operates:
        call.caller.require("read")
    return await _bulk(call, BulkKind.RETRY)


async def bulk_abort(call: Call) -> Answer:
    """Answer 202 with the job that aborts many; 200 with their number for a dry run."""
    if not call.caller.operates:
        call.caller.require("abort")
    return await _bulk(call, BulkKind.ABORT)


async def _bulk(call: Call, kind: BulkKind) -> Answer:
    document = await _document(call)
    request = bulk_request(kind, document, call.caller, call.gateway.queues)
    try:
        if request.is_dry:
            return Answer(200, orjson.dumps(await _counted(call, request.order)))
        return await _accepted(call, request.order, document)
    except NotAQueue as error:
        wrong = [("#/filter/queue", "The key of this queue holds another type of value: choose another.")]
        raise field_errors("invalid-request", wrong) from error


async def _document(call: Call) -> Any:
    body = await call.body()
    return read_json(body) if body else {}


async def _counted(call: Call, order: BulkOrder) -> dict[str, Any]:
    parts = call.gateway.operations
    return await dry_run(order, parts.targets(order), parts.actions(order, ""), now_ms=unix_ms())


async def _accepted(call: Call, order: BulkOrder, document: Any) -> Answer:
    gateway, function = call.gateway, order.kind.function
    key = call.idempotency_key
    request = JobRequest(
        function=function,
        kwargs=order.arguments,
        job_id=next(gateway.job_ids),
        id_is_made=True,
        limits=call.caller.limits,
        idempotency=None if key is None else idempotency(key, call.caller.name, function, document),
        options=JobOptions(
            queue=gateway.queues.operations, keep_result=KEEP_OPERATION, owner=call.caller.name
        ),
    )
    call.job_id = request.job_id
    try:
        with call.deadline.cut_off_as(WriteInDoubt):
            enqueued = await gateway.broker.enqueue(request)
    except WriteInDoubt:
        again = "It may have begun. Send the request again: no job is retried or aborted twice."
        raise Problem("outcome-unknown", again) from None
    call.allowance = enqueued.allowance
    headers = {"Location": status_path(enqueued.job_id)}
    if not enqueued.replayed:
        return Answer(202, orjson.dumps(new_job(request, enqueued)), headers=headers)
    job = await replayed_job(call, request, enqueued)
    return Answer(202, orjson.dumps(job), headers=headers | REPLAYED)
