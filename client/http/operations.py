"""What operators ask a gateway for."""

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import quote

import orjson

from jobgate.client.http.connection import Response, described, job_info, read_job
from jobgate.client.http.operation_answers import (
    read_count,
    read_failures,
    read_function,
    read_queue,
    read_schedule,
    read_worker,
)
from jobgate.client.http.prompt_requests import PromptRequests, good
from jobgate.client.info import JobInfo
from jobgate.client.operate import (
    BulkCount,
    BulkRequest,
    FailureCount,
    FunctionInfo,
    JobFilter,
    QueueInfo,
    ScheduleInfo,
    WorkerInfo,
)

T = TypeVar("T")

#: Jobs of one page: so many are shown at once.
_PAGE: Final = 200
#: Queues or workers of one page: as many as a gateway lists at once.
_MOST: Final = 1000
_SWITCH_AGAIN: Final = "send it again, a second pause or resume changes nothing"
_BEGIN_AGAIN: Final = "send it again, no job is retried or aborted twice"


class HttpOperations:
    """The `Operations` of a gateway.

    Args:
        requests: Sends the requests.
    """

    def __init__(self, requests: PromptRequests) -> None:
        self._requests = requests

    async def jobs(self, wanted: JobFilter, limit: int | None) -> AsyncGenerator[JobInfo, None]:
        """Yield jobs, page by page."""
        left = limit
        query: dict[str, str | bool | int] = {**wanted.members(), "cursor": ""}
        while left is None or left > 0:
            query["limit"] = _PAGE if left is None else min(left, _PAGE)
            response = await self._requests.get("/jobs", query)
            with described(response) as page:
                jobs = list(map(read_job, page["jobs"]))
                query["cursor"] = _following(page, query)
            for job in jobs:
                yield job
            if not query["cursor"]:
                return
            left = None if left is None else left - len(jobs)

    async def failures(self, wanted: JobFilter, limit: int | None) -> FailureCount:
        """Count failures by function and error."""
        query: dict[str, str | bool | int] = dict(wanted.members())
        if limit is not None:
            query["limit"] = limit
        with described(await self._requests.get("/failures", query)) as found:
            return read_failures(found)

    async def queues(self) -> list[QueueInfo]:
        """Return the queues that are in use, of all pages."""
        return await self._listed("/queues", "queues", read_queue)

    async def queue(self, name: str) -> QueueInfo:
        """Return one queue."""
        return _queue(await self._requests.get(_path(name)))

    async def workers(self) -> list[WorkerInfo]:
        """Return the live workers, of all pages."""
        return await self._listed("/workers", "workers", read_worker)

    async def schedules(self, next_before: datetime | None) -> list[ScheduleInfo]:
        """Return the cron jobs, of all pages."""
        query = {} if next_before is None else {"next_before": next_before.isoformat()}
        return await self._listed("/schedules", "schedules", read_schedule, query)

    async def functions(self) -> list[FunctionInfo]:
        """Return the functions that the key may enqueue."""
        with described(await self._requests.get("/functions")) as found:
            return list(map(read_function, found["functions"]))

    async def pause(self, queue: str) -> QueueInfo:
        """Pause a queue. To repeat the request changes nothing."""
        return await self._switched(queue, "pause")

    async def resume(self, queue: str) -> QueueInfo:
        """Resume a queue. To repeat the request changes nothing."""
        return await self._switched(queue, "resume")

    async def count(self, request: BulkRequest) -> BulkCount:
        """Return what an operation would do."""
        response = await self._bulk(request, is_dry=True)
        with described(response) as found:
            return read_count(found)

    async def begin(self, request: BulkRequest) -> tuple[str, str | None]:
        """Begin an operation; a request that is sent again begins no second one."""
        operation = job_info(await self._bulk(request, is_dry=False))
        return operation.job_id, operation.queue

    async def _bulk(self, request: BulkRequest, *, is_dry: bool) -> Response:
        which = {"filter": request.wanted.members()} if request.ids is None else {"ids": request.ids}
        limit = {} if request.limit is None else {"limit": request.limit}
        dry = {"dry_run": True} if is_dry else {}
        headers = {} if is_dry else {"Idempotency-Key": secrets.token_hex(16)}
        return good(
            await self._requests.send(
                "POST",
                f"/bulk/{request.kind}",
                body=orjson.dumps({**which, **limit, **dry}),
                headers={"Content-Type": "application/json", **headers},
                if_in_doubt="" if is_dry else _BEGIN_AGAIN,
            )
        )

    async def _switched(self, queue: str, to: str) -> QueueInfo:
        return _queue(
            good(await self._requests.send("POST", f"{_path(queue)}/{to}", if_in_doubt=_SWITCH_AGAIN))
        )

    async def _listed(
        self,
        path: str,
        member: str,
        read: Callable[[Mapping[str, Any]], T],
        which: Mapping[str, str] = MappingProxyType({}),
    ) -> list[T]:
        found: list[T] = []
        query: dict[str, str | bool | int] = {"limit": _MOST, **which}
        while True:
            with described(await self._requests.get(path, query)) as page:
                found += map(read, page[member])
                query["cursor"] = _following(page, query)
            if not query["cursor"]:
                return found


def _following(page: Mapping[str, Any], query: Mapping[str, Any]) -> str:
    """Return the cursor of the following page; empty = there is none."""
    cursor = page["next_cursor"]
    if not isinstance(cursor, str) or (cursor and cursor == query.get("cursor")):
        raise ValueError("the list does not move on")  # a cache may answer for all pages
    return cursor


def _path(queue: str) -> str:
    return f"/queues/{quote(queue, safe='')}"


def _queue(response: Response) -> QueueInfo:
    with described(response) as queue:
        return read_queue(queue)
