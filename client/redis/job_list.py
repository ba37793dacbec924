"""Lists of jobs, straight from the queues and indexes in Redis."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobgate.broker import LONGEST_TYPE, Broker, FailureCode, JobView, Merge, NotAQueue
from jobgate.broker import JobStatus as StoredStatus
from jobgate.client.errors import InvalidRequest, NeedsGateway
from jobgate.client.info import JobInfo, JobStatus
from jobgate.client.operate import JobFilter
from jobgate.client.redis.job_views import info_of
from jobgate.client.redis.translation import translated

#: Jobs that are read at a time: each may be megabytes large.
_AT_ONCE: Final = 100
#: The queue of a filter that means all queues.
ALL: Final = "*"

_Found = tuple[str, str]
_Page = tuple[Sequence[tuple[str, _Found]], str]


class JobList:
    """The jobs of one filter.

    Args:
        broker: Reads them.
        wanted: Which jobs.

    Raises:
        InvalidRequest: No queue can have this name, or no failure this code.
        NeedsGateway: The filter asks for a scan.
    """

    def __init__(self, broker: Broker, wanted: JobFilter) -> None:
        if wanted.scan:
            raise NeedsGateway
        failure_code(wanted.code)
        self._broker = broker
        self._wanted = wanted
        self._queues: Sequence[str] = ()
        if wanted.queue != ALL:
            with translated():
                self._queues = [broker.keys.queue(wanted.queue)]

    async def jobs(self) -> AsyncGenerator[JobInfo, None]:
        """Yield jobs that wait or run by due time, then finished ones, newest first; or all by time."""
        if self._wanted.queue == ALL:
            keys = self._broker.keys
            with translated():
                known = {keys.default_queue, *await self._broker.known_queues()}
            self._queues = sorted(known - {keys.operations})  # as over HTTP
        is_newest = self._wanted.order == "newest"
        lists = [_QueueList(self._broker, self._wanted, queue, is_newest) for queue in self._queues]
        due = [one.due for one in lists] if self._may_be_open else []
        finished = (
            [one.finished for one in lists] if self._wanted.status in (None, JobStatus.COMPLETE) else []
        )
        merges = [Merge([*due, *finished], newest=True)]
        if not is_newest:
            merges = [Merge(due, newest=False), Merge(finished, newest=True)]
        for merge in merges:
            while not merge.is_over:
                with translated():
                    found = await merge.take(_AT_ONCE)
                for job in await self._read(found):
                    yield job

    @property
    def _may_be_open(self) -> bool:
        wanted = self._wanted
        return wanted.success is None and not _names_failure(wanted) and wanted.status != JobStatus.COMPLETE

    async def _read(self, found: Sequence[_Found]) -> list[JobInfo]:
        by_queue: dict[str, list[str]] = {}
        for queue, job_id in found:
            by_queue.setdefault(queue, []).append(job_id)
        infos: dict[str, JobInfo] = {}
        for queue, job_ids in by_queue.items():
            left = job_ids
            while left:
                with translated():
                    views = await self._broker.listed(queue, left)
                infos |= {view.job_id: info_of(view) for view in views if view and self._has(view)}
                left = left[len(views) :]
        return [infos[job_id] for _, job_id in found if job_id in infos]

    def _has(self, view: JobView) -> bool:
        wanted = self._wanted
        failure = view.result.failure if view.result else None
        return (
            view.queue in self._queues
            and not view.is_unreadable
            and wanted.status in (None, view.status.value)
            and wanted.success in (None, view.success)
            and wanted.function in (None, view.function)
            and (wanted.code is None or (failure is not None and failure.code.value == wanted.code))
            and (
                wanted.error_type is None
                or (failure is not None and failure.type[:LONGEST_TYPE] == wanted.error_type)
            )
        )


@dataclass(frozen=True, slots=True)
class _QueueList:
    """The lists of one queue, as `Merge` reads them."""

    broker: Broker
    wanted: JobFilter
    queue: str
    is_newest: bool

    async def due(self, cursor: str) -> _Page:
        wanted = self.wanted
        try:
            page = await self.broker.due_ids(
                self.queue,
                cursor=cursor,
                limit=_AT_ONCE,
                status=None if wanted.status is None else StoredStatus(wanted.status),
                since_ms=milliseconds(wanted.since),
                until_ms=milliseconds(wanted.until),
                newest=self.is_newest,
            )
        except NotAQueue:
            if wanted.queue == ALL:
                return [], ""
            raise
        return [
            (place, (self.queue, one)) for place, one in zip(page.places, page.ids, strict=True)
        ], page.cursor

    async def finished(self, cursor: str) -> _Page:
        wanted = self.wanted
        page = await self.broker.finished_ids(
            self.queue,
            only_failed=wanted.success is False or _names_failure(wanted),
            cursor=cursor,
            limit=_AT_ONCE,
            since_ms=milliseconds(wanted.since),
            until_ms=milliseconds(wanted.until),
        )
        return [(f"{time}:{one}", (self.queue, one)) for one, time in page.entries], page.cursor


def _names_failure(wanted: JobFilter) -> bool:
    return wanted.code is not None or wanted.error_type is not None


def failure_code(text: str | None) -> FailureCode | None:
    """Return the code of a filter; raises `InvalidRequest` if there is no such code, as a gateway does."""
    try:
        return None if text is None else FailureCode(text)
    except ValueError:
        raise InvalidRequest(f"A code must be one of {', '.join(FailureCode)}") from None


def milliseconds(time: datetime | None) -> int | None:
    """Return a time in unix milliseconds."""
    return None if time is None else round(time.timestamp() * 1000)
