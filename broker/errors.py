"""The errors of the broker.

```
BrokerError
├── BrokerUnavailable          Redis is unreachable or not ready; try again later
│   └── WriteInDoubt           the answer to a write was lost, or Redis stopped a script halfway
├── BrokerFull                 Redis refuses writes: out of memory or disk
├── BrokerMisconfigured        wrong address, password, rights or settings
│   └── NotAQueue              a queue's key holds another type of value
├── DataSetChanged             Redis has lost its data, including the job that was waited for
├── InvalidJobRequest          a job request contradicts itself
│   └── InvalidName            the name of a queue, a namespace or a job would collide with other keys
├── InvalidCursor              a cursor is not from a page of this list
├── CodecError
│   ├── EncodeError            the codec cannot encode a value
│   └── DecodeError            stored bytes cannot be read
├── IdempotencyConflict        another request used the idempotency key
├── LimitReached               the caller's rate, or its number of pending jobs, is used up
└── EmbeddedServerError        the embedded server did not start
```

The docstring of each class is its default message.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jobgate.broker.records import Allowance


class BrokerError(Exception):
    """An operation of the broker failed."""

    #: Why it failed, if that matters to callers: `wrong-server`, `no-replicas`, `halfway`; else empty.
    reason = ""

    def __init__(self, message: str | None = None) -> None:
        """Set the message, by default the first paragraph of the class docstring."""
        super().__init__(message or (type(self).__doc__ or "").split("\n\n")[0])


class BrokerUnavailable(BrokerError):
    """Redis cannot be reached or is not ready to answer: check that it runs, then try again."""


class WriteInDoubt(BrokerUnavailable):
    """The answer to a write was lost, so it may have happened: repeat it with the same id."""


class BrokerFull(BrokerError):
    """Redis refuses writes because its memory or disk is full: free some or raise maxmemory."""


class BrokerMisconfigured(BrokerError):
    """Redis refused the connection or a command: check address, password, ACL and settings."""


#: Errors that pass with time, without a change of the call.
PASSING_ERRORS: Final = (BrokerUnavailable, BrokerFull, BrokerMisconfigured)


class NotAQueue(BrokerMisconfigured):
    """The key of the queue holds another type of value: choose another queue name."""


class DataSetChanged(BrokerError):
    """Redis lost its data, including this job, which may have run: enqueue it again if it may run twice."""


class InvalidJobRequest(BrokerError):
    """A job request contradicts itself or is out of range: correct the option that is named."""


class InvalidName(InvalidJobRequest, ValueError):
    """A name would collide with other keys: choose another."""


class InvalidCursor(BrokerError, ValueError):
    """The cursor is not from an earlier page of this list: start without one."""


class CodecError(BrokerError):
    """A value could not be converted to or from its stored bytes."""


class EncodeError(CodecError):
    """A value cannot be written with this codec: pass plain data or choose another codec."""


class DecodeError(CodecError):
    """Stored bytes cannot be read: producer and reader must use the same codec."""


class IdempotencyConflict(BrokerError):
    """This idempotency key was used before for another request: choose a new key."""


class LimitReached(BrokerError):
    """The caller has reached a limit, and nothing was enqueued: slow down.

    Attributes:
        kind: `rate` or `pending`.
        retry_after: Seconds until the next job may come; for `pending` a guess.
        allowance: What is left of the rate; None = the key has none, or it was not looked at.
    """

    def __init__(self, kind: str, retry_after: float, allowance: "Allowance | None" = None) -> None:
        """Say which limit was reached."""
        super().__init__(
            "The caller enqueues more jobs a second than it may: slow down."
            if kind == "rate"
            else "The caller has as many jobs that have not ended as it may have: wait until some have."
        )
        self.kind = kind
        self.retry_after = retry_after
        self.allowance = allowance


class EmbeddedServerError(BrokerError):
    """The embedded server did not start: read its log in the data folder."""
