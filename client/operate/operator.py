"""What a client has for those who operate queues and workers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Literal, Unpack, overload

from jobgate.client.callers import JobHandle
from jobgate.client.errors import InvalidOption
from jobgate.client.info import JobInfo
from jobgate.client.operate.bulk_result import bulk_result
from jobgate.client.operate.filters import AbortFilters, FailureFilters, JobFilter, JobFilters, RetryFilters
from jobgate.client.operate.operations import BulkKind, BulkRequest, Operations
from jobgate.client.operate.records import (
    BulkCount,
    BulkResult,
    FailureCount,
    FunctionInfo,
    QueueInfo,
    WorkerInfo,
)
from jobgate.client.operate.schedules import ScheduleInfo
from jobgate.client.requests import check_job_id, check_name, in_utc
from jobgate.client.transport import Transport


class Operator:
    """The part of `Client` that lists, pauses, and acts on many jobs.

    With a gateway that has keys, `queues`, `workers` and `schedules` need the scope `read:*` or `operate`,
    `pause` and `resume` need `operate`; `jobs` and bulk operations are about the caller's own jobs unless the
    key has `read:*` and `operate`.
    """

    _transport: Transport
    _timeout: float | None
    _operations: Operations

    async def jobs(
        self, *, limit: int | None = None, **which: Unpack[JobFilters]
    ) -> AsyncGenerator[JobInfo, None]:
        """Yield jobs: those that wait or run by due time, then finished ones, newest first.

        ```python
        async for job in client.jobs(success=False, function="send_invoice", limit=100):
            print(job.job_id, job.finish_time)
        ```

        The list is read page by page. A job that starts, ends or is retried meanwhile may come twice, or not
        at all.

        Args:
            limit: Most jobs; None = all.
            which: `queue` (the default queue by default, `*` = all queues in use), `status`, `success`,
                `code`, `error_type`, `function`, `since` and `until` (a datetime: of the end of finished
                jobs, and of the due time of others), `order` (`newest` = jobs of all statuses in one list,
                the latest first), `scan` (True = also results of stock arq workers, in no order).

        Raises:
            InvalidOption: A filter is unknown or has a wrong value.
            Forbidden: The key lacks the scope `read`.
        """
        wanted, most = JobFilter.of(which, JobFilters), _most(limit)
        async with aclosing(self._operations.jobs(wanted, most)) as found:
            async for job in found:
                yield job

    async def failures(self, *, limit: int | None = None, **which: Unpack[FailureFilters]) -> FailureCount:
        """Count failures by function and error, of all queues by default.

        ```python
        for group in (await client.failures(since=yesterday)).groups:
            print(group.failed, group.function, group.type, group.message)
        ```

        Args:
            limit: Most groups, at most 1,000; None = 100.
            which: `queue`, `function`, `code`, `error_type`, `since` and `until` (a datetime, when they
                ended). Jobs that were aborted are counted only if `code` is "aborted".

        Raises:
            InvalidOption: A filter is unknown or has a wrong value.
            Forbidden: The key lacks the scope `read`.
        """
        return await self._operations.failures(JobFilter.of(which, FailureFilters), _most(limit))

    async def queues(self) -> list[QueueInfo]:
        """Return the queues that were in use within the last day, sorted by name."""
        return await self._operations.queues()

    async def queue(self, name: str) -> QueueInfo:
        """Return one queue by its name; one that nobody has used is empty."""
        return await self._operations.queue(check_name("queue", name))

    async def workers(self) -> list[WorkerInfo]:
        """Return the live workers of these queues, without those of stock arq, sorted by id."""
        return await self._operations.workers()

    async def schedules(self, *, next_before: datetime | None = None) -> list[ScheduleInfo]:
        """Return the cron jobs of live workers: when they run next, and how their last runs ended.

        ```python
        tonight = datetime.now(UTC) + timedelta(hours=12)
        for one in await client.schedules(next_before=tonight):
            print(one.function, one.words, one.next_runs)
        ```

        Args:
            next_before: Return only those that run before this time, with all runs until then, at most 50 of
                each; None = all, with the next five runs of each. A time without a zone is local time.

        Raises:
            InvalidOption: It is not a datetime.
        """
        if next_before is not None and not isinstance(next_before, datetime):
            raise InvalidOption("next_before must be a datetime")
        until = None if next_before is None else in_utc("next_before", next_before)
        return await self._operations.schedules(until)

    async def functions(self) -> list[FunctionInfo]:
        """Return the functions that live workers offer and this client may enqueue, sorted by name."""
        return await self._operations.functions()

    async def pause(self, queue: str) -> QueueInfo:
        """Let workers claim nothing more from a queue, and return it.

        Running jobs continue, and jobs can still be enqueued. Stock arq workers do not know of pauses.
        Pausing a paused queue changes nothing.
        """
        return await self._operations.pause(check_name("queue", queue))

    async def resume(self, queue: str) -> QueueInfo:
        """Let workers claim from a queue again, at once, and return it."""
        return await self._operations.resume(check_name("queue", queue))

    @overload
    async def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[False] = False,
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> JobHandle[BulkResult]: ...

    @overload
    async def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[True],
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> BulkCount: ...

    @overload
    async def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool,
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> JobHandle[BulkResult] | BulkCount: ...

    async def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> JobHandle[BulkResult] | BulkCount:
        """Run many finished jobs again, by ids or by filters; return a handle on the operation.

        ```python
        operation = await client.bulk_retry(function="send_invoice", code="timeout")
        print((await operation.result()).done)
        ```

        The operation is a job that gateways run: `progress`, `events`, `result` and `abort` of the handle are
        those of any job. It continues when this program ends. By filters, jobs that were aborted are skipped,
        unless `code` is "aborted".

        Args:
            ids: Ids of up to 1,000 jobs.
            dry_run: True = change nothing, and return how many jobs it would be.
            limit: Most jobs that are retried; None = 10,000.
            which: In place of ids: `queue` (the default queue by default, `*` = all queues), `function`,
                `code`, `error_type`, `since` and `until` (a datetime, when they ended), `success` (True =
                jobs that succeeded, in place of failed ones).

        Raises:
            InvalidOption: There are neither ids nor filters, or both, or a filter is wrong.
            NeedsGateway: The client's address is that of Redis.
        """
        request = _request("retry", ids, JobFilter.of(which, RetryFilters), limit)
        return await (self._operations.count(request) if dry_run else self._begun(request))

    @overload
    async def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[False] = False,
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> JobHandle[BulkResult]: ...

    @overload
    async def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[True],
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> BulkCount: ...

    @overload
    async def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool,
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> JobHandle[BulkResult] | BulkCount: ...

    async def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> JobHandle[BulkResult] | BulkCount:
        """Ask many jobs to stop that wait or run, as `bulk_retry` runs them again.

        Args:
            ids: Ids of up to 1,000 jobs.
            dry_run: True = change nothing, and return how many jobs it would be.
            limit: Most jobs that are aborted; None = 10,000.
            which: In place of ids: `queue` (the default queue by default), `status` (`deferred`, `queued` or
                `in_progress`), `function`, `since` and `until` (a datetime, when they are due).

        Raises:
            InvalidOption: There are neither ids nor filters, or both, or a filter is wrong.
            NeedsGateway: The client's address is that of Redis.
        """
        request = _request("abort", ids, JobFilter.of(which, AbortFilters), limit)
        return await (self._operations.count(request) if dry_run else self._begun(request))

    async def _begun(self, request: BulkRequest) -> JobHandle[BulkResult]:
        job_id, queue = await self._operations.begin(request)
        return JobHandle(
            self._transport,
            job_id,
            queue=queue,
            timeout=self._timeout,
            acknowledged=True,
            read=bulk_result,
        )


def _request(kind: BulkKind, ids: Sequence[str] | None, wanted: JobFilter, limit: int | None) -> BulkRequest:
    if (ids is None) != bool(wanted.members()):
        raise InvalidOption(
            f"say which jobs bulk_{kind} means: give ids, or filters such as queue=, not both"
        )
    if ids is not None:
        if not ids or isinstance(ids, str):
            raise InvalidOption("ids must be a list of one or more job ids")
        ids = [check_job_id(job_id) for job_id in ids]
    return BulkRequest(kind=kind, ids=ids, wanted=wanted, limit=_most(limit))


def _most(limit: object) -> int | None:
    if limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1):
        return limit
    raise InvalidOption("limit must be a whole number of at least 1")
