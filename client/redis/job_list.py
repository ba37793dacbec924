"""Lists of jobs, straight from the queues and indexes in Redis."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Final

from jobgate.broker import Broker, JobView
from jobgate.broker import JobStatus as StoredStatus
from jobgate.client.errors import NeedsGateway
from jobgate.client.info import JobInfo, JobStatus
from jobgate.client.operate import JobFilter
from jobgate.client.redis.job_views import info_of
from jobgate.client.redis.translation import translated

#: Jobs that are read at a time: each may be megabytes large.
_AT_ONCE: Final = 100


class JobList:
    """The jobs of one filter.

    Args:
        broker: Reads them.
        wanted: Which jobs.

    Raises:
        InvalidRequest: No queue can have this name.
        NeedsGateway: It is to find jobs by a scan.
    """

    def __init__(self, broker: Broker, wanted: JobFilter) -> None:
        if wanted.scan:
            raise NeedsGateway
        self._broker = broker
        self._wanted = wanted
        with translated():
            self._queue = broker.keys.queue(wanted.queue)
        self._since, self._until = _milliseconds(wanted.since), _milliseconds(wanted.until)

    async def jobs(self) -> AsyncGenerator[JobInfo, None]:
        """Yield jobs that wait or run by due time, then finished ones, newest first."""
        wanted = self._wanted
        has_ended = wanted.success is not None or wanted.code is not None
        if not has_ended and wanted.status is not JobStatus.COMPLETE:
            async for job in self._waiting():
                yield job
        if wanted.status in (None, JobStatus.COMPLETE):
            async for job in self._finished():
                yield job

    async def _waiting(self) -> AsyncGenerator[JobInfo, None]:
        cursor = ""
        status = None if self._wanted.status is None else StoredStatus(self._wanted.status)
        while True:
            with translated():
                page = await self._broker.due_ids(
                    self._queue,
                    cursor=cursor,
                    limit=_AT_ONCE,
                    status=status,
                    since_ms=self._since,
                    until_ms=self._until,
                )
            for job in await self._read(page.ids):
                yield job
            if not (cursor := page.cursor):
                return

    async def _finished(self) -> AsyncGenerator[JobInfo, None]:
        cursor = ""
        only_failed = self._wanted.success is False or self._wanted.code is not None
        while True:
            with translated():
                page = await self._broker.finished_ids(
                    self._queue,
                    only_failed=only_failed,
                    cursor=cursor,
                    limit=_AT_ONCE,
                    since_ms=self._since,
                    until_ms=self._until,
                )
            for job in await self._read([job_id for job_id, _ in page.entries]):
                yield job
            if not (cursor := page.cursor):
                return

    async def _read(self, ids: Sequence[str]) -> list[JobInfo]:
        left, found = list(ids), []
        while left:
            with translated():
                views = await self._broker.listed(self._queue, left)
            found += [info_of(view) for view in views if view is not None and self._has(view)]
            left = left[len(views) :]
        return found

    def _has(self, view: JobView) -> bool:
        wanted = self._wanted
        failure = view.result.failure if view.result else None
        return (
            view.queue == self._queue
            and not view.is_unreadable
            and wanted.status in (None, view.status.value)
            and wanted.success in (None, view.success)
            and wanted.function in (None, view.function)
            and (wanted.code is None or (failure is not None and failure.code.value == wanted.code))
        )


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)
