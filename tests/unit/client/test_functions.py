"""The function of a call, by its name or as the function itself; and the options beside it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from harness.http.fake_gateway import ACCEPTED, Gateway, answer, success
from jobgate.client import Client, InvalidOption, ResultMismatch, stub
from jobgate.client.functions import Target
from jobgate.worker import func


async def add(ctx: dict[str, Any], a: int, b: int = 1) -> int:
    """Never called."""
    raise NotImplementedError


def today(ctx: dict[str, Any]) -> date:
    """Never called."""
    raise NotImplementedError


def renamed(ctx: dict[str, Any]) -> int:
    """Never called."""
    raise NotImplementedError


renamed.__jobgate_name__ = "reports.daily"  # type: ignore[attr-defined]


class Reports:
    """Holds functions, and cannot be a key of a dict."""

    __hash__ = None  # type: ignore[assignment]

    async def monthly(self, ctx: dict[str, Any]) -> date:
        """Never called."""
        raise NotImplementedError

    def __call__(self, ctx: dict[str, Any]) -> int:
        """Never called."""
        raise NotImplementedError


@stub("far.away")
async def far(a: int) -> int:
    """Never called."""
    raise NotImplementedError


@dataclass
class OfArq:
    """arq's own `Function` by shape."""

    name: str
    coroutine: Callable[..., Any]


@functools.wraps(today)
def wrapped(*args: Any) -> Any:
    """Never called."""


@pytest.mark.parametrize(
    ("function", "name", "converts"),
    [
        ("add", "add", False),
        ("no.matter/what", "no.matter/what", False),
        (add, "add", False),
        (today, "today", True),
        (renamed, "reports.daily", False),
        (wrapped, "today", True),
        (Reports.monthly, "Reports.monthly", True),
        (Reports().monthly, "Reports.monthly", True),
        (func(today, name="the-day"), "the-day", True),
        (far, "far.away", False),
        (OfArq("arqs", add), "arqs", False),
        (OfArq("partial", functools.partial(add, b=1)), "partial", False),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_a_function_has_the_name_that_its_worker_knows(function: Any, name: str, converts: bool) -> None:
    target = Target.of(function)
    assert (target.name, target.read is not None) == (name, converts)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("", "by its name"),
        (None, "by its name"),
        (7, "by its name"),
        (lambda ctx: 1, "'<lambda>' is not at the top of a module|<locals>"),
        (functools.partial(add, b=1), "an object of partial has no name"),
        (Reports(), "an object of Reports has no name"),
        (Reports, "class Reports has no name"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_no_worker_can_have_under_a_name_is_refused(function: Any, says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        Target.of(function)


def test_a_function_inside_another_is_refused_unless_it_has_a_name() -> None:
    async def inner(ctx: Any) -> None:
        """Never called."""

    with pytest.raises(InvalidOption, match=r"'test_a_.*<locals>.inner' is not at the top of a module"):
        Target.of(inner)
    inner.__jobgate_name__ = "inner"  # type: ignore[attr-defined]
    assert Target.of(inner).name == "inner"


async def test_options_stand_beside_the_arguments() -> None:
    gateway = Gateway(ACCEPTED)
    due = datetime(2030, 1, 2, tzinfo=UTC)
    async with gateway.client() as client:
        mail = client.with_options(queue="mail", max_tries=2, keep_result=timedelta(minutes=1))
        await mail.enqueue(add, 1, b=2)
        await mail.with_options(job_id="a", max_tries=3, defer_by=5).enqueue(add, 1)
        await mail.enqueue("add", 1, _queue="other", _defer_until=due, _run_timeout=7, _expires=8)
        await mail.with_options(defer_by=5).enqueue("add", 1, _defer_until=due)
        await client.enqueue(add, 1)
    sent = [body for *_, body in gateway.requests]
    for body in sent:
        if body["job_id"] != "a":
            del body["job_id"]
        body["args"] = body["args"], body.pop("kwargs")
    assert sent == [
        {"args": ([1], {"b": 2}), "queue": "mail", "max_tries": 2, "keep_result": 60},
        {"args": ([1], {}), "queue": "mail", "max_tries": 3, "keep_result": 60, "job_id": "a", "defer_by": 5},
        {
            "args": ([1], {}), "queue": "other", "max_tries": 2, "keep_result": 60,
            "defer_until": "2030-01-02T00:00:00+00:00", "timeout": 7, "expires": 8,
        },
        {
            "args": ([1], {}), "queue": "mail", "max_tries": 2, "keep_result": 60,
            "defer_until": "2030-01-02T00:00:00+00:00",
        },
        {"args": ([1], {})},
    ]  # fmt: skip
    assert [path for _, path, *_ in gateway.requests] == ["/jobs/add"] * 5


async def test_a_caller_with_a_timeout_waits_that_long() -> None:
    gateway = Gateway(success(3))
    async with gateway.client(timeout=60) as client:
        patient = client.with_options(timeout=7)
        assert await patient.call(add, 1) == 3
        assert await patient.with_options(queue="q").call("add", 1) == 3
        assert await patient.call("add", 1, _timeout=2) == 3
        assert await client.call(add, 1) == 3
    waits = [headers["Prefer"] for *_, headers, _ in gateway.requests]
    assert [round(float(wait.removeprefix("wait="))) for wait in waits] == [7, 7, 2, 30]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"defer_by": 1, "defer_until": datetime.now(UTC)}, "give defer_by or defer_until, not both"),
        ({"max_tries": 0}, "^max_tries"),
        ({"keep_result": -1}, "^keep_result"),
        ({"timeout": -1}, "^timeout"),
        ({"run_timeout": "5"}, "^run_timeout"),
        ({"job_id": "a/b"}, "the id of a new job"),
        ({"defer_until": "tomorrow"}, "^defer_until"),
    ],
)
def test_wrong_options_are_named_at_once(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        Client("http://127.0.0.1:1").with_options(**options)


async def test_a_call_is_not_deferred() -> None:
    async with Gateway(ACCEPTED).client() as client:
        with pytest.raises(InvalidOption, match="`enqueue` can defer"):
            await client.with_options(defer_by=1).call(add, 1)


async def test_results_have_the_type_of_the_return_hint() -> None:
    gateway = Gateway(ACCEPTED, success("2024-05-06"))
    async with gateway.client() as client:
        job = await client.enqueue(today)
        assert await job.result() == date(2024, 5, 6)
        assert await client.call(today) == date(2024, 5, 6)
        assert await client.call("today") == "2024-05-06"
        assert await client.call(func(today)) == date(2024, 5, 6)
        assert await client.job(job.id).result() == "2024-05-06"


async def test_a_result_of_another_version_is_an_error_that_knows_its_job() -> None:
    gateway = Gateway(success({"day": 6}))
    async with gateway.client() as client:
        with pytest.raises(ResultMismatch, match="'today'") as caught:
            await client.call(today)
    assert caught.value.result == {"day": 6}
    assert caught.value.job is not None
    assert caught.value.job.id == gateway.job_ids[0]
    labels = {"function": "today", "outcome": "mismatch"}
    assert gateway.registry.get_sample_value("jobgate_client_calls_total", labels) == 1


async def test_a_failed_job_is_no_result() -> None:
    error = {"type": "ValueError", "message": "no", "code": "error"}
    gateway = Gateway(answer(200, {"job_id": "a", "status": "complete", "success": False, "error": error}))
    async with gateway.client() as client:
        with pytest.raises(Exception, match="ValueError: no"):
            await client.call(today)
