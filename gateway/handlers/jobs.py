"""`GET /jobs/{job_id}/status` and `/result`: where a job is, and how it ended."""

import asyncio
import hashlib
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from jobgate.broker import Watch
from jobgate.broker.errors import BrokerUnavailable, DataSetChanged, DecodeError
from jobgate.broker.job_marks import JobMark, mark_of_result
from jobgate.broker.records import JobBody, JobResult, JobStatus, JobView
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.handlers.presentation import job_of_view, outcome, to_json
from jobgate.gateway.http.answers import Answer, SharedBody
from jobgate.gateway.http.preferences import applied
from jobgate.gateway.http.problems import Problem, broker_problem
from jobgate.gateway.job_looks import Known

Answered = TypeVar("Answered")
#: What is answered for a job that is not there, if nothing more is known.
_GONE = frozenset({"job-not-found", "result-not-kept"})

#: What a job takes as JSON was admitted when it was enqueued.
_NO_LIMIT = 1 << 62
_POLL_AGAIN = "Retry-After: 0\r\n"
#: Seconds for the look after a wait, so that a Redis that is away by then does not lengthen it much.
LAST_LOOK = 1.0


async def status(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 with the job.

    With a wait and `If-None-Match`, once its status differs from the one that the tag names, or 304 when
    the wait is over first; with a wait alone, once it has ended or the wait is over.
    """
    call.caller.require("read")
    wanted = call.name
    wait = call.wait(gateway.settings.max_wait)
    tag = call.request.headers.get("If-None-Match")
    if tag is not None:
        return await _status_unless(tag, gateway, call, wanted, wait)
    view = await visible_view(gateway, call, wanted, waits=bool(wait))
    if wait and view.status is not JobStatus.COMPLETE:
        del view  # whoever waits holds no arguments
        with loss_told(gateway):
            with gateway.waits.place(call.caller), call.waiting(wait):
                await gateway.waits.run(lambda: _stored(gateway, wanted, wait))
            view = await look_by(_now(), visible_view(gateway, call, wanted, waits=True))
    return _status_answer(gateway, call, view, wait)


async def _status_unless(tag: str, gateway: Gateway, call: Call, wanted: str, wait: float | None) -> Answer:
    """The status once its tag is another one, else 304."""
    known, view = await _known(gateway, call, wanted, waits=bool(wait))
    if known.etag in tag and wait and not known.has_ended:
        del view
        with loss_told(gateway), gateway.waits.place(call.caller), call.waiting(wait):
            changed = await gateway.waits.run(lambda: _changed(gateway, call, known, tag, wait))
        known, view = changed or (known, None)
    if known.etag in tag:
        return Answer(304, headers=_status_headers(known.etag, wait))
    view = view or await visible_view(gateway, call, wanted, waits=bool(wait))
    return _status_answer(gateway, call, view, wait)


async def _known(gateway: Gateway, call: Call, wanted: str, *, waits: bool) -> tuple[Known, JobView | None]:
    """The state of a job, and the job if it had to be read for that; raises as `visible_view`."""
    known = await gateway.looks.unchanged(wanted, call.caller.sees)
    if known is not None:
        return known, None
    view = await visible_view(gateway, call, wanted, waits=waits)
    return gateway.looks.remember(_known_by(view)), view


def _known_by(view: JobView) -> Known:
    source = view.result or view.body
    return Known(
        job_id=view.job_id,
        mark=view.mark,
        etag=_etag(view),
        has_ended=view.status is JobStatus.COMPLETE,
        owner=source.owner if source else None,
        queue=view.queue,
    )


async def _changed(
    gateway: Gateway, call: Call, known: Known, tag: str, wait: float
) -> tuple[Known, JobView | None]:
    end = _now() + wait
    view: JobView | None = None
    while known.etag in tag and not known.has_ended and (left := end - _now()) > 0:
        view = None
        await gateway.looks.change(known, left)
        known, view = await look_by(end, _known(gateway, call, known.job_id, waits=True))
    return known, view


async def visible_view(gateway: Gateway, call: Call, wanted: str, *, waits: bool = False) -> JobView:
    """The job with this id; raises `Problem` 404 when there is none, or none that the caller may see."""
    view = await _seen(gateway, call, wanted, waits=waits)
    if view is None:
        raise Problem("job-not-found", "It was never enqueued, or its result is no longer kept.")
    return view


async def _seen(gateway: Gateway, call: Call, wanted: str, *, waits: bool) -> JobView | None:
    # Jobs of others must not be told from unknown ones by the time that it takes to read them.
    view = await gateway.looks.view(wanted, waits=waits, owner=call.caller.only_owner)
    return view if view is not None and may_see(call, view) else None


@contextmanager
def loss_told(gateway: Gateway) -> Iterator[None]:
    """Raise `Problem` 404 `data-set-changed` for a job that goes meanwhile because Redis loses its data."""
    before = gateway.broker.data_set.known
    try:
        yield
    except Problem as problem:
        if problem.code in _GONE and gateway.broker.data_set.changed_since(before):
            raise broker_problem(DataSetChanged()) from None
        raise


def may_see(call: Call, view: JobView) -> bool:
    """Whether this job exists for the caller."""
    if call.caller.sees_all:
        return True
    source = view.result or view.body
    return source is not None and call.caller.sees(source.owner)


def _status_answer(gateway: Gateway, call: Call, view: JobView, wait: float | None) -> Answer:
    return Answer.shared(_job(gateway, call, view), _status_headers(_etag(view), wait))


def _job(gateway: Gateway, call: Call, view: JobView) -> SharedBody:
    inspects = call.caller.inspects
    return gateway.unsent.shared(
        ("status", view.job_id, inspects),
        view.mark,
        None,
        lambda: to_json(job_of_view(view, inspects=inspects), limit=_NO_LIMIT),
    )


def _status_headers(etag: str, wait: float | None) -> str:
    return f'ETag: "{etag}"\r\n' + ("" if wait is None else applied(wait))


def _etag(view: JobView) -> str:
    """A name for a job's state. Arguments never change, and need not be read for it."""
    body = to_json(job_of_view(view, inspects=False), limit=_NO_LIMIT)
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _stored(gateway: Gateway, wanted: str, wait: float) -> bytes | None:
    with gateway.broker.watch(wanted) as watch:
        return await watch.stored(wait)


async def result(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 with the outcome, of a failed job too; 202 with the job when it has not ended in time."""
    call.caller.require("read")
    wanted = call.name
    wait = call.wait(gateway.settings.max_wait)
    held = await _held_outcome(gateway, call, wanted)
    if held is not None:
        return Answer.shared(held, _applied(wait))
    view = await visible_view(gateway, call, wanted, waits=bool(wait))
    require_readable(view)
    if view.result is None and wait:
        del view
        with loss_told(gateway):
            answer = await _outcome_in_time(gateway, call, wanted, wait)
            if answer is not None:
                return answer
            view = await last_look(gateway, call, wanted, waited=True)
        require_readable(view)
    if view.result is None:
        return not_yet(gateway, call, view, wait)
    return outcome_answer(gateway, call, view.result, wait, mark=view.mark)


async def _held_outcome(gateway: Gateway, call: Call, wanted: str) -> SharedBody | None:
    """The outcome that others are being sent now, if it still is the job's."""
    held = gateway.unsent.find(("result", wanted, call.caller.inspects))
    if held is None or not call.caller.sees(held.owner):
        return None
    return held if await gateway.broker.mark(wanted) == held.mark else None


async def _outcome_in_time(gateway: Gateway, call: Call, wanted: str, wait: float) -> Answer | None:
    """The outcome once it is there; None when the wait is over first. It is read once for all who wait."""
    with gateway.broker.watch(wanted) as watch:
        with gateway.waits.place(call.caller), call.waiting(wait):
            blob = await gateway.waits.run(lambda: watch.stored(wait))
        return None if blob is None else await _outcome_of(gateway, call, watch, blob, wait)


async def _outcome_of(gateway: Gateway, call: Call, watch: Watch, blob: bytes, wait: float) -> Answer | None:
    wanted, mark = watch.job_id, mark_of_result(blob)
    held = gateway.unsent.find(("result", wanted, call.caller.inspects))
    if held is not None and held.mark == mark and is_for(call, held):
        return Answer.shared(held, _applied(wait))
    try:
        ended = await watch.read()
    except DecodeError as error:
        raise broker_problem(error) from None
    if ended is None or not is_for(call, ended):
        return None
    return outcome_answer(gateway, call, ended, wait, mark=mark)


def is_for(call: Call, job: JobBody | JobResult | SharedBody) -> bool:
    """Whether this may be the job for which the caller has waited, or what became of that.

    Meanwhile its id may have become that of somebody else's job. Stock arq's workers store no owner, and the
    outcome of a job whose body was lost has none.
    """
    return job.owner is None or call.caller.sees(job.owner)


def require_readable(view: JobView) -> None:
    """Raise `Problem` 410 when the job has ended and its result cannot be read."""
    if view.result is None and view.status is JobStatus.COMPLETE:
        raise broker_problem(DecodeError())


async def wait_for_result(gateway: Gateway, call: Call, wanted: str, wait: float) -> JobResult | None:
    """The result once it is there; None when the wait is over first, or what has ended is not the caller's.

    Raises `Problem`: 429 when there is no place for a wait, 410 when the result cannot be read.
    """
    try:
        with gateway.waits.place(call.caller), call.waiting(wait):
            ended = await gateway.waits.run(lambda: gateway.broker.wait(wanted, wait))
    except DecodeError as error:
        raise broker_problem(error) from None
    return ended if ended is not None and is_for(call, ended) else None


async def last_look(gateway: Gateway, call: Call, wanted: str, *, waited: bool) -> JobView:
    """The job when a wait, if there was one, has brought no result.

    Raises `Problem` 410 when it is gone by now, `BrokerUnavailable` when Redis does not answer; after a wait
    it has a second for that.
    """
    look = _seen(gateway, call, wanted, waits=waited)
    view = await (look_by(_now(), look) if waited else look)
    if view is None:
        raise Problem("result-not-kept", "It ended during this request.")
    return view


async def look_by(moment: float, look: Awaitable[Answered]) -> Answered:
    """What a look at the end of a wait finds; raises `BrokerUnavailable` when it takes too long.

    The caller's time is up, so that such a look has `LAST_LOOK` seconds after the `moment` at which the wait
    is over, by the clock of the loop, and not all of a request's time for Redis.
    """
    clock = asyncio.timeout_at(moment + LAST_LOOK)
    try:
        async with clock:
            return await look
    except TimeoutError:
        if clock.expired():
            raise BrokerUnavailable("Redis did not answer the look at the end of a wait in time.") from None
        raise


def outcome_answer(
    gateway: Gateway, call: Call, ended: JobResult, wait: float | None, *, mark: JobMark = ()
) -> Answer:
    """The answer for a job that has ended.

    With its `mark`, others who ask for it while it is sent are sent the same bytes. Raises `Problem` 503 when
    too many large answers are on their way.
    """
    inspects = call.caller.inspects
    shared = gateway.unsent.shared(
        ("result", ended.job_id, inspects),
        mark,
        ended.owner,
        lambda: to_json(outcome(ended, inspects=inspects), limit=gateway.settings.max_result),
    )
    return Answer.shared(shared, _applied(wait))


def _applied(wait: float | None) -> str:
    return "" if wait is None else applied(wait)


def not_yet(gateway: Gateway, call: Call, view: JobView, wait: float | None) -> Answer:
    """The answer for a job that has not ended in time; raises `Problem` as `outcome_answer`."""
    return Answer.shared(_job(gateway, call, view), _POLL_AGAIN + _applied(wait), status=202)
