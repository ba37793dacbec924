"""arq's options of an enqueue, in the broker's terms."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobgate.arq import BothDeferrals
from jobgate.arq.enqueue_options import due, expiry
from jobgate.client import InvalidOption


@pytest.mark.parametrize("by", [30, 30.0, timedelta(seconds=30)])
def test_a_delay_is_seconds_or_a_timedelta(by: Any) -> None:
    assert due(None, by) == {"defer_by": 30.0}
    assert expiry(by, 5000) == {"expires": 30.0, "expires_from_now": True}


def test_without_options_a_job_is_due_now_and_expires_by_default() -> None:
    assert due(None, None) == due(None, 0) == {"defer_by": 0.0}
    assert expiry(None, 5000) == expiry(0, 5000) == {"expires": 5.0}


def test_a_time_is_given_in_milliseconds() -> None:
    assert due(datetime(2030, 1, 1, tzinfo=UTC), None) == {"defer_until_ms": 1_893_456_000_000}


def test_a_negative_delay_lies_in_the_past() -> None:
    now = time.time_ns() // 1_000_000
    assert due(None, -10)["defer_until_ms"] == pytest.approx(now - 10_000, abs=5000)


@pytest.mark.parametrize(
    ("until", "by", "message"),
    [
        ("tomorrow", None, "_defer_until must be a datetime"),
        (None, "soon", "_defer_by must be a number of seconds"),
        (None, float("inf"), "_defer_by must be a number of seconds"),
        (None, float("nan"), "_defer_by must be a number of seconds"),
    ],
)
def test_wrong_values_are_refused(until: Any, by: Any, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        due(until, by)


def test_both_deferrals_exclude_each_other() -> None:
    with pytest.raises(BothDeferrals):
        due(datetime(2030, 1, 1, tzinfo=UTC), 1)
    with pytest.raises(InvalidOption, match="_expires must be a number of seconds"):
        expiry(float("inf"), 5000)
