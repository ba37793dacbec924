"""What operators ask for, for blocking callers."""

from collections.abc import Coroutine, Generator, Sequence
from datetime import datetime
from typing import Any, Literal, Unpack, overload

from jobgate.client.blocking.iteration import iterate
from jobgate.client.blocking.job_handle import BlockingJobHandle, run
from jobgate.client.blocking.portal import Portal
from jobgate.client.callers import JobHandle
from jobgate.client.info import JobInfo
from jobgate.client.operate import (
    AbortFilters,
    BulkCount,
    BulkResult,
    FailureCount,
    FailureFilters,
    FunctionInfo,
    JobFilters,
    Operator,
    QueueInfo,
    RetryFilters,
    ScheduleInfo,
    WorkerInfo,
)


class BlockingOperator:
    """The part of `BlockingClient` that lists, pauses, and acts on many jobs; see `Operator`."""

    _portal: Portal
    _client: Operator

    def jobs(
        self, *, limit: int | None = None, **which: Unpack[JobFilters]
    ) -> Generator[JobInfo, None, None]:
        """Yield the jobs of a queue: those that wait or run, then finished ones. See `Client.jobs`."""
        return iterate(self._portal.run, self._client.jobs(limit=limit, **which))

    def failures(self, *, limit: int | None = None, **which: Unpack[FailureFilters]) -> FailureCount:
        """Count failures by function and error. See `Client.failures`."""
        return run(self._portal, self._client.failures(limit=limit, **which))

    def queues(self) -> list[QueueInfo]:
        """Return the queues that were in use within the last day, sorted by name."""
        return run(self._portal, self._client.queues())

    def queue(self, name: str) -> QueueInfo:
        """Return one queue by its name; one that nobody has used is empty."""
        return run(self._portal, self._client.queue(name))

    def workers(self) -> list[WorkerInfo]:
        """Return the live workers of these queues, sorted by id."""
        return run(self._portal, self._client.workers())

    def schedules(self, *, next_before: datetime | None = None) -> list[ScheduleInfo]:
        """Return the cron jobs of live workers, with their next and last runs. See `Client.schedules`."""
        return run(self._portal, self._client.schedules(next_before=next_before))

    def functions(self) -> list[FunctionInfo]:
        """Return the functions that live workers offer and this client may enqueue, sorted by name."""
        return run(self._portal, self._client.functions())

    def pause(self, queue: str) -> QueueInfo:
        """Let workers claim nothing more from a queue, and return it. See `Client.pause`."""
        return run(self._portal, self._client.pause(queue))

    def resume(self, queue: str) -> QueueInfo:
        """Let workers claim from a queue again, at once, and return it."""
        return run(self._portal, self._client.resume(queue))

    @overload
    def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[False] = False,
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> BlockingJobHandle[BulkResult]: ...

    @overload
    def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[True],
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> BulkCount: ...

    @overload
    def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool,
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> BlockingJobHandle[BulkResult] | BulkCount: ...

    def bulk_retry(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        **which: Unpack[RetryFilters],
    ) -> BlockingJobHandle[BulkResult] | BulkCount:
        """Run many finished jobs again; return a handle on the operation. See `Client.bulk_retry`."""
        return self._begun(self._client.bulk_retry(ids, dry_run=dry_run, limit=limit, **which))

    @overload
    def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[False] = False,
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> BlockingJobHandle[BulkResult]: ...

    @overload
    def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: Literal[True],
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> BulkCount: ...

    @overload
    def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool,
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> BlockingJobHandle[BulkResult] | BulkCount: ...

    def bulk_abort(
        self,
        ids: Sequence[str] | None = None,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        **which: Unpack[AbortFilters],
    ) -> BlockingJobHandle[BulkResult] | BulkCount:
        """Ask many jobs to stop; return a handle on the operation. See `Client.bulk_abort`."""
        return self._begun(self._client.bulk_abort(ids, dry_run=dry_run, limit=limit, **which))

    def _begun(
        self, coroutine: Coroutine[Any, Any, JobHandle[BulkResult] | BulkCount]
    ) -> BlockingJobHandle[BulkResult] | BulkCount:
        begun = run(self._portal, coroutine)
        return begun if isinstance(begun, BulkCount) else BlockingJobHandle(self._portal, begun)
