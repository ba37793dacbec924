"""What a client sees of a job of the broker."""

from jobgate.broker import EarlierTry, Failure, JobView, records, time_of
from jobgate.client.info import ErrorInfo, JobInfo, JobProgress, JobStatus, TryInfo
from jobgate.client.transport import JobEnd


def end_of(result: records.JobResult) -> JobEnd:
    """Return how a job ended."""
    failure = result.failure
    if result.success or failure is None:
        return JobEnd(success=result.success, result=result.result, type="Error")
    return JobEnd(
        success=False,
        type=failure.type,
        message=failure.message,
        code=failure.code.value,
        exception=result.exception,
    )


def error_of(failure: Failure | None) -> ErrorInfo | None:
    """Return in short why a job failed; None = it did not."""
    if failure is None:
        return None
    short = failure.in_short()
    return ErrorInfo(type=short.type, message=short.message, code=short.code.value)


def info_of(view: JobView) -> JobInfo:
    """Return the job of a view."""
    said = view.progress
    return JobInfo(
        job_id=view.job_id,
        function=view.function,
        queue=view.queue,
        status=JobStatus(view.status.value),
        success=view.success,
        error=error_of(view.failure),
        tries=view.tries,
        enqueue_time=time_of(view.enqueue_time_ms),
        due_time=time_of(view.due_time_ms),
        start_time=time_of(view.start_time_ms),
        finish_time=time_of(view.finish_time_ms),
        worker=view.worker,
        progress=None if said is None else JobProgress.at(said.time_ms, said.fraction, said.message),
        retry_of=view.retry_of,
        retried_as=view.retried_as,
        earlier_tries=tuple(map(_try, view.earlier_tries)),
    )


def _try(one: EarlierTry) -> TryInfo:
    return TryInfo(
        number=one.number,
        start_time=time_of(one.start_time_ms),
        end_time=time_of(one.end_time_ms),
        worker=one.worker,
        error=error_of(one.failure),
        lost=one.is_lost,
    )
