"""The errors of the client; the same classes over HTTP and over Redis.

```
JobgateError
├── JobFailed                  the job ended without a result
│   └── JobAborted             … because it was aborted
├── JobExists                  a job with this `_job_id` already exists
├── JobNotFound                no such job, or none that this caller may see
│   ├── ResultGone             the job has ended and its result was not kept
│   └── JobLost                Redis has lost its data
├── NotFinished                the job cannot be retried before it has ended
├── ArgumentsGone              the job cannot be retried, because its arguments are gone
├── ResultTimeout              the job has not ended in time
├── UnknownFunction            no worker offers the function
├── InvalidArguments           the arguments do not fit the function, or cannot be sent
├── InvalidRequest             the gateway cannot accept the request as it is
│   ├── InvalidOption          an option of the call is wrong (also a TypeError)
│   └── NeedsGateway           only a gateway can do this, and the address is that of Redis
├── Unauthorized               no key, or one that the gateway does not know
├── Forbidden                  the key does not allow this
├── RateLimited                too many requests
├── GatewayUnavailable         the gateway, or Redis, cannot answer now
│   ├── NoWorker               no live worker could take the call
│   └── OutcomeUnknown         the answer was lost: the job may or may not exist
├── UntrustedGateway           the gateway's certificate is not trusted
├── UnexpectedAnswer           the answer is not jobgate's
├── ResultMismatch             the job succeeded, and its result has not the type of the return hint
├── ClientClosed               the client is not open (also a RuntimeError)
├── WouldDeadlock              the client itself runs the code that makes this call (also a RuntimeError)
└── MissingExtra               a package for this address or this call is not installed (also an ImportError)
```

The docstring of each class is its default message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self


class JobgateError(Exception):
    """The call failed."""

    #: Value of the label `outcome` in the client's metrics.
    outcome: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        """Keep `message`; by default it is the first paragraph of the class docstring."""
        super().__init__(message or (type(self).__doc__ or "").split("\n\n")[0])
        #: The job that the error is about, to ask for it again later; None where there is none. It is a
        #: `JobHandle`, or a `BlockingJobHandle` where a `BlockingClient` raised the error.
        self.job: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle everything but the `job`, whose connections belong to this process."""
        return type(self), self.args, {**self.__dict__, "job": None}


class JobFailed(JobgateError):
    """The job failed for good.

    Attributes:
        type: Class name of the exception that the function raised, without its module.
        message: Message of that exception.
        code: Failure code of the HTTP API: `error`, `timeout`, `aborted`, `expired`, `max-tries`,
            `lost-body`, `unserialisable-result`; newer gateways may have more.
    """

    outcome = "failed"

    def __init__(self, type: str, message: str, code: str = "error") -> None:
        """Keep class name and message of the exception, and the failure code."""
        super().__init__(f"{type}: {message}" if message else type)
        self.type = type
        self.message = message
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields, not the message, so that it can be sent to another process."""
        return type(self), (self.type, self.message, self.code)


class JobAborted(JobFailed):
    """The job was aborted."""

    outcome = "aborted"


class JobExists(JobgateError):
    """A job with this id already exists: use the `job` of this error, or choose another id."""

    outcome = "exists"


class JobNotFound(JobgateError):
    """No such job: the id is wrong, it belongs to another caller, or its result has expired."""

    outcome = "not-found"


class ResultGone(JobNotFound):
    """The job has ended and its result was not kept: keep it longer, or ask sooner."""


class JobLost(JobNotFound):
    """Redis lost its data, including this job, which may have run: enqueue it again if it may run twice."""

    outcome = "lost"


class NotFinished(JobgateError):
    """The job has not ended, so it cannot be retried: abort it first, or wait for its end."""


class ArgumentsGone(JobgateError):
    """The job has ended and its arguments are gone: enqueue a new job with them."""


class ResultTimeout(JobgateError):
    """The job has not ended in time. It is not stopped: `job.result()` can wait for it again."""

    outcome = "timeout"


class UnknownFunction(JobgateError):
    """No worker offers this function: check its name and queue, or start a worker that has it.

    Attributes:
        near: Similar names of functions that workers offer, the most similar first; may be empty.
        queues: Other queues whose workers are known to offer it; may be empty.
    """

    outcome = "unknown-function"

    def __init__(
        self, message: str | None = None, *, near: Sequence[str] = (), queues: Sequence[str] = ()
    ) -> None:
        """Keep `message`, the similar names and the queues."""
        super().__init__(message)
        self.near = tuple(near)
        self.queues = tuple(queues)

    @classmethod
    def named(cls, function: str, near: Sequence[str], queues: Sequence[str] = ()) -> Self:
        """Return an error that names the function, and similar ones or its queues."""
        where, advice = "", "check its name and queue, or start a worker that has it."
        if queues:
            where, advice = " in this queue", f"name its queue, {' or '.join(map(repr, queues))}."
        elif near:
            advice = f"did you mean {' or '.join(map(repr, near))}?"
        return cls(f"No worker offers {function!r}{where}: {advice}", near=near, queues=queues)


@dataclass(frozen=True, slots=True)
class ArgumentError:
    """One thing that is wrong with the arguments."""

    #: Its place, as a JSON pointer into the request: `#/kwargs/lang`.
    pointer: str
    #: What is wrong there.
    detail: str


class InvalidArguments(JobgateError):
    """The arguments do not fit the function, or cannot be sent.

    Attributes:
        errors: What is wrong, one entry for each place; empty where only the message says it.
    """

    outcome = "invalid"

    def __init__(self, message: str | None = None, *, errors: Sequence[ArgumentError] = ()) -> None:
        """Keep `message` and the single errors."""
        super().__init__(message)
        self.errors = tuple(errors)


class InvalidRequest(JobgateError):
    """The request cannot be accepted as it is: correct it before trying again."""

    outcome = "invalid"


class InvalidOption(InvalidRequest, TypeError):
    """An option of the call is unknown or has a wrong value: see the options of `Client.enqueue`."""


class NeedsGateway(InvalidRequest):
    """Only a gateway can do this: use its URL, http://…, in place of that of Redis."""


class Unauthorized(JobgateError):
    """The gateway requires a key that it knows: pass `Client(url, key=…)`."""

    outcome = "refused"


class Forbidden(JobgateError):
    """The key does not allow this: ask for a key with the right scope."""

    outcome = "refused"


class RateLimited(JobgateError):
    """Too many requests or waits: slow down.

    Attributes:
        retry_after: Seconds to wait before the next request, if the gateway says so, otherwise None.
    """

    outcome = "refused"

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        """Keep `message` and the pause that the gateway asks for."""
        super().__init__(message)
        self.retry_after = retry_after


class GatewayUnavailable(JobgateError):
    """The gateway, or Redis, cannot answer now: check that it runs, then try again."""

    outcome = "unavailable"


class NoWorker(GatewayUnavailable):
    """No live worker could take this call, so nothing was enqueued: start a worker, or enqueue instead."""


class OutcomeUnknown(GatewayUnavailable):
    """The answer was lost, and the job may or may not exist: ask the `job` of this error for its status."""

    outcome = "unknown"


class UntrustedGateway(JobgateError):
    """The gateway's certificate is not trusted: pass the CA that signed it, Client(url, ca_file=…)."""


class UnexpectedAnswer(JobgateError):
    """The answer is not jobgate's: check the URL, and the proxies on the way."""


class ResultMismatch(JobgateError):
    """The job succeeded, but its result has not the type of the function's return hint.

    The worker probably runs another version of the function.

    Attributes:
        function: Name of the function.
        result: The result as it arrived.
        detail: What does not fit.
    """

    outcome = "mismatch"

    def __init__(self, function: str = "", result: Any = None, detail: str = "") -> None:
        """Keep the result."""
        super().__init__(
            f"The job succeeded, but its result has not the type that {function!r} returns here ({detail}): "
            "the worker probably runs another version; `result` of this error has the value."
            if function
            else None
        )
        self.function = function
        self.result = result
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields, not the message, so that it can be sent to another process."""
        return type(self), (self.function, self.result, self.detail)


class ClientClosed(JobgateError, RuntimeError):
    """The client is not open: use it inside `async with Client(…) as client`."""


class WouldDeadlock(JobgateError, RuntimeError):
    """The client itself runs the code that makes this call, and would wait for itself: use another client.

    Such code is, for example, a serializer of an argument, or a log handler.
    """


class MissingExtra(JobgateError, ImportError):
    """A Redis package is not installed: install jobgate with its extra [worker], pip install '.[worker]'."""
