"""`GET /jobs/{job_id}/status` and `/result`: where a job is, and how it ended."""

import asyncio
import hashlib
from collections.abc import Awaitable
from typing import TypeVar

from jobgate.broker.errors import BrokerUnavailable, DecodeError
from jobgate.broker.records import JobResult, JobStatus, JobView
from jobgate.gateway.answers import Answer
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.preferences import applied
from jobgate.gateway.present import job_of_view, outcome, to_json
from jobgate.gateway.problems import Problem, broker_problem

Answered = TypeVar("Answered")

#: A start is not pushed, only an end is: whoever waits for a change of status hears of it this late.
_LOOK_AGAIN = 0.5
_POLL_AGAIN = "Retry-After: 0\r\n"
#: Seconds for the look after a wait, so that a Redis that is away by then does not lengthen it much.
LAST_LOOK = 1.0


async def status(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 with the job.

    With a wait and `If-None-Match`, once its status differs from the one that the tag names, or 304 when
    the wait is over first; with a wait alone, once it has ended or the wait is over.
    """
    call.caller.require("read")
    wait = call.wait(gateway.settings.max_wait)
    view = await visible_view(gateway, call, call.name, waits=bool(wait))
    tag = call.request.headers.get("If-None-Match")
    answer = _status_answer(view, call, wait)
    if wait is not None and not _is_settled(view, answer, tag):
        with gateway.waits.place(call.caller), call.waiting(wait):
            view = await gateway.waits.run(lambda: _changed(gateway, call, view, tag, wait)) or view
        answer = _status_answer(view, call, wait)
    if tag is not None and _etag(answer) in tag:
        return Answer(304, headers=answer.headers)
    return answer


async def visible_view(gateway: Gateway, call: Call, wanted: str, *, waits: bool = False) -> JobView:
    """The job with this id; raises `Problem` 404 when there is none, or none that the caller may see."""
    view = None
    # Jobs of others must not be told from unknown ones by the time that it takes to read them.
    if call.caller.sees_all or await gateway.broker.may_belong_to(wanted, call.caller.name or ""):
        view = await gateway.broker.view(wanted, queues=gateway.offers.queues, waits=waits)
    if view is None or not may_see(call, view):
        raise Problem("job-not-found", "It was never enqueued, or its result is no longer kept.")
    return view


def may_see(call: Call, view: JobView) -> bool:
    """Whether this job exists for the caller."""
    if call.caller.sees_all:
        return True
    source = view.result or view.body
    return source is not None and call.caller.sees(source.owner)


def _status_answer(view: JobView, call: Call, wait: float | None) -> Answer:
    inspects = call.caller.inspects
    body = to_json(job_of_view(view, inspects=inspects), limit=1 << 62)
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    headers = f'ETag: "{digest}"\r\n' + ("" if wait is None else applied(wait))
    return Answer(200, body, headers=headers)


def _etag(answer: Answer) -> str:
    return answer.headers.partition('"')[2].partition('"')[0]


def _is_settled(view: JobView, answer: Answer, tag: str | None) -> bool:
    if view.status is JobStatus.COMPLETE:
        return True
    return tag is not None and _etag(answer) not in tag


async def _changed(gateway: Gateway, call: Call, view: JobView, tag: str | None, wait: float) -> JobView:
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    while (left := end - loop.time()) > 0:
        await gateway.broker.wait(view.job_id, left if tag is None else min(left, _LOOK_AGAIN))
        view = await look_by(end, visible_view(gateway, call, view.job_id, waits=True))
        if _is_settled(view, _status_answer(view, call, wait), tag):
            break
    return view


async def result(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 with the outcome, of a failed job too; 202 with the job when it has not ended in time."""
    call.caller.require("read")
    wanted = call.name
    wait = call.wait(gateway.settings.max_wait)
    view = await visible_view(gateway, call, wanted, waits=bool(wait))
    require_readable(view)
    ended = view.result
    if ended is None and wait:
        ended = await wait_for_result(gateway, call, wanted, wait)
    if ended is not None:
        return outcome_answer(gateway, call, ended, wait)
    view = await last_look(gateway, wanted, waited=bool(wait))
    require_readable(view)
    return outcome_answer(gateway, call, view.result, wait) if view.result else not_yet(call, view, wait)


def require_readable(view: JobView) -> None:
    """Raise `Problem` 410 when the job has ended and its result cannot be read."""
    if view.result is None and view.status is JobStatus.COMPLETE:
        raise broker_problem(DecodeError())


async def wait_for_result(gateway: Gateway, call: Call, wanted: str, wait: float) -> JobResult | None:
    """The result once it is there; None when the wait is over first or the gateway shuts down.

    Raises `Problem`: 429 when there is no place for a wait, 410 when the result cannot be read.
    """
    try:
        with gateway.waits.place(call.caller), call.waiting(wait):
            return await gateway.waits.run(lambda: gateway.broker.wait(wanted, wait))
    except DecodeError as error:
        raise broker_problem(error) from None


async def last_look(gateway: Gateway, wanted: str, *, waited: bool) -> JobView:
    """The job when a wait, if there was one, has brought no result.

    Raises `Problem` 410 when it is gone by now, `BrokerUnavailable` when Redis does not answer; after a wait
    it has a second for that.
    """
    look = gateway.broker.view(wanted, queues=gateway.offers.queues, waits=waited)
    view = await (look_by(asyncio.get_running_loop().time(), look) if waited else look)
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


def outcome_answer(gateway: Gateway, call: Call, ended: JobResult, wait: float | None) -> Answer:
    """The answer for a job that has ended."""
    document = outcome(ended, inspects=call.caller.inspects)
    headers = "" if wait is None else applied(wait)
    return Answer(200, to_json(document, limit=gateway.settings.max_result), headers=headers)


def not_yet(call: Call, view: JobView, wait: float | None) -> Answer:
    """The answer for a job that has not ended in time."""
    headers = _POLL_AGAIN + ("" if wait is None else applied(wait))
    return Answer(
        202, to_json(job_of_view(view, inspects=call.caller.inspects), limit=1 << 62), headers=headers
    )
