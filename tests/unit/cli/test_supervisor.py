"""How long the supervisor waits; its processes are in tests/integration/worker/test_operations.py."""

import pytest

from jobgate.cli.supervision.deaths import Cause, Deaths, cause_of, pause_after, shown


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [pause_after(deaths, is_last=False) for deaths in (1, 2, 3, 6, 7, 8, 10**6)]
    assert pauses == [0.5, 1, 2, 16, 30, 30, 30]


def test_the_last_one_that_tries_does_not_wait_long() -> None:
    assert [pause_after(deaths, is_last=True) for deaths in (1, 2, 3, 4, 10**6)] == [0.5, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("code", "has_started", "was_killed", "cause"),
    [
        (1, False, False, Cause.START),
        (137, False, False, Cause.START),
        (1, True, False, Cause.CRASH),
        (137, True, False, Cause.CRASH),
        (70, True, False, Cause.WEDGE),
        (137, True, True, Cause.FROZEN),
    ],
)
def test_causes(code: int, has_started: bool, was_killed: bool, cause: Cause) -> None:
    assert cause_of(code, has_started=has_started, was_killed=was_killed, exit_wedged=70) is cause


def test_deaths_are_counted_for_each_cause() -> None:
    deaths = Deaths()
    assert [deaths.add(cause) for cause in (Cause.START, Cause.START, Cause.CRASH)] == [1, 2, 1]
    assert [deaths.add(cause) for cause in (Cause.WEDGE, Cause.CRASH, Cause.START)] == [1, 2, 1]
    deaths.forget()
    assert deaths.add(Cause.CRASH) == 1


def test_signals_have_names_in_the_log() -> None:
    assert [shown(code) for code in (1, 137)] == ["exit code 1", "exit code 137 (SIGKILL)"]
