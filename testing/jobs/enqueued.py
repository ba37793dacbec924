"""The jobs that were enqueued in a test, whether they wait, run or have ended."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jobgate.broker import EPOCH, Broker, JobStatus, JobView, time_of
from jobgate.testing.jobs.call_text import call_text
from jobgate.testing.jobs.ran_jobs import RanJob
from jobgate.testing.servers import Keyspace


@dataclass(frozen=True, kw_only=True, slots=True)
class EnqueuedJob:
    """One job that was enqueued in this test. `args` and `kwargs` are as a worker gets them: plain data."""

    job_id: str
    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    #: None = unknown: it has ended, and left no result.
    queue: str | None
    #: `deferred`, `queued`, `in_progress` or `complete`.
    status: str
    #: In UTC, by the time that `move_time` moves.
    enqueue_time: datetime | None
    #: When it is due, or was at first; None = unknown: another worker took it.
    due_time: datetime | None

    @property
    def defer_by(self) -> float | None:
        """Seconds from its enqueue until it was due; None = unknown."""
        if self.enqueue_time is None or self.due_time is None:
            return None
        return max((self.due_time - self.enqueue_time).total_seconds(), 0.0)

    def __str__(self) -> str:
        return call_text(self.function, self.args, self.kwargs)


async def jobs_of(broker: Broker, keyspace: Keyspace, ran: Iterable[RanJob]) -> list[EnqueuedJob]:
    """Return all jobs of a test, in the order in which they were enqueued.

    Args:
        broker: Reads them.
        keyspace: Where they are.
        ran: What ran here already: its results may not be kept.
    """
    found = {(job.job_id, job.enqueue_time): job for job in map(_of_run, ran)}
    async for view in _views(broker, keyspace):
        job = _of_view(view)
        if job is not None:
            before = found.get((job.job_id, job.enqueue_time))
            found[job.job_id, job.enqueue_time] = job if before is None else _latest(before, job)
    return sorted(found.values(), key=lambda job: job.enqueue_time or EPOCH)


async def _views(broker: Broker, keyspace: Keyspace) -> AsyncIterator[JobView]:
    waiting = await keyspace.job_ids()
    cursor, ended = "", list[str]()
    while True:
        page = await broker.result_ids(cursor=cursor)
        ended += page.ids
        cursor = page.cursor
        if not cursor:
            break
    for job_id in dict.fromkeys([*waiting, *ended]):
        view = await broker.view(job_id)
        if view is not None:
            if view.queue is not None:
                keyspace.note_queue(view.queue)
            yield view


def _of_view(view: JobView) -> EnqueuedJob | None:
    source = view.source
    if source is None:
        return None
    return EnqueuedJob(
        job_id=view.job_id,
        function=source.function,
        args=source.args,
        kwargs=source.kwargs,
        queue=view.queue,
        status=view.status.value,
        enqueue_time=time_of(source.enqueue_time_ms),
        due_time=time_of(view.due_time_ms),
    )


def _of_run(job: RanJob) -> EnqueuedJob:
    return EnqueuedJob(
        job_id=job.job_id,
        function=job.function,
        args=job.args,
        kwargs=job.kwargs,
        queue=job.queue,
        status=JobStatus.COMPLETE.value,
        enqueue_time=job.enqueue_time,
        due_time=job.due_time,
    )


def _latest(first: EnqueuedJob, now: EnqueuedJob) -> EnqueuedJob:
    """Return a job as it is now, with the time at which it was due at first."""
    return replace(now, queue=now.queue or first.queue, due_time=first.due_time or now.due_time)
