"""`GET /jobs`: the jobs of a queue, page by page: those that wait or run, then those that ended."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from jobgate.broker.errors import NotAQueue
from jobgate.broker.job_marks import size_of
from jobgate.broker.records import JobStatus, JobView
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.functions.names import function_name
from jobgate.gateway.handlers.jobs import may_see
from jobgate.gateway.handlers.presentation import job_of_view, to_json
from jobgate.gateway.http.answers import Answer
from jobgate.gateway.http.problems import Problem, field_errors

#: Jobs that are looked at for one page, unless the request says otherwise, and at most.
_LIMIT, _MOST = 100, 1000
#: Ids that Redis is asked for at a time, and jobs: each may have megabytes.
_IDS_AT_ONCE, _AT_ONCE = 25, 5
#: Bytes of stored jobs and results after which a page ends, where it can.
_MOST_READ = 16 * 1024 * 1024
#: Seconds for large pickles of one page; what is not read by then is shown without its function.
_READING = 2.0

_NUMBER = re.compile(r"[0-9]{1,4}")
#: The part of the list, `q` queue or `r` results, and the place in it: Redis' own cursor.
_CURSOR = re.compile(r"([qr])([0-9]{0,19})")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request wants to see."""

    queue: str
    status: JobStatus | None = None
    function: str | None = None
    limit: int = _LIMIT
    #: `q` or `r`, and the cursor there; empty = from the beginning.
    part: str = "q"
    cursor: str = ""

    def wants(self, view: JobView) -> bool:
        """Whether a job is one of those."""
        source = view.result or view.body
        return (
            view.queue == self.queue
            and self.status in (None, view.status)
            and self.function in (None, source.function if source else None)
        )


async def jobs(gateway: Gateway, call: Call) -> Answer:
    """Answer 200 with one page of the jobs that the caller may see; it may be empty and not be the last."""
    call.caller.require("read")
    asked = _asked(gateway, call.query)
    try:
        page = await _page(gateway, call, asked)
    except NotAQueue as error:
        wrong = [("?queue", "This name is another kind of key: choose another queue.")]
        raise field_errors("invalid-request", wrong) from error
    return Answer.shared(gateway.unsent.hold(to_json(page, limit=1 << 62)))


async def _page(gateway: Gateway, call: Call, asked: _Asked) -> dict[str, Any]:
    """One page: some ids after others, until there are enough, or reading them has cost enough."""
    jobs: dict[str, dict[str, Any]] = {}
    read, clock = 0, asyncio.get_running_loop().time
    until = clock() + _READING
    following = f"{asked.part}{asked.cursor}"
    for _ in range(0, asked.limit, _IDS_AT_ONCE):
        ids, following = await _ids(gateway, asked, following[1:])
        async for view in _views(gateway, asked.queue, ids, until):
            read += size_of(view.mark)
            if asked.wants(view) and may_see(call, view):
                # Without arguments, so that a page has a bound; at once, so that no results are kept for it.
                jobs[view.job_id] = job_of_view(view, inspects=False)
        if following[:1] != asked.part or read > _MOST_READ or clock() > until:
            break
    return {"jobs": list(jobs.values()), "next_cursor": following}


async def _ids(gateway: Gateway, asked: _Asked, cursor: str) -> tuple[Sequence[str], str]:
    """Some ids, and the cursor of the next ones."""
    limit = min(asked.limit, _IDS_AT_ONCE)
    if asked.part == "q":
        page = await gateway.broker.queued_ids(asked.queue, cursor=cursor, limit=limit)
        if page.cursor:
            return page.ids, f"q{page.cursor}"
        return page.ids, "r" if asked.status is None else ""
    page = await gateway.broker.result_ids(cursor=cursor, limit=limit)
    return page.ids, f"r{page.cursor}" if page.cursor else ""


async def _views(gateway: Gateway, queue: str, ids: Sequence[str], until: float) -> AsyncIterator[JobView]:
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        for view in await asyncio.gather(*(_view(gateway, queue, one, until) for one in some)):
            if view is not None:
                yield view


async def _view(gateway: Gateway, queue: str, job_id: str, until: float) -> JobView | None:
    view = await gateway.broker.view(job_id, queues=[queue], until=until)
    # A result that cannot be read does not tell whose it is, nor of which queue.
    return None if view is None or (view.status is JobStatus.COMPLETE and view.result is None) else view


def _asked(gateway: Gateway, query: str) -> _Asked:
    """Read the query; raises `Problem` 422."""
    given = _parameters(query)
    wrong = [(f"?{name}", text) for name, text in _faults(gateway, given) if text]
    if wrong:
        raise field_errors("invalid-request", wrong)
    status = JobStatus(given["status"]) if "status" in given else None
    part, cursor = ("r" if status is JobStatus.COMPLETE else "q"), ""
    match = _CURSOR.fullmatch(given.get("cursor", ""))
    if match:
        part, cursor = match[1], match[2]
    return _Asked(
        queue=given.get("queue", gateway.queues.default),
        status=status,
        function=given.get("function"),
        limit=int(given.get("limit", _LIMIT)),
        part=part,
        cursor=cursor,
    )


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = (
            parse_qsl(query, keep_blank_values=True, max_num_fields=10, strict_parsing=True) if query else []
        )
    except ValueError:
        raise Problem("invalid-request", "The query cannot be read.") from None
    given = dict(pairs)
    if len(given) < len(pairs) or not given.keys() <= _CHECKS.keys():
        names = ", ".join(_CHECKS)
        raise field_errors(
            "invalid-request", [("?", f"The query parameters are {names}, each once at most.")]
        )
    return given


def _faults(gateway: Gateway, given: dict[str, str]) -> list[tuple[str, str | None]]:
    faults = [(name, _CHECKS[name](value)) for name, value in given.items()]
    return [*faults, ("queue", gateway.queues.why_not(given["queue"]) if "queue" in given else None)]


def _wrong_function(text: str) -> str | None:
    try:
        function_name(text)
    except Problem as problem:
        return problem.detail
    return None


_CHECKS: dict[str, Callable[[str], str | None]] = {
    "queue": lambda _: None,
    "status": lambda text: (
        None if text in set(JobStatus) else "A status must be deferred, queued, in_progress or complete."
    ),
    "function": _wrong_function,
    "limit": lambda text: (
        None
        if _NUMBER.fullmatch(text) and 1 <= int(text) <= _MOST
        else f"It must be a whole number from 1 to {_MOST}."
    ),
    "cursor": lambda text: (
        None if text == "" or _CURSOR.fullmatch(text) else "A cursor must be the next_cursor of another page."
    ),
}
