"""What a client can see of a job: plain records, the same over HTTP and over Redis."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class JobStatus(StrEnum):
    """The status of a job; the values are those of the HTTP API and of arq."""

    #: It waits for its due time.
    DEFERRED = "deferred"
    #: It is due and waits for a worker.
    QUEUED = "queued"
    #: A worker runs it.
    IN_PROGRESS = "in_progress"
    #: It has ended, and its result can be read.
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobProgress:
    """The progress that a running job last reported."""

    #: From 0 to 1.
    fraction: float
    #: What the function is doing, in a few words.
    message: str | None
    #: When it was reported; aware, in UTC.
    time: datetime

    @classmethod
    def at(cls, time_ms: int, fraction: float, message: str | None) -> "JobProgress":
        """Return the progress that was reported at a time in unix milliseconds."""
        return cls(fraction=fraction, message=message, time=datetime.fromtimestamp(time_ms / 1000, UTC))


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorInfo:
    """Why a job failed, as `JobFailed` says it."""

    #: Name of the exception class, without its module.
    type: str
    #: The first 200 characters of its message.
    message: str
    #: One of the failure codes of the HTTP API, such as `timeout` or `aborted`.
    code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TryInfo:
    """A try of a job that was followed by another one. Times are aware, in UTC; None = not known."""

    #: 1 is the first.
    number: int
    start_time: datetime | None = None
    end_time: datetime | None = None
    #: Name of its worker.
    worker: str | None = None
    #: What made the job run again; None = the function asked for it, or the try was lost.
    error: ErrorInfo | None = None
    #: Whether its worker died, or lost its lease.
    lost: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class JobInfo:
    """One consistent view of a job. Times are aware, in UTC; None = not known, or not yet."""

    job_id: str
    function: str | None
    queue: str | None
    status: JobStatus
    #: None until it is complete.
    success: bool | None = None
    #: None unless it has failed.
    error: ErrorInfo | None = None
    #: Starts so far.
    tries: int = 0
    enqueue_time: datetime | None = None
    #: When it is due; None while it runs and when it has ended.
    due_time: datetime | None = None
    start_time: datetime | None = None
    finish_time: datetime | None = None
    #: Name of the worker that runs or ran it.
    worker: str | None = None
    #: None when it is not running, or has reported nothing in this try.
    progress: JobProgress | None = None
    #: Id of the job that it runs again.
    retry_of: str | None = None
    #: Id of the job that runs it again.
    retried_as: str | None = None
    #: The last 20 tries that were followed by another one, the oldest first. Lists and events leave them out.
    earlier_tries: tuple[TryInfo, ...] = ()


class JobEventKind(StrEnum):
    """What an event of a job says; the values are those of the HTTP API."""

    #: The state of the job has changed, or is seen for the first time.
    STATUS = "status"
    #: The function has reported progress, and nothing else has changed.
    PROGRESS = "progress"
    #: The job has ended.
    FINISHED = "finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEvent:
    """One event of a job."""

    kind: JobEventKind
    #: The job at that moment.
    job: JobInfo

    @property
    def time(self) -> datetime | None:
        """When it happened, where that is known; aware, in UTC."""
        job = self.job
        if self.kind is JobEventKind.FINISHED:
            return job.finish_time
        if self.kind is JobEventKind.PROGRESS:
            return job.progress.time if job.progress else None
        return job.start_time if job.status is JobStatus.IN_PROGRESS else None

    @classmethod
    def after(cls, job: JobInfo, before: "JobInfo | None") -> "JobEvent":
        """Return the event that shows a job to somebody who has seen its state before."""
        if job.status is JobStatus.COMPLETE:
            return cls(kind=JobEventKind.FINISHED, job=job)
        is_same_try = before is not None and (before.status, before.tries) == (job.status, job.tries)
        is_progress = is_same_try and job.progress is not None
        return cls(kind=JobEventKind.PROGRESS if is_progress else JobEventKind.STATUS, job=job)


class QueueEventKind(StrEnum):
    """What an event of `Client.events` says; the values are those of the HTTP API."""

    ENQUEUED = "enqueued"
    STARTED = "started"
    #: The job goes back to its queue for another try.
    RETRIED = "retried"
    FINISHED = "finished"
    #: Something was left out.
    GAP = "gap"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueEvent:
    """Something that has happened to one of many jobs, or a gap."""

    kind: QueueEventKind
    #: Id and queue of the job; empty for a gap.
    job_id: str = ""
    queue: str = ""
    #: None = not known, as of a job that is gone already.
    function: str | None = None
    #: When it happened; aware, in UTC.
    time: datetime | None = None
    #: Of a finished job, whether it succeeded; None = not known, because its result was not kept.
    success: bool | None = None
    #: Of a gap, how much was left out; None = not known.
    missed: int | None = None
