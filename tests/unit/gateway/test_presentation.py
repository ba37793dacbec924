"""The JSON of jobs and outcomes, with values that JSON does not have."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from jobgate.broker import (
    Failure,
    JobResult,
)
from jobgate.gateway.http.problems import Problem
from jobgate.gateway.jobs.presentation import moment, outcome, to_json


def test_moments_are_utc_with_milliseconds() -> None:
    assert moment(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\x00\xff", "AP8="),
        (
            {
                1,
            },
            [1],
        ),
        ((1, 2), [1, 2]),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        (2**70, 2**70),
        (Decimal("1.50"), "1.50"),
        (datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01T00:00:00Z"),
        ("\ud800", "\ud800"),
        (float("nan"), None),
        ({(1, 2): 3, "big": 2**80}, {"(1, 2)": 3, "big": 2**80}),
    ],
)
def test_values_that_json_does_not_know(value: Any, shown: Any) -> None:
    assert json.loads(to_json({"v": value}, limit=1000)) == {"v": shown}


def test_values_that_cannot_be_shown() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, "x" * 1000):
        with pytest.raises(Problem) as caught:
            to_json(value, limit=100)
        assert caught.value.kind.status == 410


def test_tracebacks_are_for_those_who_inspect() -> None:
    result = JobResult(
        job_id="j",
        function="f",
        args=(),
        kwargs={},
        tries=1,
        success=False,
        failure=Failure(type="ValueError", message="no", traceback="Traceback: /srv/app.py"),
        enqueue_time_ms=0,
        start_time_ms=0,
        finish_time_ms=0,
        queue="q",
    )
    assert outcome(result, inspects=False)["error"] == {
        "type": "ValueError",
        "message": "no",
        "code": "error",
    }
    assert outcome(result, inspects=True)["error"]["traceback"] == "Traceback: /srv/app.py"
