"""The gateway's problem documents (RFC 9457), and which error of the client each one is."""

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
from jobgate.client.http.answers import Answer, unexpected

#: What stands between client and gateway answers these while it cannot reach the gateway.
_PROXY_TROUBLE = frozenset({502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One answer that is no success."""

    status: int
    #: One of the codes of http-api.md; empty when something else than the gateway answered.
    code: str
    detail: str
    #: The same request may succeed later.
    retryable: bool
    #: Seconds until it is worth a try; None where the answer does not say.
    retry_after: float | None
    members: Mapping[str, Any]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Read a problem.

        Raises:
            UnexpectedAnswer: It is neither a problem of the gateway nor the trouble of a proxy.
        """
        if "problem+json" not in answer.headers.get("Content-Type", ""):
            return cls._of_proxy(answer)
        members = answer.document()
        return cls(
            status=answer.status,
            code=str(members.get("code", "")),
            detail=str(members.get("detail") or members.get("title") or f"status {answer.status}"),
            retryable=members.get("retryable") is True,
            retry_after=answer.seconds("Retry-After"),
            members=members,
        )

    @classmethod
    def _of_proxy(cls, answer: Answer) -> Self:
        if answer.status not in _PROXY_TROUBLE | {429}:
            raise unexpected(answer)
        return cls(
            status=answer.status,
            code="",
            detail=f"the answer {answer.status} came from something before the gateway",
            retryable=True,
            retry_after=answer.seconds("Retry-After"),
            members={},
        )

    @property
    def may_have_happened(self) -> bool:
        """True when the request may have been carried out all the same."""
        return self.code == "outcome-unknown" or (not self.code and self.status in _PROXY_TROUBLE)

    @property
    def reason(self) -> str:
        """Why the request is repeated, for the metrics."""
        return "rate-limited" if self.status == 429 else "unavailable"

    def error(self) -> JobgateError:
        """Return what the caller is told."""
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
    # The gateway tells the header; here it is an argument.
    401: lambda _: Unauthorized(),
    403: _plain(Forbidden),
    408: _plain(GatewayUnavailable),
    410: _plain(ResultGone),
    429: lambda problem: RateLimited(problem.detail, retry_after=problem.retry_after),
    502: _plain(GatewayUnavailable),
    503: _plain(GatewayUnavailable),
    504: _plain(GatewayUnavailable),
}
