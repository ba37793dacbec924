"""What can go wrong when a function is called; the same classes over HTTP and over Redis.

```
JobgateError
├── JobFailed                  the job ended without a result
│   └── JobAborted             … because somebody asked to stop it
├── JobExists                  the `_job_id` belongs to a job already
├── JobNotFound                no such job, or none that this caller may see
│   ├── ResultGone             the job has ended and its result was not kept
│   └── JobLost                Redis has lost its data
├── ResultTimeout              the wait is over and the job goes on
├── UnknownFunction            no worker offers it
├── InvalidArguments           they do not fit the function or cannot be sent
├── InvalidRequest             the gateway cannot accept the request as it is
│   └── InvalidOption          an option of the call is wrong (also a TypeError)
├── Unauthorized               no key, or one that the gateway does not know
├── Forbidden                  the key does not allow this
├── RateLimited                too many requests
├── GatewayUnavailable         the gateway, or Redis, cannot do it now
│   ├── NoWorker               no live worker could take the call
│   └── OutcomeUnknown         the answer was lost: the job may or may not exist
├── UnexpectedAnswer           what came back is not jobgate's
├── ClientClosed               the client is not open (also a RuntimeError)
└── MissingExtra               a package for this kind of address is not installed (also an ImportError)
```

The docstring of each class is its default message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from jobgate.client.job_handle import JobHandle


class JobgateError(Exception):
    """The call did not succeed."""

    #: Value of the label `outcome` in the client's metrics.
    outcome: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        """Keep `message`, by default the first sentence of the class docstring."""
        super().__init__(message or (type(self).__doc__ or "").split("\n\n")[0])
        #: The job that was asked for, to look at it again later; None where the error is not about one.
        self.job: JobHandle | None = None


class JobFailed(JobgateError):
    """The job failed for good.

    Attributes:
        type: Name of the exception class that the function raised, without its module.
        message: Its text.
        code: Why, one of the codes of the HTTP API: `error`, `timeout`, `aborted`, `expired`, `max-tries`,
            `lost-body`, `unserialisable-result`; newer gateways may know more.
    """

    outcome = "failed"

    def __init__(self, type: str, message: str, code: str = "error") -> None:
        """Describe the failure by the exception's type name, its message and the failure code."""
        super().__init__(f"{type}: {message}" if message else type)
        self.type = type
        self.message = message
        self.code = code

    def __reduce__(self) -> tuple[type[JobgateError], tuple[str, ...]]:
        """Pickle by the three fields, so that it crosses process borders."""
        return type(self), (self.type, self.message, self.code)


class JobAborted(JobFailed):
    """The job was stopped because somebody asked for it."""

    outcome = "aborted"


class JobExists(JobgateError):
    """A job with this id exists already: read it with the `job` of this error, or choose another id."""

    outcome = "exists"


class JobNotFound(JobgateError):
    """No such job: the id is wrong, it belongs to another caller, or its result was dropped long ago."""

    outcome = "not-found"


class ResultGone(JobNotFound):
    """The job has ended and its result was not kept: let the function keep it, or ask sooner."""


class JobLost(JobNotFound):
    """Redis lost its data, including this job, which may have run: enqueue it again if it may run twice."""

    outcome = "lost"


class ResultTimeout(JobgateError):
    """No result in the time that was given; the job goes on and `job.result()` can wait again."""

    outcome = "timeout"


class UnknownFunction(JobgateError):
    """No worker offers this function: check its name, or start a worker that has it.

    Attributes:
        near: Names of functions that look like it, the nearest first; empty where nothing is known.
    """

    outcome = "unknown-function"

    def __init__(self, message: str | None = None, *, near: Sequence[str] = ()) -> None:
        """Keep `message` and the names that look like the unknown one."""
        super().__init__(message)
        self.near = tuple(near)

    @classmethod
    def named(cls, function: str, near: Sequence[str]) -> Self:
        """Make the error that names the function, and those that look like it."""
        names = " or ".join(repr(name) for name in near)
        advice = f"did you mean {names}?" if near else "check its name, or start a worker that has it."
        return cls(f"No worker offers {function!r}: {advice}", near=near)


@dataclass(frozen=True, slots=True)
class ArgumentError:
    """One thing that is wrong with the arguments."""

    #: Where, as a JSON pointer into the request: `#/kwargs/lang`.
    pointer: str
    #: What, in words.
    detail: str


class InvalidArguments(JobgateError):
    """The arguments do not fit the function, or cannot be sent.

    Attributes:
        errors: What is wrong, one entry per place; empty where only the message says it.
    """

    outcome = "invalid"

    def __init__(self, message: str | None = None, *, errors: Sequence[ArgumentError] = ()) -> None:
        """Keep `message` and what is wrong in each place."""
        super().__init__(message)
        self.errors = tuple(errors)


class InvalidRequest(JobgateError):
    """The request cannot be accepted as it is: correct it before trying again."""

    outcome = "invalid"


class InvalidOption(InvalidRequest, TypeError):
    """An option of the call is unknown or has a wrong value: see the options of `Client.enqueue`."""


class Unauthorized(JobgateError):
    """The gateway wants a key that it knows: pass `Client(url, key=…)`."""

    outcome = "refused"


class Forbidden(JobgateError):
    """The key does not allow this: ask for a key with the right scope."""

    outcome = "refused"


class RateLimited(JobgateError):
    """Too many requests or waits: slow down.

    Attributes:
        retry_after: Seconds to wait before the next try, as the gateway says; None where it does not.
    """

    outcome = "refused"

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        """Keep `message` and the gateway's advice when to come back."""
        super().__init__(message)
        self.retry_after = retry_after


class GatewayUnavailable(JobgateError):
    """What the client talks to cannot answer now: check that it runs, then try again."""

    outcome = "unavailable"


class NoWorker(GatewayUnavailable):
    """No live worker could take this call, so nothing was enqueued: start a worker, or enqueue instead."""


class OutcomeUnknown(GatewayUnavailable):
    """The answer was lost and the job may or may not exist: look at the `job` of this error."""

    outcome = "unknown"


class UnexpectedAnswer(JobgateError):
    """What came back is not jobgate's answer: check the URL and what stands between."""


class ClientClosed(JobgateError, RuntimeError):
    """The client is not open: use it inside `async with Client(…) as client`."""


class MissingExtra(JobgateError, ImportError):
    """A Redis package is not installed: install jobgate with its extra [worker], pip install '.[worker]'."""
