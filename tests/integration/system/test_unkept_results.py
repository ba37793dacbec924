"""`keep_result` 0: whoever waits gets the outcome all the same, by every route; nobody else pays for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway, running_gateway
from harness.systems.workers import burst, working
from harness.waiting import eventually_async
from jobgate.arq import create_pool
from jobgate.broker import Broker
from jobgate.client import Client, JobFailed
from jobgate.worker import Worker

Ctx = dict[str, Any]
#: Seconds that callers wait: ends by the outcome, not by time.
LONG = 30


class Functions:
    """What the worker runs: a function that goes on when the test says so, and keeps no result."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def add(self, ctx: Ctx, a: int, b: int) -> int:
        self.started.set()
        await self.goes_on.wait()
        if a < 0:
            raise ValueError("negative")
        return a + b

    async def strange(self, ctx: Ctx) -> object:
        return object()


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
async def worker(redis_url: str, functions: Functions) -> AsyncIterator[Worker]:
    source = {"functions": [functions.add, functions.strange], "keep_result": 0}
    async with working(source, redis_url) as running:
        yield running
        functions.goes_on.set()


@pytest.fixture
async def gateway(redis_url: str, worker: Worker) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url) as running:
        yield running


@pytest.fixture
def keys(valkey_server: RedisServer) -> Callable[[str], list[str]]:
    def matching(pattern: str) -> list[str]:
        with valkey_server.client() as client:
            return [key.decode() for key in client.keys(pattern)]

    return matching


async def when_waited_for(
    functions: Functions, keys: Callable[[str], list[str]], waiting: Awaitable[Any]
) -> Any:
    """Let the job go on once somebody waits for it; return what that brought."""
    asked = asyncio.ensure_future(waiting)

    async def noted() -> bool:
        return bool(keys("*:wanted:*"))

    await eventually_async(noted, what="the note that somebody waits")
    functions.goes_on.set()
    async with asyncio.timeout(LONG):
        return await asked


# -- over HTTP


@pytest.mark.parametrize(("args", "success"), [([1, 2], True), ([-1, 2], False)])
async def test_three_routes_give_the_same_outcome(
    gateway: RunningGateway,
    functions: Functions,
    keys: Callable[[str], list[str]],
    args: list[int],
    success: bool,
) -> None:
    functions.goes_on.set()
    status, posted, _ = await gateway.post(f"/jobs/Functions.add?wait={LONG}", {"args": args, "job_id": "k"})
    assert (status, posted["status"], posted["success"]) == (200, "complete", success)
    assert posted.get("result") == (3 if success else None)

    functions.goes_on.clear()
    await gateway.post("/jobs/Functions.add", {"args": args, "job_id": "k"})
    status, read, _ = await when_waited_for(functions, keys, gateway.get(f"/jobs/k/result?wait={LONG}"))
    assert (status, read) == (200, posted)

    functions.goes_on.clear()
    await gateway.post("/jobs/Functions.add", {"args": args, "job_id": "k"})
    status, job, _ = await when_waited_for(functions, keys, gateway.get(f"/jobs/k/status?wait={LONG}"))
    assert (status, job["status"], job["success"]) == (200, "complete", success)
    assert job["start_time"] is not None
    assert job["finish_time"] is not None


async def test_a_change_of_status_ends_with_the_outcome(
    gateway: RunningGateway, functions: Functions, keys: Callable[[str], list[str]]
) -> None:
    await gateway.post("/jobs/Functions.add", {"args": [1, 2], "job_id": "k"})
    await functions.started.wait()
    _, _, headers = await gateway.get("/jobs/k/status")
    look = gateway.get(f"/jobs/k/status?wait={LONG}", headers={"If-None-Match": headers["ETag"]})
    status, job, _ = await when_waited_for(functions, keys, look)
    assert (status, job["status"], job["success"]) == (200, "complete", True)


async def test_a_wait_that_ends_just_before_the_job_is_followed_by_one_that_gets_it(
    gateway: RunningGateway, functions: Functions, keys: Callable[[str], list[str]], worker: Worker
) -> None:
    status, job, _ = await gateway.post("/jobs/Functions.add?wait=0.05", {"args": [1, 2], "job_id": "k"})
    assert (status, job["success"]) == (202, None)
    functions.goes_on.set()

    async def handed_over() -> bool:
        return bool(keys("*:outcome:k"))

    await eventually_async(handed_over, what="the outcome")
    status, outcome, _ = await gateway.get(f"/jobs/k/result?wait={LONG}")
    assert (status, outcome["result"]) == (200, 3)


async def test_it_is_forgotten_and_its_id_is_free_at_once(
    gateway: RunningGateway, functions: Functions, valkey_server: RedisServer
) -> None:
    functions.goes_on.set()
    for a in range(20):
        body = {"args": [a, 2], "job_id": "k", "keep_result": 0}
        status, outcome, _ = await gateway.post(f"/jobs/Functions.add?wait={LONG}", body)
        assert (status, outcome["result"]) == (200, a + 2), "not that of the job before"
    with valkey_server.client() as client:
        assert client.exists("arq:result:k", "arq:job:k") == 0
        assert 0 < client.pttl("arq:queue:outcome:k") <= 10_000
        assert client.keys("*:wanted:*") == []
    assert (await gateway.get("/jobs/k/result"))[0] == 404, "who does not wait is late"
    assert (await gateway.get("/jobs/k/status"))[0] == 404


async def test_a_job_that_is_aborted_before_it_runs_tells_those_who_wait(
    gateway: RunningGateway, keys: Callable[[str], list[str]]
) -> None:
    body = {"args": [1, 2], "job_id": "k", "defer_by": 3600, "keep_result": 0}
    await gateway.post("/jobs/Functions.add", body)
    waiting = asyncio.ensure_future(gateway.get(f"/jobs/k/result?wait={LONG}"))

    async def noted() -> bool:
        return bool(keys("*:wanted:k"))

    await eventually_async(noted, what="the note that somebody waits")
    assert (await gateway.post("/jobs/k/abort"))[1] == {"aborted": True}
    status, outcome, _ = await waiting
    assert (status, outcome["error"]["code"]) == (200, "aborted")


# -- other callers


@pytest.mark.parametrize("transport", ["http", "redis"])
async def test_the_client_is_given_it_by_a_call_and_by_a_handle(
    gateway: RunningGateway,
    redis_url: str,
    functions: Functions,
    keys: Callable[[str], list[str]],
    transport: str,
) -> None:
    url = gateway.url if transport == "http" else redis_url
    async with Client(url, registry=CollectorRegistry()) as client:
        functions.goes_on.set()
        assert await client.call("Functions.add", 1, 2, _keep_result=0, _timeout=LONG) == 3
        with pytest.raises(JobFailed, match="negative"):
            await client.call("Functions.add", -1, 2, _timeout=LONG)
        functions.goes_on.clear()
        job = await client.enqueue("Functions.add", 2, 2)
        assert await when_waited_for(functions, keys, job.result(timeout=LONG)) == 4


async def test_arqs_job_is_given_it_too(
    redis_url: str, worker: Worker, functions: Functions, keys: Callable[[str], list[str]]
) -> None:
    async with await create_pool(redis_url) as pool:
        job = await pool.enqueue_job("Functions.add", 1, 2)
        assert job is not None
        assert await when_waited_for(functions, keys, job.result(timeout=LONG)) == 3


# -- what cannot be encoded


async def test_a_value_that_cannot_be_encoded_does_not_fail_the_job(
    redis_url: str, functions: Functions
) -> None:
    async with Broker(redis_url) as broker, await create_pool(redis_url) as pool:
        await pool.enqueue_job("Functions.strange")
        ran = await burst([functions.strange], redis_url, keep_result=0)
        assert (ran.jobs_complete, ran.jobs_failed) == (1, 0)
        await pool.enqueue_job("Functions.strange")
        ran = await burst([functions.strange], redis_url, keep_result=60)
        assert (ran.jobs_complete, ran.jobs_failed) == (0, 1)
        depth = await broker.queue_depth()
        assert (depth.queued, depth.in_progress) == (0, 0)


async def test_a_caller_that_waits_for_one_is_told_and_the_job_is_no_failure(
    gateway: RunningGateway, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    status, outcome, _ = await gateway.post(f"/jobs/Functions.strange?wait={LONG}", {})
    assert (status, outcome["error"]["code"]) == (200, "unserialisable-result")

    async def counted() -> bool:
        return worker.jobs_complete == 1

    await eventually_async(counted, what="a success")
    assert worker.jobs_failed == 0
    assert "its result cannot be sent to the waiting caller" in caplog.text


# -- what it costs


async def test_kept_results_are_only_results(
    redis_url: str, functions: Functions, keys: Callable[[str], list[str]]
) -> None:
    functions.goes_on.set()
    async with working([functions.add], redis_url), Client(redis_url, registry=CollectorRegistry()) as client:
        assert await client.call("Functions.add", 1, 2) == 3
    assert keys("*:outcome:*") + keys("*:wanted:*") == []


async def test_nothing_is_encoded_where_nobody_waits(redis_url: str, functions: Functions) -> None:
    written: list[dict[str, Any]] = []

    def dumps(fields: dict[str, Any]) -> bytes:
        written.append(fields)
        raise AssertionError

    functions.goes_on.set()
    async with await create_pool(redis_url) as pool:
        await pool.enqueue_job("Functions.add", 1, 2)
    ran = await burst(
        [functions.add], redis_url, keep_result=0, job_serializer=dumps, job_deserializer=lambda blob: {}
    )
    assert (ran.jobs_complete + ran.jobs_failed, written) == (1, [])
