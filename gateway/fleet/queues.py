"""`/queues`: what waits and runs in each queue; pausing and resuming them."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import orjson

from jobgate.broker import Broker, BrokerError, NotAQueue, WriteInDoubt
from jobgate.gateway.context import Call
from jobgate.gateway.fleet.overview import check_cursor, page_of, require_overview
from jobgate.gateway.fleet.queue_json import queue_json
from jobgate.gateway.fleet.redis_json import redis_json
from jobgate.gateway.http import Answer, Problem, check_limit, read_query

_CHECKS: Final = {"limit": check_limit, "cursor": check_cursor}


async def queues(call: Call) -> Answer:
    """Answer 200 with the queues that are in use, sorted by name, page by page, and the storage of Redis."""
    require_overview(call.caller)
    given = read_query(call.query, _CHECKS)
    fleet = call.gateway.fleet
    shown, cursor = page_of(await fleet.queues(), given)
    page = {
        "queues": list(map(queue_json, await fleet.states(shown))),
        "next_cursor": cursor,
        "redis": redis_json(await call.gateway.redis.storage()),
    }
    return Answer.shared(call.gateway.unsent.hold(orjson.dumps(page)))


async def queue(call: Call) -> Answer:
    """Answer 200 with one queue. To Redis, an empty queue and one that never existed are the same."""
    require_overview(call.caller)
    return await _queue_answer(call, _name(call))


async def pause(call: Call) -> Answer:
    """Answer 200 with the queue once workers claim nothing more from it; an earlier pause stays as it is."""
    return await _switched(call, Broker.pause)


async def resume(call: Call) -> Answer:
    """Answer 200 with the queue once workers claim from it again."""
    return await _switched(call, Broker.resume)


async def _switched(call: Call, switch: Callable[[Broker, str], Awaitable[None]]) -> Answer:
    call.caller.require("operate")
    name = _name(call)
    await _queue_answer(call, name)  # nothing is written if something else has taken its name
    with _doubt_reported(WriteInDoubt), call.deadline.cut_off_as(WriteInDoubt):
        await switch(call.gateway.broker, name)
    with _doubt_reported(BrokerError), call.deadline.cut_off_as(WriteInDoubt):
        return await _queue_answer(call, name)


@contextmanager
def _doubt_reported(kind: type[BrokerError]) -> Iterator[None]:
    """Raise `Problem` 503 `outcome-unknown` for errors after which the queue may be switched."""
    try:
        yield
    except kind as error:
        raise Problem("outcome-unknown", "It may have been done: send the same request again.") from error


def _name(call: Call) -> str:
    if wrong := call.gateway.queues.why_not_shown(call.name):
        raise Problem("invalid-request", wrong)
    return call.name


async def _queue_answer(call: Call, name: str) -> Answer:
    try:
        state = await call.gateway.fleet.state(name)
    except NotAQueue as error:
        detail = "The key of this queue holds another type of value: choose another queue."
        raise Problem("invalid-request", detail) from error
    return Answer(200, orjson.dumps(queue_json(state)))
