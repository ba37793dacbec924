"""`GET /jobs`: the jobs of a queue in pages, first those that wait or run, then the finished ones."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jobgate.broker import JobStatus, JobView, NotAQueue, size_of
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.functions import why_not_function
from jobgate.gateway.handlers.job_access import may_see
from jobgate.gateway.handlers.presentation import job_of_view, to_json
from jobgate.gateway.http import Answer, check_limit, field_errors, page_limit, read_query

#: Ids that are read from Redis at a time, and jobs: each job may be megabytes large.
_IDS_AT_ONCE, _AT_ONCE = 25, 5
#: Bytes of stored jobs and results after which a page ends, where it can.
_MOST_READ: Final = 16 * 1024 * 1024
#: Seconds for large pickles of one page; what is not read by then is shown without its function.
_READING: Final = 2.0
_NO_LIMIT: Final = 1 << 62

#: The part of the list, `q` queue or `r` results, and the place in it: Redis' own cursor.
_CURSOR: Final = re.compile(r"([qr])([0-9]{0,19})")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request wants to see."""

    queue: str
    status: JobStatus | None
    function: str | None
    #: How many jobs are looked at.
    limit: int
    #: `q` or `r`, and the cursor there; empty = from the beginning.
    part: str
    cursor: str

    @classmethod
    def of(cls, given: Mapping[str, str], default_queue: str) -> "_Wanted":
        status = JobStatus(given["status"]) if "status" in given else None
        part, cursor = ("r" if status is JobStatus.COMPLETE else "q"), ""
        if match := _CURSOR.fullmatch(given.get("cursor", "")):
            part, cursor = match[1], match[2]
        queue = given.get("queue", default_queue)
        return cls(queue, status, given.get("function"), page_limit(given), part, cursor)

    def has(self, view: JobView) -> bool:
        """Whether a job is one of those."""
        return (
            view.queue == self.queue
            and self.status in (None, view.status)
            and self.function in (None, view.function)
        )


async def jobs(call: Call) -> Answer:
    """Answer 200 with one page of the jobs that the caller may see. An empty page need not be the last."""
    call.caller.require("read")
    queues = call.gateway.queues
    given = read_query(call.query, _CHECKS | {"queue": queues.why_not})
    try:
        page = await _page(call, _Wanted.of(given, queues.default))
    except NotAQueue as error:
        wrong = [("?queue", "The key of this queue holds another type of value: choose another queue.")]
        raise field_errors("invalid-request", wrong) from error
    return Answer.shared(call.gateway.unsent.hold(to_json(page, limit=_NO_LIMIT)))


async def _page(call: Call, wanted: _Wanted) -> dict[str, Any]:
    """Return one page: some ids at a time, until there are enough, or reading them has cost enough."""
    found: dict[str, dict[str, Any]] = {}
    read, clock = 0, asyncio.get_running_loop().time
    until = clock() + _READING
    following = f"{wanted.part}{wanted.cursor}"
    for _ in range(0, wanted.limit, _IDS_AT_ONCE):
        ids, following = await _ids(call.gateway, wanted, following[1:])
        async for view in _views(call.gateway, wanted.queue, ids, until):
            read += size_of(view.mark)
            if wanted.has(view) and may_see(call, view):
                # Without arguments, so that a page is bounded; at once, so that no results are kept for it.
                found[view.job_id] = job_of_view(view, inspects=False)
        if following[:1] != wanted.part or read > _MOST_READ or clock() > until:
            break
    return {"jobs": list(found.values()), "next_cursor": following}


async def _ids(gateway: Gateway, wanted: _Wanted, cursor: str) -> tuple[Sequence[str], str]:
    """Return some ids, and the cursor of the next ones."""
    limit = min(wanted.limit, _IDS_AT_ONCE)
    if wanted.part == "q":
        page = await gateway.broker.queued_ids(wanted.queue, cursor=cursor, limit=limit)
        if page.cursor:
            return page.ids, f"q{page.cursor}"
        return page.ids, "r" if wanted.status is None else ""
    page = await gateway.broker.result_ids(cursor=cursor, limit=limit)
    return page.ids, f"r{page.cursor}" if page.cursor else ""


async def _views(gateway: Gateway, queue: str, ids: Sequence[str], until: float) -> AsyncIterator[JobView]:
    for at in range(0, len(ids), _AT_ONCE):
        some = (gateway.broker.view(one, queues=[queue], until=until) for one in ids[at : at + _AT_ONCE])
        for view in await asyncio.gather(*some):
            # A result that cannot be read does not say whose it is, nor of which queue.
            if view is not None and not view.is_unreadable:
                yield view


def _why_not_status(text: str) -> str | None:
    if text in set(JobStatus):
        return None
    return "A status must be deferred, queued, in_progress or complete."


def _why_not_cursor(text: str) -> str | None:
    return (
        None if text == "" or _CURSOR.fullmatch(text) else "A cursor must be the next_cursor of another page."
    )


#: The query parameters besides `queue`, each with its check.
_CHECKS: Final = {
    "status": _why_not_status,
    "function": why_not_function,
    "limit": check_limit,
    "cursor": _why_not_cursor,
}
