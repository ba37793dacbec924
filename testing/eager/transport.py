"""The transport of an eager client: a desk in this process in place of Redis or a gateway."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from jobgate.client import (
    JobEnd,
    JobEvent,
    JobEventKind,
    JobgateError,
    JobInfo,
    JobStatus,
    NewJob,
    NotFinished,
    QueueEvent,
    ResultTimeout,
)
from jobgate.client.redis import end_of, error_of
from jobgate.testing.eager.desk import Desk, EagerJob, times_of
from jobgate.testing.errors import NotImitated


class EagerTransport:
    """A `Transport` whose jobs have ended when their enqueue returns."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.operations: Any = NoOperations()

    async def open(self) -> None:
        """Do nothing."""

    async def leave(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def enqueue(self, job: NewJob) -> str | None:
        """Run a job, and return the name of its queue."""
        return (await self._desk.enqueue(job)).seen.queue

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> Sequence[str | JobgateError | None]:
        """Run jobs; return what `enqueue` returns, or the error that it would raise."""
        return [await self._queue_or_error(job) for job in jobs]

    async def _queue_or_error(self, job: NewJob) -> str | JobgateError | None:
        try:
            return await self.enqueue(job)
        except JobgateError as error:
            return error

    async def call(self, job: NewJob, timeout: float | None) -> JobEnd:
        """Run a job, and return its end."""
        return _end(await self._desk.call(job))

    async def info(self, job_id: str, queue: str | None) -> JobInfo:
        """Return what is known of a job."""
        return _info(self._desk.find(job_id))

    async def wait(self, job_id: str, queue: str | None, timeout: float | None) -> JobEnd:
        """Return the end of a job; raise ResultTimeout if it has not run, because a job has enqueued it."""
        return _end(self._desk.find(job_id))

    async def abort(self, job_id: str, queue: str | None, timeout: float | None) -> bool:
        """Return False: the job has ended."""
        self._desk.find(job_id)
        return False

    async def events(self, job_id: str, queue: str | None) -> AsyncGenerator[JobEvent, None]:
        """Yield the end of a job."""
        yield JobEvent(kind=JobEventKind.FINISHED, job=_info(self._desk.find(job_id)))

    async def retry(self, job_id: str, queue: str | None) -> tuple[str, str | None]:
        """Run a job again."""
        job = self._desk.find(job_id)
        if job.result is None:
            raise NotFinished
        return await self._desk.run_again(job), job.seen.queue

    def feed(self, queue: str | None, function: str | None) -> AsyncGenerator[QueueEvent, None]:
        """Raise NotImitated."""
        raise NotImitated("An eager client has no events of queues: use the fixture jobgate_gateway.")


class NoOperations:
    """In place of what operators do through a gateway."""

    def __getattr__(self, name: str) -> Any:
        raise NotImitated(
            f"`{name}` needs queues, and an eager client has none: use the fixture jobgate_gateway."
        )


def _end(job: EagerJob) -> JobEnd:
    result = job.result
    if result is None:
        raise ResultTimeout("with an eager client it runs when the job that has enqueued it has ended")
    return end_of(replace(result, exception=job.exception))


def _info(job: EagerJob) -> JobInfo:
    result, new = job.result, job.new
    if result is None:
        return JobInfo(
            job_id=new.job_id, function=new.function, queue=job.seen.queue, status=JobStatus.QUEUED,
            success=None, tries=0, enqueue_time=job.seen.enqueue_time, due_time=job.seen.due_time,
            start_time=None, finish_time=None, worker=None,
        )  # fmt: skip
    return JobInfo(
        job_id=new.job_id, function=new.function, queue=result.queue, status=JobStatus.COMPLETE,
        success=result.success, error=error_of(result.failure), tries=result.tries,
        due_time=None, worker=result.worker, retried_as=job.retried_as, **times_of(result),
    )  # fmt: skip
