"""The eager client: functions run at once, without Redis, by the code of the worker."""

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from jobgate.client import (
    BlockingClient,
    Client,
    InvalidArguments,
    JobExists,
    JobFailed,
    JobStatus,
    ResultTimeout,
    UnknownFunction,
)
from jobgate.testing import BlockingEagerClient, EagerClient, NotImitated
from jobgate.worker import Retry, SettingsError, func

SEEN: list[str] = []


@dataclass
class Order:
    number: int
    day: date


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


async def ship(ctx: dict[str, Any], order: Order) -> tuple[int, date]:
    assert isinstance(order, Order)
    return order.number, order.day


async def flaky(ctx: dict[str, Any]) -> int:
    if ctx["job_try"] < 3:
        raise Retry(defer=3600)
    return int(ctx["job_try"])


async def unlucky(ctx: dict[str, Any]) -> None:
    raise ConnectionError("away")


async def slow(ctx: dict[str, Any]) -> None:
    await asyncio.sleep(60)


async def odd(ctx: dict[str, Any]) -> object:
    return object()


async def chain(ctx: dict[str, Any], redis_of_others: bool = False) -> str:
    if redis_of_others:
        await ctx["redis"].get("key")
    job = await ctx["redis"].enqueue_job("add", 1, b=2, _job_id="sum", _defer_by=60)
    assert await ctx["redis"].enqueue_job("add", 1, b=2, _job_id="sum") is None
    assert await job.status() is JobStatus.QUEUED
    with pytest.raises(NotImitated, match="cannot wait"):
        await job.result()
    return "begun"


async def calls(ctx: dict[str, Any]) -> int:
    total: int = await ctx["client"].call("add", 1, 2)
    later = await ctx["client"].enqueue("add", 3, 4)
    with pytest.raises(ResultTimeout):
        await later.result()
    return total


def plain(ctx: dict[str, Any], x: int) -> int:
    ctx["progress"](0.5)
    return x


FUNCTIONS = [
    add, ship, flaky, chain, calls, plain, odd, func(slow, timeout=0.05),
    func(unlucky, retry_on=ConnectionError, max_tries=3),
]  # fmt: skip


@pytest.fixture(params=[EagerClient, BlockingEagerClient])
def client(request: pytest.FixtureRequest) -> Any:
    """Both clients, for a test that awaits what either returns."""
    with_loop = request.param is EagerClient
    made = request.param(FUNCTIONS)
    assert isinstance(made, Client if with_loop else BlockingClient)
    return made


def run(value: Any) -> Any:
    """Wait for what the async client returns."""

    async def wait() -> Any:
        return await value

    return asyncio.run(wait()) if asyncio.iscoroutine(value) else value


def test_calls_and_results(client: Any) -> None:
    assert run(client.call("add", 1, 2)) == 3
    assert run(client.call(add, 1, b=2)) == 3
    assert run(client.call("plain", 4)) == 4
    assert run(client.call("ship", Order(7, date(2026, 1, 2)))) == [7, "2026-01-02"]
    assert run(client.call(ship, Order(7, date(2026, 1, 2)))) == (7, date(2026, 1, 2))
    job = run(client.enqueue("add", 1, 2, _job_id="mine", _queue="others", _defer_by=60))
    assert (run(job.status()), run(job.result())) == (JobStatus.COMPLETE, 3)
    assert (job.id, job.queue, run(job.abort())) == ("mine", "others", False)
    again = run(job.retry())
    assert (run(again.result()), run(job.retry()).id) == (3, again.id)
    client.assert_enqueued("add", 1, 2, _job_id="mine", _queue="others", _defer_by=60)
    client.assert_enqueued(plain, _times=1)
    with pytest.raises(AssertionError, match="b is 2, not 3"):
        client.assert_enqueued(add, 1, 3)


def test_refusals_are_those_of_a_worker(client: Any) -> None:
    with pytest.raises(UnknownFunction, match="add"):
        run(client.call("ad", 1, 2))
    with pytest.raises(InvalidArguments):
        run(client.call("add", 1))
    with pytest.raises(InvalidArguments, match="number"):
        run(client.call("ship", {"number": "x", "day": "2026-01-02"}))
    with pytest.raises(InvalidArguments):
        run(client.call("add", object(), 2))
    with pytest.raises(JobFailed) as caught:
        run(client.call("odd"))
    assert caught.value.code == "unserialisable-result"
    run(client.enqueue("add", 1, 2, _job_id="taken"))
    with pytest.raises(JobExists):
        run(client.enqueue("add", 1, 2, _job_id="taken"))


def test_retries_follow_at_once(client: Any) -> None:
    assert run(client.call("flaky")) == 3
    assert [(one.outcome, one.retry_in) for one in client.ran] == [
        ("retried", 3600), ("retried", 3600), ("success", None),
    ]  # fmt: skip
    with pytest.raises(JobFailed, match="away") as caught:
        run(client.call("unlucky"))
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert client.ran[-1].tries == 3
    with pytest.raises(JobFailed) as caught:
        run(client.call("slow"))
    assert caught.value.code == "timeout"


def test_jobs_of_jobs_run_after_them(client: Any) -> None:
    assert run(client.call("chain")) == "begun"
    assert [str(one) for one in client.ran] == ["chain()", "add(1, b=2)"]
    client.assert_enqueued("add", 1, 2, _defer_by=60, _times=1)
    with pytest.raises(JobFailed, match="get needs Redis"):
        run(client.call("chain", True))


async def test_a_job_that_calls_another_gets_its_result() -> None:
    ctx: dict[str, Any] = {"": ""}  # an empty one would not be shared
    client = EagerClient(FUNCTIONS, ctx=ctx)
    ctx["client"] = client
    assert await client.call("calls") == 3
    assert [str(one) for one in client.ran] == ["calls()", "add(1, 2)", "add(3, 4)"]


async def test_many_at_once() -> None:
    async with EagerClient(FUNCTIONS) as client:
        assert await asyncio.gather(*(client.call("add", one, 1) for one in range(20))) == [*range(1, 21)]
        assert [one async for one in client.map("plain", [1, 2, 3])] == [1, 2, 3]
    blocking = BlockingEagerClient(FUNCTIONS)
    with pytest.raises(Exception, match="An event loop is running here"):
        blocking.call("add", 1, 2)


def test_many_blocking() -> None:
    with BlockingEagerClient(FUNCTIONS) as client:
        assert list(client.map("plain", [1, 2, 3])) == [1, 2, 3]


def test_hooks_are_called_as_in_a_worker() -> None:
    def hook(name: str) -> Any:
        async def call(ctx: dict[str, Any]) -> None:
            SEEN.append(name)

        return call

    names = ("on_startup", "on_job_start", "on_job_end", "after_job_end", "on_shutdown")
    SEEN.clear()
    client = BlockingEagerClient([chain, add], **{name: hook(name) for name in names})
    client.enqueue("chain")
    assert [names[0], *names[1:4], *names[1:4], names[4]] == SEEN


def test_what_is_not_imitated_says_so() -> None:
    client = BlockingEagerClient(FUNCTIONS)
    with pytest.raises(NotImitated):
        next(client.events())
    with pytest.raises(NotImitated, match="jobgate_gateway"):
        client.queues()
    with pytest.raises(SettingsError):
        EagerClient([])
