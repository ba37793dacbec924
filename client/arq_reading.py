"""What the broker has read, in arq's terms: records, exceptions, errors."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from redis import exceptions as redis_errors

from jobgate.broker import Codec, FailureCode, codec_named, custom_codec, errors, records
from jobgate.client.arq_records import Deserializer, JobDef, JobResult, Serializer
from jobgate.client.errors import (
    DeserializationError,
    GatewayUnavailable,
    InvalidRequest,
    JobExecutionFailed,
    JobFailed,
    JobgateError,
    JobLost,
    OutcomeUnknown,
    SerializationError,
)
from jobgate.client.info import time_of


class RedisUnavailable(GatewayUnavailable, redis_errors.ConnectionError):
    """Redis cannot do it now: check that it runs, has room and grants the rights, then try again."""


class RedisOutcomeUnknown(OutcomeUnknown, RedisUnavailable):
    """The answer was lost, the job may or may not exist: ask its status, or enqueue it again with its id.

    Attributes:
        job_id: The job's id; None where the call was not about one.
    """

    def __init__(self, message: str | None = None, *, job_id: str | None = None) -> None:
        """Keep `message` and the id."""
        super().__init__(message)
        self.job_id = job_id


#: What each of the broker's errors is for the caller; a class comes before its base.
_ERRORS: tuple[tuple[type[errors.BrokerError], type[JobgateError]], ...] = (
    (errors.OutcomeUnknown, RedisOutcomeUnknown),
    (errors.BrokerUnavailable, RedisUnavailable),
    (errors.BrokerFull, RedisUnavailable),
    (errors.BrokerMisconfigured, RedisUnavailable),
    (errors.DataSetChanged, JobLost),
    (errors.EncodeError, SerializationError),
    (errors.DecodeError, DeserializationError),
    (errors.BrokerError, InvalidRequest),
)
#: Failures for which a worker has no exception of the function's -> what arq raises for them.
_RAISED: dict[FailureCode, type[BaseException]] = {
    FailureCode.ABORTED: asyncio.CancelledError,
    FailureCode.TIMEOUT: TimeoutError,
    FailureCode.LOST_BODY: DeserializationError,
    FailureCode.UNSERIALISABLE_RESULT: SerializationError,
}
_NOT_RUN = frozenset({FailureCode.EXPIRED, FailureCode.MAX_TRIES, FailureCode.UNKNOWN_FUNCTION})


@contextmanager
def translated(reading: str = "job") -> Iterator[None]:
    """Raise the client's error for the broker's; `reading` is what cannot be read where that is the error."""
    try:
        yield
    except errors.BrokerError as error:
        kind = next(mine for theirs, mine in _ERRORS if isinstance(error, theirs))
        text = f"unable to deserialize {reading}: " if kind is DeserializationError else ""  # arq's words
        raise kind(f"{text}{error}") from error


def codec_of(name: str, serializer: Serializer | None, deserializer: Deserializer | None) -> Codec:
    """Return the codec `name`, or the user's own functions; one that is missing is taken from `name`.

    Raises:
        ValueError: there is no codec of that name.
    """
    named = codec_named(name)
    if serializer is None and deserializer is None:
        return named
    return custom_codec(serializer or named.dumps, deserializer or named.loads)


def job_def(body: records.JobBody, job_id: str, score: int | None) -> JobDef:
    """Return a job as arq shows it."""
    return JobDef(
        function=body.function,
        args=tuple(body.args),
        kwargs=dict(body.kwargs),
        job_try=body.first_try,
        enqueue_time=_time(body.enqueue_time_ms),
        score=score,
        job_id=job_id,
    )


def job_result(result: records.JobResult) -> JobResult:
    """Return a result as arq shows it."""
    return JobResult(
        function=result.function,
        args=tuple(result.args),
        kwargs=dict(result.kwargs),
        job_try=result.tries,
        enqueue_time=_time(result.enqueue_time_ms),
        score=None,
        job_id=result.job_id,
        success=result.success,
        result=result.result if result.success else error_of(result),
        # arq has a time here for jobs that never started, too.
        start_time=_time(result.finish_time_ms if result.start_time_ms is None else result.start_time_ms),
        finish_time=_time(result.finish_time_ms),
        queue_name=result.queue,
    )


def error_of(result: records.JobResult) -> BaseException:
    """Return what the caller of a failed job is to see.

    That is the exception itself where pickle carried it, arq's where a worker gave up the job, and
    JobFailed with type and message for all that JSON and msgpack tell of an exception.
    """
    exception = result.exception
    if isinstance(exception, Exception | asyncio.CancelledError) and not _is_stand_in(exception):
        return exception
    failure = result.failure or records.Failure(type="Exception", message="")
    kind = _RAISED.get(failure.code)
    if kind is not None:
        return kind(failure.message) if failure.message else kind()
    made = JobExecutionFailed if failure.code in _NOT_RUN else JobFailed
    return made(failure.type, failure.message, failure.code.value)


def _is_stand_in(exception: BaseException) -> bool:
    """Whether it is of a class of arq's that was made up, because arq is not installed here."""
    kind = type(exception)
    if kind.__module__.partition(".")[0] != "arq":
        return False
    return getattr(sys.modules.get(kind.__module__), kind.__name__, None) is not kind


def _time(unix_ms: int) -> datetime:
    return time_of(unix_ms) or datetime.fromtimestamp(0, UTC)  # 1970, as workers tell it
