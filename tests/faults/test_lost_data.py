"""Redis loses its data under jobs that wait or run: FLUSHALL, an empty restart, writes lost by a failover."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, running_gateway
from harness.systems.held import Held
from harness.systems.workers import busy, working
from harness.waiting import eventually_async
from jobgate.arq import ResultLost, create_pool
from jobgate.broker import Broker, JobRequest
from jobgate.client import Client, JobLost
from jobgate.worker import Worker


def flush(server: RedisServer) -> None:
    with server.client() as client:
        client.flushall()
        client.script_flush()


async def waits(gateway: Any, count: int) -> None:
    async def all_wait() -> bool:
        return f"waits_in_flight {count}.0".encode() in (await gateway.get("/metrics"))[1]

    await eventually_async(all_wait, what=f"{count} waits")


async def test_a_wait_for_a_job_that_went_with_all_data_says_so_by_every_route(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        running_gateway(server.url) as gateway,
        Client(gateway.url) as over_http,
        Client(server.url) as over_redis,
    ):
        assert (await gateway.post("/jobs/f", {"job_id": "a"}))[0] == 202
        pool = await create_pool(server.url)
        requests = [
            gateway.post("/jobs/f?wait=30", {}),
            gateway.get("/jobs/a/result?wait=30"),
            gateway.get("/jobs/a/status?wait=30"),
        ]
        asked = [asyncio.create_task(request) for request in requests]
        calls = [
            asyncio.create_task(over_http.job("a").result(timeout=30)),
            asyncio.create_task(over_redis.job("a").result(timeout=30)),
            asyncio.create_task(over_redis.call("f", _timeout=30)),
        ]
        arq_job = await pool.enqueue_job("f", _job_id="b")
        assert arq_job is not None
        calls.append(asyncio.create_task(arq_job.result(30)))
        await waits(gateway, 4)
        await _queued(server, 4)

        flush(server)
        for status, problem, _ in await asyncio.gather(*asked):
            assert (status, problem["code"]) == (404, "data-set-changed")
        lost = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in lost] == [JobLost, JobLost, JobLost, ResultLost]
        await pool.aclose()
    told = [record for record in caplog.records if "no longer holds its earlier data" in record.getMessage()]
    assert 1 <= len(told) <= 3, "once in each of the three brokers of this process"


async def test_an_abort_that_waits_for_a_job_that_went_with_all_data_says_so(server: RedisServer) -> None:
    async with running_gateway(server.url) as gateway, Broker(server.url) as broker:
        await gateway.post("/jobs/f", {"job_id": "a"})
        await PlayedWorker(broker).claim()
        asked = asyncio.create_task(gateway.post("/jobs/a/abort?wait=30"))
        await waits(gateway, 1)
        flush(server)
        status, problem, _ = await asked
    assert (status, problem["code"]) == (404, "data-set-changed")


async def _queued(server: RedisServer, count: int) -> None:
    async def there() -> bool:
        with server.client() as client:
            return bool(client.zcard("arq:queue") == count)

    await eventually_async(there, what=f"{count} jobs")


async def test_a_running_job_ends_and_its_result_is_stored_after_flushall(server: RedisServer) -> None:
    held = Held()
    async with Broker(server.url) as broker, working(held.functions, server.url, lease=3) as worker:
        await broker.enqueue(JobRequest(function="hold", job_id="a"))
        await busy(worker)
        flush(server)
        held.may_end.set()
        await _result(broker, "a")
        # A worker counts a job when it has read that its outcome is stored.
        await eventually_async(partial(_has_counted, worker), what="the end of the job")
        assert (held.starts, held.cancelled) == (1, 0)
        # And an idle worker goes on.
        await broker.enqueue(JobRequest(function="hold", job_id="b"))
        await _result(broker, "b")


async def _has_counted(worker: Worker) -> bool:
    return worker.jobs_complete == 1


async def _result(broker: Broker, job_id: str) -> None:
    async def is_there() -> bool:
        view = await broker.view(job_id)
        return bool(view and view.result and view.result.result == "held")

    await eventually_async(is_there, what="the result")


@pytest.fixture
async def holding(redis_url: str, valkey_server: RedisServer) -> AsyncIterator[tuple[Held, Broker, Worker]]:
    """A worker that runs the job `a`."""
    held = Held()
    async with Broker(redis_url) as broker, working(held.functions, redis_url, lease=1.5) as worker:
        await broker.enqueue(JobRequest(function="hold", job_id="a"))
        await busy(worker)
        yield held, broker, worker
        held.may_end.set()


async def test_a_running_job_is_not_cancelled_by_the_loss_of_all_data(
    holding: tuple[Held, Broker, Worker], valkey_server: RedisServer
) -> None:
    held, broker, _ = holding
    flush(valkey_server)
    with valkey_server.client() as client:
        await eventually_async(lambda: _exists(client, "arq:in-progress:a"), what="a lease taken back")
        assert client.exists("arq:job:a")
    held.may_end.set()
    await _result(broker, "a")
    assert (held.starts, held.cancelled) == (1, 0)


async def test_a_running_job_is_not_cancelled_when_redis_forgot_its_claim(
    holding: tuple[Held, Broker, Worker], valkey_server: RedisServer
) -> None:
    """As after a failover: the enqueue had reached the replica, the claim had not."""
    held, broker, _ = holding
    with valkey_server.client() as client:
        with client.pipeline() as steps:
            steps.delete("arq:in-progress:a", "arq:retry:a")
            steps.zadd("arq:queue", {"a": 2**45})  # nobody claims it meanwhile
            steps.execute()
        await eventually_async(lambda: _exists(client, "arq:in-progress:a"), what="a lease taken back")
    held.may_end.set()
    await _result(broker, "a")
    assert (held.starts, held.cancelled) == (1, 0)


async def test_a_job_that_somebody_else_runs_is_not_taken_back(
    holding: tuple[Held, Broker, Worker], valkey_server: RedisServer
) -> None:
    held, _, _ = holding
    with valkey_server.client() as client:
        client.set("arq:in-progress:a", "other:1")

        async def cancelled() -> bool:
            return bool(held.cancelled)

        await eventually_async(cancelled, what="the end of the run that lost its lease")
        assert client.get("arq:in-progress:a") == b"other:1"


async def _exists(client: Any, key: str) -> bool:
    return bool(client.exists(key))


async def test_a_takeover_that_is_noticed_at_the_end_counts_as_a_lost_lease(server: RedisServer) -> None:
    held = Held()
    async with Broker(server.url) as broker, working(held.functions, server.url, lease=60) as worker:
        await broker.enqueue(JobRequest(function="hold", job_id="a"))
        await busy(worker)
        with server.client() as client:
            client.set("arq:in-progress:a", "other:1")
        held.may_end.set()

        async def counted() -> bool:
            return b"jobgate_worker_leases_lost_total 1.0" in worker.metrics.exposition()

        await eventually_async(counted, what="the count of lost leases")
