"""`GET /jobs`: jobs of one queue or of all, in pages: first those that wait or run, or the newest first."""

from typing import Any, Final

from jobgate.broker import InvalidCursor, JobView, NotAQueue
from jobgate.gateway.context import Call
from jobgate.gateway.finding import FILTER_CHECKS, JobFilter, Place, why_not_cursor, why_not_listed
from jobgate.gateway.http import Answer, check_limit, field_errors, page_limit, read_query
from jobgate.gateway.jobs.job_access import may_see
from jobgate.gateway.jobs.presentation import job_of_view, to_json

#: The query parameters besides `queue`, each with its check.
_CHECKS: Final = {
    **FILTER_CHECKS,
    "order": lambda text: None if text in {"due", "newest"} else "order must be due or newest.",
    "scan": lambda text: None if text in {"true", "false"} else "scan must be true or false.",
    "limit": check_limit,
    "cursor": why_not_cursor,
}


async def jobs(call: Call) -> Answer:
    """Answer 200 with one page of the jobs that the caller may see. An empty page need not be the last."""
    call.caller.require("read")
    queues = call.gateway.queues
    given = read_query(call.query, {"queue": lambda name: why_not_listed(queues, name), **_CHECKS})
    if given.get("scan") == "true" and given.get("order") == "newest":
        raise field_errors("invalid-request", [("?order", "A scan finds results in no order: leave it out.")])
    place = Place.read(given["cursor"]) if given.get("cursor") else None
    try:
        page = await _page(call, JobFilter.of(given, queues.default), place, page_limit(given))
    except NotAQueue as error:
        wrong = [("?queue", "The key of this queue holds another type of value: choose another queue.")]
        raise field_errors("invalid-request", wrong) from error
    except InvalidCursor as error:
        raise field_errors("invalid-request", [("?cursor", "It is not from a page of this list.")]) from error
    return Answer.shared(call.gateway.unsent.hold(to_json(page)))


async def _page(call: Call, wanted: JobFilter, place: Place | None, limit: int) -> dict[str, Any]:
    def shown(view: JobView) -> dict[str, Any] | None:
        # Without arguments, so that a page is bounded.
        return job_of_view(view, inspects=False) if may_see(call, view) else None

    page = await call.gateway.finder.page(
        wanted, place, limit=limit, owner=call.caller.only_owner, take=shown
    )
    return {"jobs": page.found, "next_cursor": "" if page.following is None else str(page.following)}
