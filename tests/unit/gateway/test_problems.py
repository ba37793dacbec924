"""Problems that callers see, and which errors of the broker they stand for."""

import json

import pytest

from jobgate.broker import (
    Allowance,
    BrokerError,
    BrokerFull,
    BrokerMisconfigured,
    BrokerUnavailable,
    DecodeError,
    EncodeError,
    IdempotencyConflict,
    InvalidJobRequest,
    LimitReached,
    NotAQueue,
    WriteInDoubt,
)
from jobgate.gateway.http.problems import KINDS
from jobgate.gateway.jobs import broker_problem


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (WriteInDoubt(), 503, "outcome-unknown"),
        (BrokerUnavailable(), 503, "unavailable"),
        (BrokerFull(), 503, "queue-full"),
        (BrokerMisconfigured("WRONGPASS at 10.0.0.1"), 503, "misconfigured"),
        (NotAQueue(), 503, "misconfigured"),
        (IdempotencyConflict(), 422, "idempotency-key-reused"),
        (InvalidJobRequest(), 422, "invalid-request"),
        (EncodeError(), 422, "invalid-arguments"),
        (DecodeError(), 410, "unreadable-result"),
        (BrokerError(), 500, "internal-error"),
    ],
)
def test_broker_errors_become_problems_without_redis_text(error: BrokerError, status: int, code: str) -> None:
    problem = broker_problem(error, job_id="j1")
    document = problem.document("r1")
    assert (document["status"], document["code"], document["instance"]) == (status, code, "r1")
    assert ("Retry-After" in problem.headers) == document["retryable"]
    assert "10.0.0.1" not in json.dumps(document)
    assert document.get("job_id") == ("j1" if code == "outcome-unknown" else None)


@pytest.mark.parametrize(
    ("error", "code", "headers"),
    [
        (
            LimitReached("rate", 0.02, Allowance(limit=10, remaining=0, reset=0.12)),
            "rate-limited",
            {"Retry-After": "1", "RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"},
        ),
        (LimitReached("rate", 61.2), "rate-limited", {"Retry-After": "62"}),
        (LimitReached("pending", 5.0), "too-many-pending", {"Retry-After": "5"}),
    ],
)
def test_limits_say_when_to_come_again(error: LimitReached, code: str, headers: dict[str, str]) -> None:
    problem = broker_problem(error, job_id="j1")
    document = problem.document("r1")
    assert (document["status"], document["code"], document["retryable"]) == (429, code, True)
    assert "job_id" not in document
    assert problem.headers == headers


def test_which_problems_may_pass_with_time() -> None:
    assert {code for code, kind in KINDS.items() if kind.retryable} == {
        "body-timeout",
        "too-many-bad-keys",
        "rate-limited",
        "too-many-pending",
        "too-many-waits",
        "too-many-streams",
        "unavailable",
        "outcome-unknown",
        "queue-full",
        "answers-unread",
        "no-worker",
        "keys-unavailable",
        "shutting-down",
        "not-ready",
    }
    assert broker_problem(BrokerFull()).headers == {"Retry-After": "1"}
