"""The client's errors in place of the broker's."""

from collections.abc import Iterator
from contextlib import contextmanager

from jobgate.broker import errors
from jobgate.client.errors import (
    GatewayUnavailable,
    InvalidArguments,
    InvalidRequest,
    JobgateError,
    JobLost,
    OutcomeUnknown,
    UnexpectedAnswer,
)

#: The broker's error -> what the caller gets; a class stands before its base.
_ERRORS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[JobgateError]], ...] = (
    (errors.WriteInDoubt, OutcomeUnknown),
    (errors.PASSING_ERRORS, GatewayUnavailable),
    (errors.DataSetChanged, JobLost),
    (errors.EncodeError, InvalidArguments),
    (errors.DecodeError, UnexpectedAnswer),
    (errors.BrokerError, InvalidRequest),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the client's error in place of the broker's, with its message, which names address and cause."""
    try:
        yield
    except errors.BrokerError as error:
        raise error_of(error) from None


def error_of(error: errors.BrokerError) -> JobgateError:
    """Return the client's error for one of the broker."""
    kind = next(mine for theirs, mine in _ERRORS if isinstance(error, theirs))
    return kind(str(error))
