"""`GET /jobs/{job_id}/status`: the status of a job."""

import asyncio
import hashlib

from jobgate.broker import JobStatus, JobView
from jobgate.gateway.context import Call
from jobgate.gateway.deadline import last_look
from jobgate.gateway.http import Answer, SharedBody, applied
from jobgate.gateway.jobs.job_access import loss_reported, require_for_job, visible_job
from jobgate.gateway.jobs.presentation import job_of_view, to_json
from jobgate.gateway.reads import Known

#: The size of a job as JSON was limited when it was enqueued.


async def status(call: Call) -> Answer:
    """Answer 200 with the job.

    With a wait and `If-None-Match`, once its state no longer has this tag, or 304 when the wait is over; with
    a wait alone, once it has finished or the wait is over.
    """
    await require_for_job(call, "read")
    wait = call.wait()
    tag = call.request.headers.get("If-None-Match")
    if tag is not None:
        return await _status_unless(tag, call, wait)
    view = await visible_job(call, waits=bool(wait))
    if wait and view.status is not JobStatus.COMPLETE:
        del view  # a request that waits holds no arguments
        with loss_reported(call):
            await call.waiting(wait, lambda: _stored(call, wait))
            view = await last_look(visible_job(call, waits=True))
    return _status_answer(call, view, wait)


async def _stored(call: Call, wait: float) -> bytes | None:
    with call.gateway.broker.watch(call.name) as watch:
        return await watch.stored(wait)


async def _status_unless(tag: str, call: Call, wait: float | None) -> Answer:
    """Answer with the job once its tag has changed, else 304."""
    known, view = await _known(call, waits=bool(wait))
    if known.etag in tag and wait and not known.has_ended:
        del view
        with loss_reported(call):
            changed = await call.waiting(wait, lambda: _changed(call, known, tag, wait))
        known, view = changed or (known, None)
    if known.etag in tag:
        return Answer(304, headers=_headers(known.etag, wait))
    view = view or await visible_job(call, waits=bool(wait))
    return _status_answer(call, view, wait)


async def _known(call: Call, *, waits: bool) -> tuple[Known, JobView | None]:
    """Return the state of a job, and the job if it had to be read for that; raises as `visible_job`."""
    known = await call.gateway.looks.unchanged(call.name, call.caller.sees)
    if known is not None:
        return known, None
    view = await visible_job(call, waits=waits)
    known = Known(
        job_id=view.job_id,
        mark=view.mark,
        etag=_etag(view),
        owner=view.owner,
        queue=view.queue,
        has_ended=view.has_ended,
    )
    return call.gateway.looks.remember(known), view


async def _changed(call: Call, known: Known, tag: str, wait: float) -> tuple[Known, JobView | None]:
    now = asyncio.get_running_loop().time
    end = now() + wait
    view: JobView | None = None
    while known.etag in tag and not known.has_ended and (left := end - now()) > 0:
        view = None
        await call.gateway.looks.change(known, left)
        known, view = await last_look(_known(call, waits=True), wait_ends=end)
    return known, view


def _status_answer(call: Call, view: JobView, wait: float | None) -> Answer:
    return Answer.shared(shared_job(call, view), _headers(_etag(view), wait))


def shared_job(call: Call, view: JobView) -> SharedBody:
    """Return a job as the caller may see it; raises `Problem` 503 as `Unsent.hold`."""
    inspects = call.caller.inspects
    return call.gateway.unsent.shared(
        ("status", view.job_id, inspects),
        view.mark,
        None,
        lambda: to_json(job_of_view(view, inspects=inspects)),
    )


def _headers(etag: str, wait: float | None) -> dict[str, str]:
    return {"ETag": f'"{etag}"'} | applied(wait)


def _etag(view: JobView) -> str:
    """Return a name for a job's state. Arguments never change, and need not be read for it."""
    body = to_json(job_of_view(view, inspects=False))
    return hashlib.blake2b(body, digest_size=12).hexdigest()
