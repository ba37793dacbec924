"""Jobs and results as arq's users see them, made from the broker's records."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from jobgate.arq.errors import error_of
from jobgate.broker import EPOCH, Codec, codec_named, custom_codec, records, time_of

#: A user's own functions that serialize the dict of a job or a result, and read it again.
Serializer = Callable[[dict[str, Any]], bytes]
Deserializer = Callable[[bytes], dict[str, Any]]


class JobStatus(StrEnum):
    """The state of a job."""

    #: It waits for its due time.
    deferred = "deferred"
    #: It is due and waits for a worker.
    queued = "queued"
    #: A worker runs it.
    in_progress = "in_progress"
    #: It has ended, and its result can be read.
    complete = "complete"
    #: There is no such job.
    not_found = "not_found"


@dataclass
class JobDef:
    """A job as it was enqueued. Times are aware, in UTC."""

    function: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: `_job_try` of the enqueue; in a result the number of the last try.
    job_try: int | None
    enqueue_time: datetime
    #: When it is due, in unix milliseconds; None while it runs and when it has ended.
    score: int | None
    job_id: str | None


@dataclass
class JobResult(JobDef):
    """A job that has ended."""

    success: bool
    #: What the function returned, or the exception that `Job.result` raises.
    result: Any
    start_time: datetime
    finish_time: datetime
    queue_name: str


def job_def(body: records.JobBody, job_id: str, score: int | None) -> JobDef:
    """Return a job that has not ended."""
    return JobDef(
        function=body.function,
        args=tuple(body.args),
        kwargs=dict(body.kwargs),
        job_try=body.first_try,
        enqueue_time=time_of(body.enqueue_time_ms) or EPOCH,
        score=score,
        job_id=job_id,
    )


def job_result(result: records.JobResult) -> JobResult:
    """Return a job that has ended."""
    # arq has a start for jobs that never began, too.
    start_ms = result.finish_time_ms if result.start_time_ms is None else result.start_time_ms
    return JobResult(
        function=result.function,
        args=tuple(result.args),
        kwargs=dict(result.kwargs),
        job_try=result.tries,
        enqueue_time=time_of(result.enqueue_time_ms) or EPOCH,
        score=None,
        job_id=result.job_id,
        success=result.success,
        result=result.result if result.success else error_of(result),
        start_time=time_of(start_ms) or EPOCH,
        finish_time=time_of(result.finish_time_ms) or EPOCH,
        queue_name=result.queue,
    )


def codec_of(name: str, serializer: Serializer | None, deserializer: Deserializer | None) -> Codec:
    """Return the codec `name`, with the user's own functions in place of its own.

    Raises:
        ValueError: There is no codec of that name.
    """
    named = codec_named(name)
    if serializer is None and deserializer is None:
        return named
    return custom_codec(serializer or named.dumps, deserializer or named.loads)
