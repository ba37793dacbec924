"""arq's exceptions, and which of them the caller gets for an error of the broker or for a failed job.

All of them are errors of `jobgate.client` too, so that one `except JobgateError` catches both kinds of calls.

```
JobFailed
└── JobExecutionFailed         no worker could run the job (also a RuntimeError)
JobNotFound
└── ResultNotFound             there is neither a job nor a result to wait for (also a RuntimeError)
    └── ResultLost             Redis has lost its data (also a JobLost)
InvalidOption
└── BothDeferrals              `_defer_until` and `_defer_by` exclude each other (also a RuntimeError)
JobgateError
└── SerializationError         a job or a result cannot be serialized (also a RuntimeError)
    └── DeserializationError   a job or a result cannot be deserialized
GatewayUnavailable
└── RedisUnavailable           Redis cannot be used now (also redis-py's ConnectionError)
    └── RedisOutcomeUnknown    the answer was lost (also an OutcomeUnknown)
```
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as RedisConnectionError

from jobgate.broker import FailureCode, errors, records
from jobgate.client import (
    GatewayUnavailable,
    InvalidOption,
    InvalidRequest,
    JobFailed,
    JobgateError,
    JobLost,
    JobNotFound,
    OutcomeUnknown,
)


class JobExecutionFailed(JobFailed, RuntimeError):
    """The job expired, ran out of tries, or names a function that its worker does not have."""

    def __init__(self, message: str = "", code: str = "error") -> None:
        """Describe the failure by its message, as in arq, and the failure code."""
        super().__init__("JobExecutionFailed", message, code)
        self.args = (message,)

    def __reduce__(self) -> tuple[type[JobgateError], tuple[str, ...]]:
        return type(self), (self.message, self.code)

    def __eq__(self, other: object) -> bool:
        """Whether both have the same message, as in arq."""
        return isinstance(other, JobExecutionFailed) and self.args == other.args

    def __hash__(self) -> int:
        return hash((type(self), self.args))


class ResultNotFound(JobNotFound, RuntimeError):
    """There is no such job, or it has ended and its result was not kept: let the function keep it."""


class ResultLost(ResultNotFound, JobLost):
    """Redis lost its data, including this job, which may have run: enqueue it again if it may run twice."""


class BothDeferrals(InvalidOption, RuntimeError):
    """Both `_defer_until` and `_defer_by` are given: use one of them, or neither."""


class SerializationError(JobgateError, RuntimeError):
    """A job or a result cannot be serialized: pass plain data, or choose another serializer."""


class DeserializationError(SerializationError):
    """A stored job or result cannot be deserialized: use the serializer with which it was written."""


class RedisUnavailable(GatewayUnavailable, RedisConnectionError):
    """Redis cannot be used now: check that it runs, has memory left and grants the rights, then try again."""


class RedisOutcomeUnknown(OutcomeUnknown, RedisUnavailable):
    """The answer was lost, and the job may exist: ask for its status, or enqueue it again with its id.

    Attributes:
        job_id: The job's id; None where the call was not about a single job.
    """

    def __init__(self, message: str | None = None, *, job_id: str | None = None) -> None:
        """Keep `message` and the id."""
        super().__init__(message)
        self.job_id = job_id


#: The broker's error -> what the caller gets; a class stands before its base.
_ERRORS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[JobgateError]], ...] = (
    (errors.WriteInDoubt, RedisOutcomeUnknown),
    (errors.PASSING_ERRORS, RedisUnavailable),
    (errors.DataSetChanged, ResultLost),
    (errors.EncodeError, SerializationError),
    (errors.DecodeError, DeserializationError),
    (errors.BrokerError, InvalidRequest),
)
#: Why a job failed without an exception of its function -> what arq raises then.
_RAISED: dict[FailureCode, type[BaseException]] = {
    FailureCode.ABORTED: asyncio.CancelledError,
    FailureCode.TIMEOUT: TimeoutError,
    FailureCode.LOST_BODY: DeserializationError,
    FailureCode.UNSERIALISABLE_RESULT: SerializationError,
}
_NOT_RUN = frozenset({FailureCode.EXPIRED, FailureCode.MAX_TRIES, FailureCode.UNKNOWN_FUNCTION})


@contextmanager
def translated(reading: str = "job") -> Iterator[None]:
    """Raise arq's exception in place of the broker's error.

    Args:
        reading: What is being read, for the message of a DeserializationError.
    """
    try:
        yield
    except errors.BrokerError as error:
        kind = next(mine for theirs, mine in _ERRORS if isinstance(error, theirs))
        text = f"unable to deserialize {reading}: " if kind is DeserializationError else ""  # arq's words
        raise kind(f"{text}{error}") from error


def error_of(result: records.JobResult) -> BaseException:
    """Return the exception that the caller of a failed job gets.

    With pickle that is the function's own. Where a worker gave up the job it is arq's, and in all other cases
    a JobFailed with the type and the message of the function's exception.
    """
    exception = result.exception
    if isinstance(exception, Exception | asyncio.CancelledError) and not _is_stand_in(exception):
        return exception
    failure = result.failure or records.Failure(type="Exception", message="")
    if failure.code in _NOT_RUN:
        return JobExecutionFailed(failure.message, failure.code.value)
    if kind := _RAISED.get(failure.code):
        return kind(failure.message) if failure.message else kind()
    return JobFailed(failure.type, failure.message, failure.code.value)


def _is_stand_in(exception: BaseException) -> bool:
    """Whether the broker made up its class, because it is one of arq's and arq is not installed."""
    kind = type(exception)
    if kind.__module__.partition(".")[0] != "arq":
        return False
    return getattr(sys.modules.get(kind.__module__), kind.__name__, None) is not kind
