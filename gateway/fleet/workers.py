"""`/workers`: who is alive, and what each runs."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from jobgate.broker import LiveWorker
from jobgate.gateway.context import Call
from jobgate.gateway.fleet.overview import check_cursor, page_of, require_overview
from jobgate.gateway.fleet.worker_json import worker_json
from jobgate.gateway.http import Answer, Problem, check_limit, read_query
from jobgate.gateway.jobs import moment, shown

_CHECKS: Final = {"limit": check_limit, "cursor": check_cursor}


async def workers(call: Call) -> Answer:
    """Answer 200 with the live workers, sorted by id, page by page, and those that were lost."""
    require_overview(call.caller)
    given = read_query(call.query, {"queue": call.gateway.queues.why_not_shown, **_CHECKS})
    live, lost = await call.gateway.fleet.live_and_lost_workers(given.get("queue"))
    found = {each.record.worker_id: each for each in live}
    ids, cursor = page_of(list(found), given)
    page = {
        "workers": await _described(call, [found[one] for one in ids]),
        "lost": [{"worker": shown(one.worker_id), "lost_time": moment(one.lost_ms)} for one in lost],
        "next_cursor": cursor,
    }
    return Answer.shared(call.gateway.unsent.hold(orjson.dumps(page)))


async def worker(call: Call) -> Answer:
    """Answer 200 with one worker; 404 if there is none of this id, or no longer."""
    require_overview(call.caller)
    found = [each for each in await call.gateway.fleet.workers() if each.record.worker_id == call.name]
    if not found:
        raise Problem("worker-not-found", "GET /workers lists those that are live.")
    (document,) = await _described(call, found)
    return Answer.shared(call.gateway.unsent.hold(orjson.dumps(document)))


async def _described(call: Call, found: Sequence[LiveWorker]) -> list[dict[str, Any]]:
    functions = await _functions(call, {each.record.catalogue or "" for each in found})
    vitals = await call.gateway.broker.worker_vitals([each.record.worker_id for each in found])
    sees_jobs = call.caller.only_owner is None
    return [
        worker_json(each, does, functions[each.record.catalogue or ""], sees_jobs=sees_jobs)
        for each, does in zip(found, vitals, strict=True)
    ]


async def _functions(call: Call, catalogues: set[str]) -> dict[str, Sequence[str] | None]:
    """Return what workers with these catalogues offer, as far as the caller may see it; None = not known."""
    caller, live = call.caller, call.gateway.broker.live_functions
    sees_all = caller.only_owner is None
    found: dict[str, Sequence[str] | None] = {"": None}
    for digest in catalogues - {""}:
        offered = await live.offered_by(digest)
        if offered is not None:
            offered = [one for one in offered if sees_all or caller.may_enqueue(one)]
        found[digest] = offered
    return found
