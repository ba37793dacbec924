"""The gateway's problem details (RFC 9457), and the client's error for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from jobgate.client.errors import (
    ArgumentError,
    Forbidden,
    GatewayUnavailable,
    InvalidArguments,
    InvalidRequest,
    JobExists,
    JobgateError,
    JobLost,
    JobNotFound,
    NoWorker,
    OutcomeUnknown,
    RateLimited,
    ResultGone,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
)
from jobgate.client.http.response import Response, unexpected

#: Status codes with which a proxy answers while it cannot reach the gateway.
_PROXY_TROUBLE = frozenset({502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A response that is not a success."""

    status: int
    #: Problem code of the HTTP API; empty if the response does not come from a gateway.
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
        if "problem+json" not in response.headers.get("Content-Type", ""):
            return cls._of_proxy(response)
        members = response.document()
        return cls(
            status=response.status,
            code=str(members.get("code", "")),
            detail=str(members.get("detail") or members.get("title") or f"status {response.status}"),
            retryable=members.get("retryable") is True,
            retry_after=response.seconds("Retry-After"),
            members=members,
        )

    @classmethod
    def _of_proxy(cls, response: Response) -> Self:
        if response.status not in _PROXY_TROUBLE | {429}:
            raise unexpected(response)
        return cls(
            status=response.status,
            code="",
            detail=f"a proxy in front of the gateway answered {response.status}",
            retryable=True,
            retry_after=response.seconds("Retry-After"),
            members={},
        )

    @property
    def may_have_happened(self) -> bool:
        """Whether the gateway may have carried out the request."""
        return self.code == "outcome-unknown" or (not self.code and self.status in _PROXY_TROUBLE)

    @property
    def reason(self) -> str:
        """Why the request is retried, for the metrics."""
        return "rate-limited" if self.status == 429 else "unavailable"

    def error(self) -> JobgateError:
        """Return the error to raise."""
        make = _BY_CODE.get(self.code) or _BY_STATUS.get(self.status)
        if make is not None:
            return make(self)
        if self.status < 500:
            return InvalidRequest(self.detail)
        return UnexpectedAnswer(f"the gateway failed with status {self.status}: {self.detail}")


def _unknown_function(problem: Problem) -> JobgateError:
    near = problem.members.get("near")
    return UnknownFunction(
        problem.detail, near=[str(name) for name in near] if isinstance(near, list) else ()
    )


def _invalid_arguments(problem: Problem) -> JobgateError:
    listed = problem.members.get("errors")
    errors = [
        ArgumentError(str(entry.get("pointer", "")), str(entry.get("detail", "")))
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict)
    ]
    return InvalidArguments(problem.detail, errors=errors)


def _plain(kind: type[JobgateError]) -> Callable[[Problem], JobgateError]:
    return lambda problem: kind(problem.detail)


def _nothing_there(_: Problem) -> JobgateError:
    return UnexpectedAnswer("The gateway does not know this path: check the path in the client's URL.")


_BY_CODE: Mapping[str, Callable[[Problem], JobgateError]] = {
    "invalid-arguments": _invalid_arguments,
    "data-set-changed": lambda _: JobLost(),
    "job-exists": lambda _: JobExists(),
    "job-not-found": lambda _: JobNotFound(),
    "not-found": _nothing_there,
    "no-worker": lambda _: NoWorker(),
    "outcome-unknown": _plain(OutcomeUnknown),
    "result-not-kept": _plain(ResultGone),
    "unknown-function": _unknown_function,
    "unreadable-result": _plain(UnexpectedAnswer),
}

_BY_STATUS: Mapping[int, Callable[[Problem], JobgateError]] = {
    # The gateway's text names a header; here the key is an argument.
    401: lambda _: Unauthorized(),
    403: _plain(Forbidden),
    408: _plain(GatewayUnavailable),
    410: _plain(ResultGone),
    429: lambda problem: RateLimited(problem.detail, retry_after=problem.retry_after),
    502: _plain(GatewayUnavailable),
    503: _plain(GatewayUnavailable),
    504: _plain(GatewayUnavailable),
}
