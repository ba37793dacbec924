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
class JobInfo:
    """One consistent view of a job. Times are aware, in UTC; None = not known, or not yet."""

    job_id: str
    function: str | None
    queue: str | None
    status: JobStatus
    #: None until it is complete.
    success: bool | None = None
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
