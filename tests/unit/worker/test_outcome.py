"""The verdict on a try that ended with an exception."""

import asyncio
import math
from datetime import timedelta

import pytest

from jobgate.broker import FailureCode
from jobgate.worker import Retry, RetryJob
from jobgate.worker.jobs.outcome import (
    MESSAGE_LIMIT,
    Outcome,
    OutcomeKind,
    Stop,
    TryFacts,
    classify,
    unserialisable,
)


def facts(
    *, tries: int = 1, max_tries: int = 5, stop: Stop | None = None, retry_jobs: bool = True
) -> TryFacts:
    return TryFacts(tries=tries, max_tries=max_tries, stop=stop, timeout=2.0, retry_jobs=retry_jobs)


def raised(error: BaseException) -> BaseException:
    """Give an exception a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Retry(), None),
        (Retry(1.5), 1.5),
        (Retry(timedelta(minutes=1)), 60.0),
        (RetryJob(), None),
        (type("Retry", (RuntimeError,), {"__module__": "arq.worker", "defer_score": 2500})(), 2.5),
        (type("Retry", (RuntimeError,), {"__module__": "arq.worker", "defer_score": None})(), None),
        (type("RetryJob", (RuntimeError,), {"__module__": "arq.worker"})(), None),
    ],
)
def test_a_retry_is_one_more_try(error: BaseException, expected: float | None) -> None:
    outcome = classify(error, facts(tries=4))
    assert (outcome.kind, outcome.defer) == (OutcomeKind.RETRY, expected)


def test_a_retry_in_the_last_try_fails_at_once() -> None:
    outcome = classify(Retry(5), facts(tries=5))
    assert outcome.label == "max-tries"
    assert outcome.failure is not None
    assert outcome.failure.message == "max 5 retries exceeded"


def test_a_users_own_class_named_retry_is_an_error() -> None:
    for module in ("shop.errors", None):
        own = type("Retry", (RuntimeError,), {"__module__": module})()
        assert classify(own, facts()).label == "error"


def test_retries_are_failures_where_they_are_switched_off() -> None:
    assert classify(Retry(), facts(retry_jobs=False)).label == "error"


@pytest.mark.parametrize(
    ("stop", "kind", "label"),
    [
        (Stop.ABORT, OutcomeKind.FAILED, "aborted"),
        (Stop.TIMEOUT, OutcomeKind.FAILED, "timeout"),
        (Stop.SHUTDOWN, OutcomeKind.RELEASE, "released"),
        (Stop.LOST, OutcomeKind.LOST, "lost"),
        (None, OutcomeKind.RETRY, "retried"),
    ],
)
def test_a_cancellation_means_what_it_was_for(stop: Stop | None, kind: OutcomeKind, label: str) -> None:
    outcome = classify(asyncio.CancelledError(), facts(stop=stop))
    assert (outcome.kind, outcome.label) == (kind, label)


@pytest.mark.parametrize("stop", [Stop.SHUTDOWN, None])
def test_a_cancellation_is_a_failure_where_retries_are_switched_off(stop: Stop | None) -> None:
    assert classify(asyncio.CancelledError(), facts(stop=stop, retry_jobs=False)).label == "aborted"


def test_a_functions_own_timeout_error_is_an_error() -> None:
    assert classify(TimeoutError("mine"), facts()).label == "error"


def test_a_failure_tells_type_message_and_traceback() -> None:
    failure = classify(raised(ValueError("no such user")), facts()).failure
    assert failure is not None
    assert (failure.type, failure.message, failure.code) == ("ValueError", "no such user", FailureCode.ERROR)
    assert failure.traceback is not None
    assert "raise error" in failure.traceback


def test_exceptions_that_cannot_be_shown_do_no_harm() -> None:
    class Nasty(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    failure = classify(raised(Nasty()), facts()).failure
    assert failure is not None
    assert "cannot be read" in failure.message
    long = classify(ValueError("x" * 99_999), facts()).failure
    assert long is not None
    assert len(long.message) == MESSAGE_LIMIT


def test_what_cannot_be_stored_is_replaced_by_a_failure_that_says_so() -> None:
    assert (
        unserialisable(Outcome(OutcomeKind.SUCCESS, value=object()), "why").label == "unserialisable-result"
    )
    failed = classify(ValueError("x"), facts())
    assert unserialisable(failed, "why").failure == failed.failure
    assert unserialisable(failed, "why").exception is None


def test_what_arqs_users_know_of_retry() -> None:
    """arq's `Retry` and `RetryJob` are RuntimeErrors, and tests of its users look at `defer_score`."""
    assert [Retry(defer).defer_score for defer in (None, 1.5, timedelta(seconds=2))] == [None, 1500, 2000]
    for never in (math.inf, math.nan):
        with pytest.raises(ValueError, match="finite"):
            Retry(never)
    assert issubclass(Retry, RuntimeError)
    assert issubclass(RetryJob, RuntimeError)
