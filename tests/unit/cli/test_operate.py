"""What commands for operators make of times, failures and filters."""

import shlex
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from jobgate.broker import FailureCode
from jobgate.cli.commands.call import status
from jobgate.cli.offers import _calls
from jobgate.cli.operate.failures import FailureCount
from jobgate.cli.operate.job_filters import _CODES, _STATUSES
from jobgate.cli.operate.moments import parsed_moment, since, span, when
from jobgate.cli.remote import DEFAULT_URL
from jobgate.client import (
    ErrorInfo,
    FailureGroup,
    FunctionInfo,
    FunctionParameter,
    JobInfo,
    JobStatus,
    TryInfo,
)

NOW = datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1h", "2026-03-01T12:30:00+00:00"),
        ("-90s", "2026-03-01T13:28:30+00:00"),
        ("+2d", "2026-03-03T13:30:00+00:00"),
        ("2026-02-01T10:00+00:00", "2026-02-01T10:00:00+00:00"),
        ("2026-02-01T10:00Z", "2026-02-01T10:00:00+00:00"),
        ("1x", None),
        ("++1h", None),
        ("tonight", None),
        ("99999d", None),
        ("2026-13-01", None),
        ("", None),
        ("now", None),
    ],
)
def test_times_are_distances_days_or_dates(text: str, meant: str | None) -> None:
    moment = parsed_moment(text, NOW)
    assert (None if moment is None else moment.isoformat()) == meant


def test_days_are_those_of_the_local_calendar() -> None:
    today, yesterday = parsed_moment("today", NOW), parsed_moment("Yesterday", NOW)
    assert today is not None
    assert yesterday is not None
    assert (today.astimezone().hour, today.astimezone().date()) == (0, NOW.date())
    assert yesterday.astimezone().date() == NOW.date() - timedelta(days=1)
    tomorrow = parsed_moment("tomorrow", NOW)
    assert tomorrow is not None
    begins = tomorrow.astimezone()
    assert (begins.hour, begins.date()) == (0, NOW.date() + timedelta(days=1))
    day = parsed_moment("2026-02-01", NOW)
    assert day is not None
    assert day.astimezone().isoformat().startswith("2026-02-01T00:00:00")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0.4, "0s"), (59.6, "1m"), (61, "1m 1s"), (3600, "1h"), (3601, "1h"), (90_061, "1d 1h")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_times_are_told_by_their_distance() -> None:
    now = datetime.now(UTC)
    assert when(now) == "now"
    assert when(now - timedelta(seconds=200)) == "3m 20s ago"
    assert when(now + timedelta(seconds=60.2)) == "in 1m"
    assert since(now - timedelta(seconds=30)) == "30s"
    assert when(None) is since(None) is None


def group(**members: Any) -> FailureGroup:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    given: dict[str, Any] = {
        "function": "f", "type": "KeyError", "code": "error", "message": "x", "failed": 1, "retried": 0,
        "first_time": day, "last_time": day, "job_id": "a", "queue": "q",
    }  # fmt: skip
    return FailureGroup(**given | members)


def test_failures_of_a_function_are_counted_by_error() -> None:
    count = FailureCount("function")
    late = datetime(2026, 1, 2, tzinfo=UTC)
    count.add(group(failed=2, retried=1, last_time=late, job_id="newest"))
    count.add(group(code="timeout", type="TimeoutError", message=""))
    count.add(group(function="", first_time=None, last_time=None))
    first, second = count.groups()
    assert (first.functions, first.failed, first.retried) == ({"f": 3}, 3, 1)
    assert first.errors == {"KeyError: x": 2, "timeout: TimeoutError": 1}
    assert (first.first, first.last, first.job_id) == (datetime(2026, 1, 1, tzinfo=UTC), late, "newest")
    assert (second.functions, second.last) == ({"unknown": 1}, None)


def test_failures_of_an_error_are_counted_by_function() -> None:
    count = FailureCount("error")
    for name in "fgg":
        count.add(group(function=name, message=None))
    (only,) = count.groups()
    assert (only.functions, only.errors) == ({"g": 2, "f": 1}, {"KeyError: KeyError": 3})


def test_filters_have_all_values_that_there_are() -> None:
    """They are written down there, because the base install has no broker, and the client takes long."""
    assert set(_CODES) == {code.value for code in FailureCode}
    assert set(_STATUSES) == {status.value for status in JobStatus}


def test_the_call_that_dev_shows_can_be_copied() -> None:
    parameters = (
        FunctionParameter(name="text", kind="positional_only", required=True, schema={"type": "string"}),
        FunctionParameter(name="how", kind="keyword_only", required=True, schema={"enum": ["it's", "no"]}),
        FunctionParameter(name="many", kind="keyword_only", required=True, schema={"type": "array"}),
        FunctionParameter(name="other", kind="keyword_only", required=True),
        FunctionParameter(name="rest", kind="var_keyword", required=False),
        FunctionParameter(name="free", kind="keyword_only", required=False),
    )
    command, curl = _calls(FunctionInfo(name="f", parameters=parameters), "http://127.0.0.1:9000")
    assert shlex.split(command) == [
        *("jobgate", "call", "f", "text=text", "how=it's", "many=[]", "other=1"),
        *("--url", "http://127.0.0.1:9000"),
    ]
    body = '{"kwargs": {"text": "text", "how": "it\'s", "many": [], "other": 1}}'
    assert shlex.split(curl) == ["curl", "http://127.0.0.1:9000/jobs/f?wait=10", "-d", body]
    assert _calls(FunctionInfo(name="f"), DEFAULT_URL)[0] == "jobgate call f"


def test_the_status_of_a_job_shows_why_it_failed_and_its_earlier_tries() -> None:
    error = ErrorInfo(type="OSError", message="the disk is away", code="error")
    ended = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
    job = JobInfo(
        job_id="a",
        function="f",
        queue="q",
        status=JobStatus.COMPLETE,
        success=False,
        error=error,
        tries=3,
        earlier_tries=(
            TryInfo(number=1, end_time=ended, error=error),
            TryInfo(number=2, lost=True),
            TryInfo(number=3),
        ),
    )
    facts = dict(status._facts(job))
    assert facts["error"] == "OSError: the disk is away (error)"
    assert facts["try 1"] == f"{ended.astimezone():%Y-%m-%d %H:%M:%S} OSError: the disk is away"
    assert (facts["try 2"], facts["try 3"]) == ("its worker was lost", "the function asked to run again")
