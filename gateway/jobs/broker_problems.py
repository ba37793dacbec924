"""Problem details for the broker's errors."""

import math
from typing import Final

from jobgate.broker import (
    Allowance,
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    DataSetChanged,
    DecodeError,
    EncodeError,
    IdempotencyConflict,
    InvalidJobRequest,
    LimitReached,
    WriteInDoubt,
)
from jobgate.gateway.http import Problem

#: Error, code and detail. Ordered: a class comes before its base.
_PROBLEMS: Final[tuple[tuple[type[BrokerError], str, str], ...]] = (
    (WriteInDoubt, "outcome-unknown", "Send the same request with the same job_id again."),
    (BrokerUnavailable, "unavailable", "Try again in a moment."),
    (BrokerFull, "queue-full", "Try again when jobs have finished or Redis has more memory."),
    (BrokerMisconfigured, "misconfigured", "The gateway's log has the reason."),
    (DataSetChanged, "data-set-changed", "It may have run: send it again if it may run twice."),
    (IdempotencyConflict, "idempotency-key-reused", "Use a new key for a new request."),
    (
        InvalidJobRequest,
        "invalid-request",
        "The options of the job contradict each other or are out of range.",
    ),
    (EncodeError, "invalid-arguments", "The gateway's serializer cannot encode the arguments."),
    (DecodeError, "unreadable-result", "It was written with another serializer, or is too large to be read."),
    (BrokerError, "internal-error", "The gateway's log has the reason."),
)


def broker_problem(error: BrokerError, *, job_id: str | None = None) -> Problem:
    """Return the problem with which the gateway answers an error of the broker.

    Args:
        error: The error; its text is not shown.
        job_id: The id under which an enqueue with an unknown outcome can be repeated.
    """
    if isinstance(error, LimitReached):
        return _limit_problem(error)
    code, detail = next((code, detail) for kind, code, detail in _PROBLEMS if isinstance(error, kind))
    members = {"job_id": job_id} if job_id and code == "outcome-unknown" else None
    return Problem(code, detail, members=members)


def _limit_problem(error: LimitReached) -> Problem:
    headers = {"Retry-After": f"{max(math.ceil(error.retry_after), 1)}"}
    if error.allowance is not None:
        headers |= rate_limit_headers(error.allowance)
    if error.kind == "rate":
        return Problem("rate-limited", "Nothing was enqueued: send fewer jobs a second.", headers=headers)
    return Problem("too-many-pending", "Nothing was enqueued: wait until some have ended.", headers=headers)


def rate_limit_headers(allowance: Allowance) -> dict[str, str]:
    """Return the headers by which a caller whose rate is limited learns what is left of it."""
    return {
        "RateLimit-Limit": f"{allowance.limit}",
        "RateLimit-Remaining": f"{allowance.remaining}",
        "RateLimit-Reset": f"{math.ceil(allowance.reset)}",
    }
