"""Retry policies: which exceptions let a job run again, after which pause, and what is stored in the end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jobgate.broker import FailureCode
from jobgate.worker import Backoff, Retry, Settings, SettingsError, func
from jobgate.worker.errors import NotTransferable, ProcessRaised
from jobgate.worker.functions.retries import RetryPolicy, Rule
from jobgate.worker.jobs.outcome import Outcome, OutcomeKind, Stop, TryFacts, classify

Ctx = dict[str, Any]


async def fetch(ctx: Ctx) -> None: ...


def verdict(
    raised: BaseException,
    *,
    retry_on: tuple[type[Exception], ...] = (ConnectionError, TimeoutError),
    backoff: Backoff | Rule | None = None,
    tries: int = 1,
    stop: Stop | None = None,
    retry_jobs: bool = True,
    chance: float = 1.0,
) -> Outcome:
    policy = RetryPolicy(retry_on, backoff or Backoff())
    return classify(
        raised,
        TryFacts(
            tries=tries,
            max_tries=3,
            stop=stop,
            timeout=2.0,
            retry_jobs=retry_jobs,
            policy=policy,
            chance=chance,
        ),
    )


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        (Backoff(), [1, 2, 4, 8]),
        (Backoff(first=0.5, factor=3, longest=5), [0.5, 1.5, 4.5, 5]),
        (Backoff(first=timedelta(minutes=1), factor=1), [60, 60, 60, 60]),
        (Backoff(first=0), [0, 0, 0, 0]),
    ],
)
def test_pauses_grow_up_to_the_longest(backoff: Backoff, pauses: list[float]) -> None:
    assert [backoff.pause(tries) for tries in (1, 2, 3, 4)] == pauses


def test_a_pause_is_bounded_whatever_the_number_of_the_try() -> None:
    assert Backoff(factor=10).pause(100_000) == 300


def test_jitter_draws_from_the_whole_pause() -> None:
    assert [Backoff(first=8).pause(1, chance) for chance in (0, 0.25, 1)] == [0, 2, 8]
    assert Backoff(first=8, jitter=False).pause(1, 0.25) == 8


@pytest.mark.parametrize(
    "numbers", [{"first": -1}, {"first": float("nan")}, {"factor": 0.5}, {"longest": float("inf")}]
)
def test_back_offs_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(numbers))}="):
        Backoff(**numbers)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ConnectionError("gone"), ConnectionResetError("gone"), TimeoutError()])
def test_the_named_exceptions_and_those_derived_from_them_are_tried_again(error: Exception) -> None:
    outcome = verdict(error, tries=2, chance=0.5)
    assert (outcome.kind, outcome.defer, outcome.label) == (OutcomeKind.RETRY, 1.0, "retried")
    assert outcome.exception is error, "the log and the hooks tell why"


def test_other_exceptions_fail_at_once() -> None:
    assert verdict(ValueError("no")).label == "error"


def test_a_timeout_is_a_timeout_error_arq_401() -> None:
    assert verdict(asyncio.CancelledError(), stop=Stop.TIMEOUT).kind is OutcomeKind.RETRY
    assert verdict(asyncio.CancelledError(), stop=Stop.TIMEOUT, retry_on=(ValueError,)).label == "timeout"


def test_the_last_failure_keeps_its_own_name() -> None:
    outcome = verdict(ConnectionError("gone"), tries=3)
    assert outcome.failure is not None
    assert (outcome.failure.type, outcome.failure.message) == ("ConnectionError", "gone")
    assert outcome.failure.code is FailureCode.ERROR
    late = verdict(asyncio.CancelledError(), stop=Stop.TIMEOUT, tries=3).failure
    assert late is not None
    assert (late.type, late.code) == ("TimeoutError", FailureCode.TIMEOUT)


def test_a_retry_that_the_function_asks_for_keeps_its_own_pause() -> None:
    assert verdict(Retry(7), retry_on=(Exception,)).defer == 7
    assert verdict(Retry(7), retry_on=(Exception,), tries=3).label == "max-tries"


def test_nothing_is_tried_again_when_it_was_aborted_or_retries_are_off() -> None:
    assert verdict(ConnectionError(), stop=Stop.ABORT).label == "error"
    assert verdict(ConnectionError(), retry_jobs=False).label == "error"


def test_a_rule_of_the_users_own_says_the_pause() -> None:
    assert verdict(TimeoutError(), backoff=lambda tries: tries * 10, tries=2).defer == 20
    assert verdict(TimeoutError(), backoff=lambda tries: timedelta(hours=tries)).defer == 3600


@pytest.mark.parametrize("rule", [lambda tries: 1 / 0, lambda tries: -1, lambda tries: None])
def test_a_rule_that_fails_gives_way_to_the_default(rule: Rule, caplog: pytest.LogCaptureFixture) -> None:
    assert verdict(TimeoutError(), backoff=rule, chance=0.5).defer == 0.5
    assert "backoff of try 1 raised" in caplog.text


def test_what_a_process_could_not_carry_over_keeps_its_name() -> None:
    failure = verdict(ProcessRaised("Strange", "so odd")).failure
    assert failure is not None
    assert (failure.type, failure.message) == ("Strange", "so odd")
    assert verdict(NotTransferable("a lock")).label == "unserialisable-result"


def policy_of(function: object, **settings: object) -> RetryPolicy | None:
    [offer] = Settings.of([function], **settings).resolved().values()
    return offer.policy


def test_functions_win_over_the_worker() -> None:
    assert policy_of(fetch) is None
    assert policy_of(func(fetch, retry_on=OSError)) == RetryPolicy((OSError,), Backoff())
    assert policy_of(fetch, retry_on=OSError, backoff=5) == RetryPolicy((OSError,), Backoff(first=5))
    own = func(fetch, retry_on=[KeyError], backoff=Backoff(first=2))
    assert policy_of(own, retry_on=OSError, backoff=5) == RetryPolicy((KeyError,), Backoff(first=2))
    assert policy_of(func(fetch, retry_on=()), retry_on=OSError) is None


@pytest.mark.parametrize("value", ["ConnectionError", [ValueError("x")], asyncio.CancelledError, 3])
def test_retry_on_takes_classes_of_exceptions(value: Any) -> None:
    with pytest.raises(SettingsError, match="retry_on"):
        func(fetch, retry_on=value)
    with pytest.raises(SettingsError, match="retry_on"):
        Settings.of([fetch], retry_on=value)


@pytest.mark.parametrize("value", ["soon", -1, ValueError])
def test_back_off_takes_seconds_a_back_off_or_a_rule(value: Any) -> None:
    with pytest.raises(SettingsError, match="backoff"):
        func(fetch, backoff=value)
