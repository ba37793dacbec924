"""The worker of the testing kit: what runs when, the time that moves, and what was enqueued."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from harness.servers.redis_server import RedisServer
from harness.tools import free_port
from jobgate.broker import CLOCK_SHIFT
from jobgate.client import (
    BlockingClient,
    Client,
    InvalidArguments,
    JobFailed,
    ResultGone,
    Unauthorized,
    UnknownFunction,
)
from jobgate.testing import Environment, JobsFailed, TestingError
from jobgate.worker import Retry, cron, func


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


async def flaky(ctx: dict[str, Any]) -> int:
    if ctx["job_try"] < 3:
        raise ConnectionError("away")
    return int(ctx["job_try"])


async def later(ctx: dict[str, Any]) -> str:
    if ctx["job_try"] == 1:
        raise Retry(defer=3600)
    return "done"


async def broken(ctx: dict[str, Any]) -> None:
    raise ValueError("no such customer")


async def welcome(ctx: dict[str, Any], name: str) -> None:
    await ctx["redis"].enqueue_job("add", 1, 2)
    await ctx["redis"].enqueue_job("add", 3, b=4, _defer_by=600, _queue_name="slow")


async def again(ctx: dict[str, Any]) -> None:
    await ctx["redis"].enqueue_job("again")


async def moment(ctx: dict[str, Any]) -> list[float]:
    return [ctx["enqueue_time"].timestamp(), ctx["score"] / 1000]


async def report(ctx: dict[str, Any]) -> str:
    return f"{ctx['job_id']}"


async def ask(ctx: dict[str, Any]) -> None:
    ctx["jobs"].worker.assert_not_enqueued()


def plain(ctx: dict[str, Any]) -> bool:
    return threading.current_thread() is threading.main_thread()


class WorkerSettings:
    functions = (
        add,
        ask,
        later,
        broken,
        welcome,
        again,
        moment,
        plain,
        func(flaky, retry_on=ConnectionError),
    )
    cron_jobs = (
        cron(report, name="hourly", minute=0),
        cron(report, name="nightly", hour=3, minute=0, job_id="nightly"),
    )
    timezone = UTC
    queues = ("arq:queue", "slow")


@pytest.fixture
def jobs(valkey_server: RedisServer) -> Iterator[Environment]:
    threads = threading.active_count()
    settings = {"functions": WorkerSettings.functions, "cron_jobs": WorkerSettings.cron_jobs}
    valkey_server.reset()
    with Environment(settings, redis_url=valkey_server.url, timezone=UTC) as environment:
        yield environment
    with valkey_server.client() as client:
        assert client.keys() == []
        assert [one["addr"] for one in client.client_list()] == [client.client_info()["addr"]]
    assert CLOCK_SHIFT.ms == 0
    assert threading.active_count() == threads


async def test_what_is_due_runs_with_what_it_enqueues(jobs: Environment) -> None:
    job = await jobs.client.enqueue("welcome", "Ann")
    ran = await jobs.worker.run_jobs()
    assert [str(one) for one in ran] == ["welcome('Ann')", "add(1, 2)"]
    assert [one.result for one in ran] == [None, 3]
    assert await job.result(timeout=0) is None
    assert [str(one) for one in jobs.worker.enqueued()] == ["welcome('Ann')", "add(1, 2)", "add(3, b=4)"]
    waiting = jobs.worker.assert_enqueued("add", 3, 4, _defer_by=timedelta(minutes=10), _queue="slow")
    assert waiting.status == "deferred"
    assert jobs.worker.assert_enqueued(add, 1, b=2, _times=1).status == "complete"
    jobs.worker.assert_not_enqueued("add", 1, 3)
    with pytest.raises(AssertionError, match="found"):
        jobs.worker.assert_not_enqueued()
    with pytest.raises(TestingError, match=r"'_time' is not an option of assert_enqueued.*_times"):
        jobs.worker.assert_enqueued("add", _time=1)


async def test_failures_are_raised_or_returned(jobs: Environment) -> None:
    job = await jobs.client.enqueue(broken)
    await jobs.client.enqueue(add, 1, 2)
    with pytest.raises(
        JobsFailed, match=r"1 job failed:\n  broken\(\): ValueError: no such customer"
    ) as caught:
        await jobs.worker.run_jobs()
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(jobs.worker.ran) == 2
    with pytest.raises(JobFailed, match="no such customer"):
        await job.result(timeout=0)
    await jobs.client.enqueue(broken)
    (failed,) = await jobs.worker.run_jobs(raise_failures=False)
    assert (failed.outcome, failed.error_type, failed.code) == ("failed", "ValueError", "error")


async def test_time_is_moved_for_retries(jobs: Environment) -> None:
    job = await jobs.client.enqueue("later")
    (first,) = await jobs.worker.run_jobs()
    assert (first.outcome, first.retry_in) == ("retried", 3600)
    assert await jobs.worker.run_jobs() == []
    jobs.worker.move_time(minutes=59)
    assert await jobs.worker.run_jobs() == []
    jobs.worker.move_time(minutes=1)
    assert [one.result for one in await jobs.worker.run_jobs()] == ["done"]
    jobs.worker.move_time(hours=2)
    with pytest.raises(ResultGone):
        await job.result(timeout=0)
    await jobs.client.enqueue("later")
    wrongs: list[dict[str, Any]] = [{"hours": -1}, {"to": datetime(2020, 1, 1, tzinfo=UTC)}]
    for wrong in wrongs:
        with pytest.raises(TestingError, match="forward"):
            jobs.worker.move_time(**wrong)
    neithers: list[dict[str, Any]] = [{}, {"to": datetime(2030, 1, 1, tzinfo=UTC), "hours": 1}]
    for neither in neithers:
        with pytest.raises(TestingError, match="not both"):
            jobs.worker.move_time(**neither)
    with pytest.raises(TestingError, match="not later"):
        await jobs.worker.pass_time(to=datetime(2020, 1, 1, tzinfo=UTC))


async def test_a_test_may_begin_in_the_past(jobs: Environment) -> None:
    jobs.worker.move_time(to=datetime(2024, 2, 29, 2, 59, 30, tzinfo=UTC))
    await jobs.client.enqueue("add", 1, 2, _defer_until=datetime(2024, 2, 29, 3, 30, tzinfo=UTC))
    assert [one.function for one in await jobs.worker.pass_time(hours=1)] == ["hourly", "nightly", "add"]
    with pytest.raises(UnknownFunction):
        await jobs.client.enqueue("ad", 1, 2)


async def test_a_wall_clock_that_a_test_moves_too_does_not_count(
    jobs: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime(2100, 1, 1, tzinfo=UTC)
    jobs.worker.move_time(to=day)
    monkeypatch.setattr(time, "time_ns", lambda: int(day.timestamp() * 1e9))  # as time-machine does
    await jobs.client.enqueue("add", 1, 2, _defer_until=day + timedelta(hours=1))
    jobs.worker.assert_enqueued("add", _defer_by=3600)


async def test_a_moved_time_is_that_of_jobs(jobs: Environment) -> None:
    jobs.worker.move_time(to=datetime(2100, 1, 1, 2, 59, 30, tzinfo=UTC))
    await jobs.client.enqueue("moment", _defer_by=60)
    jobs.worker.move_time(minutes=2)
    (ran,) = await jobs.worker.run_jobs()
    enqueued, due = ran.result
    assert enqueued == pytest.approx(datetime(2100, 1, 1, 2, 59, 30, tzinfo=UTC).timestamp(), abs=5)
    assert due - enqueued == pytest.approx(60, abs=1)
    assert jobs.worker.now.year == 2100
    document = {"args": [1, 2], "defer_until": "2100-01-01T03:00:00Z"}
    async with aiohttp.ClientSession(jobs.gateway.url) as http, http.post("/jobs/add", json=document) as new:
        assert (await new.json())["status"] == "queued"


async def test_drain_moves_the_time_to_each_job(jobs: Environment) -> None:
    await jobs.client.enqueue("flaky")
    await jobs.client.enqueue("later")
    await jobs.client.enqueue("add", 1, 2, _defer_by=1800)
    begin = jobs.worker.now
    ran = await jobs.worker.drain()
    assert [(one.function, one.outcome) for one in ran[-2:]] == [("add", "success"), ("later", "success")]
    assert [one.tries for one in ran if one.function == "flaky"] == [1, 2, 3]
    assert timedelta(hours=1) <= jobs.worker.now - begin < timedelta(hours=1, minutes=1)


async def test_cron_jobs_run_at_each_of_their_times(jobs: Environment) -> None:
    jobs.worker.move_time(to=datetime(2100, 1, 1, 0, 30, tzinfo=UTC))
    await jobs.client.enqueue("later", _defer_by=3900)
    assert [one.function for one in await jobs.worker.pass_time(hours=3)] == [
        "hourly", "later", "hourly", "later", "hourly", "nightly",
    ]  # fmt: skip
    assert jobs.worker.now - datetime(2100, 1, 1, 3, 30, tzinfo=UTC) < timedelta(seconds=5)
    assert [one.function for one in jobs.worker.ran if one.function == "nightly"] == ["nightly"]
    assert await jobs.worker.run_jobs() == []
    jobs.worker.move_time(to=datetime(2100, 1, 2, 2, 30, tzinfo=UTC))
    again = await jobs.worker.pass_time(to=datetime(2100, 1, 2, 3, 0, 1, tzinfo=UTC))
    assert [one.job_id for one in again if one.function == "nightly"] == ["nightly"]


async def test_a_job_that_enqueues_itself_is_noticed(jobs: Environment) -> None:
    await jobs.client.enqueue("again")
    with pytest.raises(TestingError, match="does a job enqueue itself"):
        await jobs.worker.run_jobs(limit=5)


async def test_calls_are_checked_although_no_worker_runs(jobs: Environment) -> None:
    with pytest.raises(UnknownFunction, match="add"):
        await jobs.client.enqueue("ad", 1, 2)
    jobs.worker.move_time(days=2)
    with pytest.raises(UnknownFunction):
        await jobs.client.enqueue("ad", 1, 2)
    async with Client(jobs.gateway.url) as client:
        with pytest.raises(InvalidArguments):
            await client.enqueue("add", 1)
    jobs.worker.assert_not_enqueued()


def test_a_gateway_may_have_other_settings(jobs: Environment) -> None:
    keys = f'[[key]]\nname = "a"\nsha256 = "{"0" * 64}"\nallow = ["read"]\n'
    with jobs.gateway_with(keys_text=keys) as gateway, BlockingClient(gateway.url) as client:
        job = client.job("any")
        for call in (lambda: client.enqueue("add", 1, 2), job.status):
            with pytest.raises(Unauthorized):
                call()
    with pytest.raises(TestingError, match="The gateway cannot start"):
        jobs.gateway_with(keys_text="[[keys]]")


def test_a_job_cannot_ask_the_thread_that_runs_it(jobs: Environment) -> None:
    jobs.settings.ctx["jobs"] = jobs
    with jobs.worker.running(), pytest.raises(JobFailed, match="Ask in the test"):
        jobs.blocking_client.call("ask")


async def test_a_worker_runs_beside_the_test(jobs: Environment) -> None:
    here = asyncio.get_running_loop()
    async with jobs.worker.running():
        assert await jobs.client.call("add", 1, 2) == 3
        assert asyncio.get_running_loop() is here
    with pytest.raises(TestingError, match="use `await worker"):
        jobs.worker.run_jobs_blocking()


def test_a_plain_test(jobs: Environment) -> None:
    job = jobs.blocking_client.enqueue("add", 1, 2)
    jobs.worker.run_jobs_blocking()
    assert job.result(timeout=0) == 3
    later = jobs.blocking_client.enqueue("later")
    assert [one.outcome for one in jobs.worker.drain_blocking()] == ["retried", "success"]
    assert later.status().value == "complete"
    assert len(jobs.worker.pass_time_blocking(hours=1)) >= 1  # hourly, and nightly at times
    with jobs.worker.running():
        assert jobs.blocking_client.call("add", 1, 2) == 3


def test_queues_of_others_are_left_alone(
    valkey_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    valkey_server.reset()
    with valkey_server.client() as client:
        client.zadd("emails", {"1": 1})
        settings = {"functions": [add], "queues": ["emails"]}
        with pytest.raises(TestingError, match="'emails' is in use already"):
            Environment(settings, redis_url=valkey_server.url)
        assert client.keys() == [b"emails"]
        client.rename("emails", "arq:queue")
        with pytest.raises(TestingError, match="'arq' is in use already"):
            Environment([add], redis_url=valkey_server.url, namespace="arq")
        client.delete("arq:queue")
        with Environment(settings, redis_url=valkey_server.url) as jobs:
            jobs.blocking_client.enqueue("add", 1, 2, _queue="emails")
            jobs.blocking_client.enqueue("add", 1, 2, _queue="others")
            assert [one.queue for one in jobs.worker.enqueued("add")] == ["emails", "others"]
            assert len(jobs.worker.run_jobs_blocking()) == 1
            assert jobs.worker.run_jobs_blocking() == []
            assert (
                "add(1, 2) was not run: it is in queue others, and the settings serve emails" in caplog.text
            )
        assert client.keys() == []


def test_what_the_fixtures_cost(valkey_server: RedisServer) -> None:
    """Measured as time of the processor, which other tests do not change; `pytest -rP` shows it."""

    async def enqueue(jobs: Environment) -> None:
        await jobs.client.enqueue("add", 1, 2)

    def one_test() -> None:
        with Environment([add], redis_url=valkey_server.url) as jobs:
            asyncio.run(enqueue(jobs))

    one_test()
    begin = time.process_time()
    for _ in range(10):
        one_test()
    cost = (time.process_time() - begin) / 10
    print(f"a test with a client and one job: {cost * 1000:.1f} ms")  # noqa: T201
    assert cost < 0.05, "it is 10 ms on an idle machine"


def test_a_server_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(TestingError, match="does not answer as it must: "):
        Environment(redis_url=f"redis://127.0.0.1:{free_port()}")
