"""The gateway's problem details (RFC 9457), and the client's error for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from jobgate.client.errors import (
    ArgumentError,
    ArgumentsGone,
    Forbidden,
    GatewayUnavailable,
    InvalidArguments,
    InvalidRequest,
    JobExists,
    JobgateError,
    JobLost,
    JobNotFound,
    NotFinished,
    NoWorker,
    OutcomeUnknown,
    RateLimited,
    ResultGone,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
)
from jobgate.client.http.connection.response import Response, unexpected

#: Status codes with which a proxy answers while it cannot reach the gateway.
_PROXY_TROUBLE = frozenset({502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class ProblemAnswer:
    """A response that is not a success."""

    status: int
    #: The problem's code in the HTTP API; empty if the response does not come from a gateway.
    code: str
    detail: str
    #: The same request may succeed later.
    retryable: bool
    #: Seconds after which to retry; None if the response does not say.
    retry_after: float | None
    members: Mapping[str, Any]

    @classmethod
    def of(cls, response: Response) -> Self:
        """Return the problem that a response describes.

        Raises:
            UnexpectedAnswer: The response is neither a gateway's problem nor a proxy's.
        """
        status = response.status
        if "problem+json" in response.headers.get("Content-Type", ""):
            members = response.document()
        elif status in _PROXY_TROUBLE | {429}:
            detail = f"a proxy in front of the gateway answered {status}"
            members = {"detail": detail, "retryable": True}
        else:
            raise unexpected(response)
        return cls(
            status=status,
            code=str(members.get("code", "")),
            detail=str(members.get("detail") or members.get("title") or f"status {status}"),
            retryable=members.get("retryable") is True,
            retry_after=response.seconds("Retry-After"),
            members=members,
        )

    @classmethod
    def in_batch(cls, status: int, members: Mapping[str, Any]) -> Self:
        """Return the problem of one job of a batch."""
        pause = members.get("retry_after")
        return cls(
            status=status,
            code=str(members.get("code", "")),
            detail=str(members.get("detail") or f"status {status}"),
            retryable=members.get("retryable") is True,
            retry_after=float(pause) if isinstance(pause, int | float) else None,
            members=members,
        )

    @property
    def may_have_happened(self) -> bool:
        """Whether the gateway may have carried out the request."""
        return self.code == "outcome-unknown" or (not self.code and self.status in _PROXY_TROUBLE)

    def listed(self, member: str) -> list[Any]:
        """Return a member that is a list; empty if there is none."""
        found = self.members.get(member)
        return found if isinstance(found, list) else []

    def error(self) -> JobgateError:
        """Return the error to raise."""
        make = _BY_CODE.get(self.code) or _BY_STATUS.get(self.status)
        if make is not None:
            return make(self)
        if self.status < 500:
            return InvalidRequest(self.detail)
        return UnexpectedAnswer(f"the gateway failed with status {self.status}: {self.detail}")


def _unknown_function(answer: ProblemAnswer) -> JobgateError:
    near, queues = ([str(name) for name in answer.listed(member)] for member in ("near", "queues"))
    return UnknownFunction(answer.detail, near=near, queues=queues)


def _invalid_arguments(answer: ProblemAnswer) -> JobgateError:
    errors = [
        ArgumentError(str(entry.get("pointer", "")), str(entry.get("detail", "")))
        for entry in answer.listed("errors")
        if isinstance(entry, dict)
    ]
    return InvalidArguments(_listed(errors) if errors else answer.detail, errors=errors)


def _listed(errors: Sequence[ArgumentError]) -> str:
    lines = [f"{error.pointer.removeprefix('#/')}: {error.detail}" for error in errors]
    if len(lines) == 1:
        return f"The function does not accept the arguments: {lines[0]}"
    return "\n  ".join(["The function does not accept the arguments:", *lines])


def _plain(kind: type[JobgateError]) -> Callable[[ProblemAnswer], JobgateError]:
    return lambda answer: kind(answer.detail)


_BY_CODE: Mapping[str, Callable[[ProblemAnswer], JobgateError]] = {
    "arguments-gone": lambda _: ArgumentsGone(),
    "invalid-arguments": _invalid_arguments,
    "data-set-changed": lambda _: JobLost(),
    "job-exists": lambda _: JobExists(),
    "job-not-found": lambda _: JobNotFound(),
    "not-finished": lambda _: NotFinished(),
    "not-found": lambda _: UnexpectedAnswer(
        "The gateway does not know this path: check the path in the client's URL."
    ),
    "no-worker": lambda _: NoWorker(),
    "outcome-unknown": _plain(OutcomeUnknown),
    "result-not-kept": _plain(ResultGone),
    "unknown-function": _unknown_function,
    "unreadable-result": _plain(UnexpectedAnswer),
}

_BY_STATUS: Mapping[int, Callable[[ProblemAnswer], JobgateError]] = {
    # The gateway's text names a header; here the key is an argument.
    401: lambda _: Unauthorized(),
    403: _plain(Forbidden),
    410: _plain(ResultGone),
    429: lambda answer: RateLimited(answer.detail, retry_after=answer.retry_after),
    **dict.fromkeys((408, 502, 503, 504), _plain(GatewayUnavailable)),
}
