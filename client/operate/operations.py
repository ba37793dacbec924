"""The interface of a client to what operators ask for, the same for HTTP and for Redis."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from jobgate.client.info import JobInfo
from jobgate.client.operate.filters import JobFilter
from jobgate.client.operate.records import BulkCount, FailureCount, FunctionInfo, QueueInfo, WorkerInfo
from jobgate.client.operate.schedules import ScheduleInfo
from jobgate.client.transport import Transport

#: What a bulk operation does, by its names in the HTTP API.
BulkKind = Literal["retry", "abort"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkRequest:
    """A bulk operation that is asked for: jobs by `ids`, or those of a filter."""

    kind: BulkKind
    ids: Sequence[str] | None
    wanted: JobFilter
    #: Most jobs; None = the gateway's default.
    limit: int | None


class Operations(Protocol):
    """What operators ask for. Every method raises JobgateError and nothing else."""

    def jobs(self, wanted: JobFilter, limit: int | None) -> AsyncGenerator[JobInfo, None]:
        """Yield jobs: those that wait or run by due time, then finished ones, the newest first."""

    async def failures(self, wanted: JobFilter, limit: int | None) -> FailureCount:
        """Count failures by function and error."""

    async def queues(self) -> list[QueueInfo]:
        """Return the queues that are in use, sorted by name."""

    async def queue(self, name: str) -> QueueInfo:
        """Return one queue; one that nobody has used is empty."""

    async def workers(self) -> list[WorkerInfo]:
        """Return the live workers, sorted by id."""

    async def schedules(self, next_before: datetime | None) -> list[ScheduleInfo]:
        """Return the cron jobs of live workers, sorted by id; with a time, those that run before it."""

    async def functions(self) -> list[FunctionInfo]:
        """Return the functions that live workers offer, sorted by name."""

    async def pause(self, queue: str) -> QueueInfo:
        """Let workers claim nothing more from a queue."""

    async def resume(self, queue: str) -> QueueInfo:
        """Let workers claim from a queue again."""

    async def count(self, request: BulkRequest) -> BulkCount:
        """Return what a bulk operation would do; change nothing."""

    async def begin(self, request: BulkRequest) -> tuple[str, str | None]:
        """Begin a bulk operation; return id and queue of its job."""


class OperatedTransport(Transport, Protocol):
    """A transport with the operations of its other side."""

    @property
    def operations(self) -> Operations:
        """What operators ask for."""
