"""`/schedules`: the cron jobs of live workers, when they run next, and how they ended last."""

from collections.abc import Mapping
from typing import Final

import orjson

from jobgate.broker import LiveSchedule
from jobgate.gateway.context import Call
from jobgate.gateway.fleet.overview import check_cursor, page_of, require_overview
from jobgate.gateway.fleet.schedule_json import schedule_json
from jobgate.gateway.functions import why_not_function
from jobgate.gateway.http import Answer, check_limit, moment_ms, read_query, why_not_moment

_CHECKS: Final = {
    "limit": check_limit,
    "cursor": check_cursor,
    "function": why_not_function,
    "next_before": why_not_moment,
}


async def schedules(call: Call) -> Answer:
    """Answer 200 with the cron jobs, sorted by id, page by page."""
    require_overview(call.caller)
    given = read_query(call.query, {"queue": call.gateway.queues.why_not_shown, **_CHECKS})
    await call.gateway.broker.live_functions.be_sure()
    found = {each.schedule_id: each for each in _visible(call, given)}
    names, cursor = page_of(list(found), given)
    until = given.get("next_before")
    states = await call.gateway.broker.schedule_states(
        [found[name] for name in names], until_ms=None if until is None else moment_ms(until)
    )
    sees_jobs = call.caller.only_owner is None
    shown = [schedule_json(one, sees_jobs=sees_jobs) for one in states]
    page = {"schedules": shown, "next_cursor": cursor}
    return Answer.shared(call.gateway.unsent.hold(orjson.dumps(page)))


def _visible(call: Call, given: Mapping[str, str]) -> list[LiveSchedule]:
    """Return the cron jobs that are asked for and that the caller may see."""
    caller, queues = call.caller, call.gateway.queues
    sees_all = caller.only_owner is None
    return [
        each
        for each in call.gateway.broker.live_functions.all_schedules()
        if each.function == given.get("function", each.function)
        and each.schedule.queue == given.get("queue", each.schedule.queue)
        and queues.why_not_shown(each.schedule.queue) is None
        and (sees_all or caller.may_enqueue(each.function))
    ]
