"""What `assert_enqueued` says: which jobs fit, and how the others differ."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from jobgate.testing import EnqueuedJob
from jobgate.testing.jobs.expectation import Expectation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def add(ctx: dict[str, Any], a: int, b: int = 2) -> int:
    return a + b


def enqueued(function: str, *args: Any, defer_by: float = 0, **kwargs: Any) -> EnqueuedJob:
    return EnqueuedJob(
        job_id="1", function=function, args=args, kwargs=kwargs, queue="arq:queue", status="queued",
        enqueue_time=NOW, due_time=NOW + timedelta(seconds=defer_by),
    )  # fmt: skip


def expected(function: str, *args: Any, **kwargs: Any) -> Expectation:
    options = {name: kwargs.pop(name) for name in ("times", "defer_by", "queue", "body") if name in kwargs}
    return Expectation(function=function, args=args, kwargs=kwargs, **options)


@pytest.mark.parametrize(
    ("wanted", "job"),
    [
        (expected("add"), enqueued("add", 1, 2)),
        (expected("add", 1, 2), enqueued("add", 1, 2)),
        (expected("add", 1, b=2, body=add), enqueued("add", b=2, a=1)),
        (expected("add", 1, body=add), enqueued("add", 1, 2)),
        (expected("add", (1, 2), date(2026, 1, 2)), enqueued("add", [1, 2], "2026-01-02")),
        (expected("add", ANY, b=ANY), enqueued("add", 1, b=[])),
        (expected("add", defer_by=60), enqueued("add", defer_by=60.4)),
        (expected("add", queue="arq:queue", times=1), enqueued("add")),
    ],
)
def test_what_fits(wanted: Expectation, job: EnqueuedJob) -> None:
    assert wanted.check([job]) == [job]


@pytest.mark.parametrize(
    ("wanted", "jobs", "says"),
    [
        (expected("add", 1), [], "expected add(1) to be enqueued, found none. Nothing was enqueued."),
        (expected("add", 1, 3, body=add), [enqueued("add", 1)], "add(1) [queued]  <- b is 2, not 3"),
        (expected("add", 1), [enqueued("add", 1, b=2)], "<- b is 2, which is not expected"),
        (expected("add", 1, 2), [enqueued("add", 1)], "<- argument 2 is missing"),
        (expected("ad", 1), [enqueued("add", 1)], "found none, did you mean 'add'?"),
        (expected("add", times=2), [enqueued("add")], "to be enqueued twice, found once."),
        (expected("add", times=0), [enqueued("add", 1)], "add(1) [queued]  <- as expected"),
        (expected("add", defer_by=60), [enqueued("add")], "<- due at once"),
        (
            expected("add", defer_by=0),
            [enqueued("add", defer_by=60)],
            "add() [queued, due 60 s after its enqueue]  <- due 60 s after its enqueue",
        ),
        (expected("add", queue="b"), [enqueued("add")], "<- in queue 'arq:queue'"),
    ],
)
def test_what_does_not_fit(wanted: Expectation, jobs: list[EnqueuedJob], says: str) -> None:
    with pytest.raises(AssertionError) as caught:
        wanted.check(jobs)
    assert says in str(caught.value)


def test_what_is_nearest_stands_first() -> None:
    with pytest.raises(AssertionError) as caught:
        expected("add", 1).check([enqueued("other", 1), enqueued("add", 2)])
    lines = str(caught.value).splitlines()
    assert [line.split("(")[0].strip() for line in lines[2:]] == ["add", "other"]
