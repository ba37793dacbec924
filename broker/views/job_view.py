"""A job as it is at one moment, and marks by which two states of a job are compared."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jobgate.broker.bodies import EarlierTry, Progress
from jobgate.broker.records import UNKNOWN_FAILURE, Failure, FailureCode, JobBody, JobResult

#: Equal marks of a job mean that nothing visible has changed. Compare them; do not read them.
JobMark = tuple[Any, ...]

_TAIL = 256


def mark_of(blob: bytes | None) -> bytes | None:
    """Return the mark of a stored value, as view.lua makes it for a brief look."""
    return b"%d:%s" % (len(blob), blob[-_TAIL:]) if blob else blob


def mark_of_result(blob: bytes) -> JobMark:
    """Return the mark of a job that has ended with this stored result."""
    return "complete", mark_of(blob)


def size_of(mark: JobMark) -> int:
    """Return the size in bytes of the stored job, or of its result after its end; 0 = neither exists."""
    stored = mark[1] if mark else None
    return int(stored.partition(b":")[0]) if stored else 0


class JobStatus(StrEnum):
    """The status of a job. The values are arq's."""

    #: Waiting for its due time.
    DEFERRED = "deferred"
    #: Due, and waiting for a worker.
    QUEUED = "queued"
    #: Claimed by a worker.
    IN_PROGRESS = "in_progress"
    #: Ended, with a result.
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job as it is at one moment.

    It chooses between body and result for each member; do not choose elsewhere.
    """

    job_id: str
    status: JobStatus
    queue: str | None
    #: None = it cannot be read, or it has expired.
    body: JobBody | None
    #: None = the job has not ended, or its result cannot be read.
    result: JobResult | None
    #: Number of tries that have begun.
    tries: int
    #: None = it runs or has ended.
    due_time_ms: int | None
    #: Id of the worker that runs or ran it; None = none does, or a stock arq worker.
    worker: str | None = None
    #: None = it does not run, or has not reported progress in this try.
    progress: Progress | None = None
    #: When its current try began; None = it does not run, or a stock arq worker runs it.
    running_since_ms: int | None = None
    #: The job as which it was run again; None = it was not.
    retried_as: str | None = None
    #: The tries that were followed by another one, as far as known; only where one job is looked at.
    earlier_tries: tuple[EarlierTry, ...] = ()
    #: Differs when anything visible of the job differs; empty = unknown.
    mark: JobMark = ()

    @property
    def source(self) -> JobResult | JobBody | None:
        """The record that holds the request: the result, or the body; None = neither can be read."""
        return self.result if self.result and self.result.has_job else self.body

    @property
    def function(self) -> str | None:
        """Name of its function; None = unknown."""
        return self.source.function if self.source else None

    @property
    def owner(self) -> str | None:
        """Name of the key that enqueued it; None = enqueued without a key, or unknown."""
        # Not that of a body beside a result without a job: the result may be that of an earlier job.
        held = self.result or self.body
        return held.options.owner if held else None

    @property
    def retry_of(self) -> str | None:
        """The finished job that this one runs again; None = it is not a retry, or unknown."""
        return self.source.options.retry_of if self.source else None

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, with a result that can be read or not."""
        return self.status is JobStatus.COMPLETE

    @property
    def is_unreadable(self) -> bool:
        """Whether it has ended and its result cannot be read."""
        return self.has_ended and self.result is None

    @property
    def success(self) -> bool | None:
        """Whether it succeeded; None = it has not ended, or its result cannot be read."""
        return self.result.success if self.result else None

    @property
    def failure(self) -> Failure | None:
        """Why it failed; None = it has not failed, or its result cannot be read."""
        if self.result is None or self.result.success:
            return None
        return self.result.failure or UNKNOWN_FAILURE

    @property
    def code(self) -> FailureCode | None:
        """The code of its failure; None = there is none."""
        return self.failure.code if self.failure else None

    @property
    def enqueue_time_ms(self) -> int | None:
        """When it was enqueued, by its producer's clock; None = unknown."""
        return self.source.enqueue_time_ms if self.source else None

    @property
    def start_time_ms(self) -> int | None:
        """When its last try began; None = it has not run, or unknown."""
        return self.result.start_time_ms if self.result else self.running_since_ms

    @property
    def finish_time_ms(self) -> int | None:
        """When it ended; None = it has not, or its result cannot be read."""
        return self.result.finish_time_ms if self.result else None
