"""When a job was enqueued, began and ended: every view of every state says the same."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.jobs.records import request_of
from harness.systems.gateways import RunningGateway, running_gateway
from harness.systems.workers import burst, working
from harness.waiting import eventually_async
from jobgate.arq import create_pool
from jobgate.broker import Broker
from jobgate.client import Client, JobInfo, JobStatus
from jobgate.worker import Retry

Ctx = dict[str, Any]
TIMES = ("enqueue_time", "due_time", "start_time", "finish_time")


class Functions:
    def __init__(self) -> None:
        self.running, self.goes_on = asyncio.Event(), asyncio.Event()

    async def work(self, ctx: Ctx) -> str:
        self.running.set()
        await self.goes_on.wait()
        return "done"

    async def fail(self, ctx: Ctx) -> None:
        raise ValueError("no")

    async def later(self, ctx: Ctx) -> None:
        raise Retry(3600)


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url) as running:
        yield running


async def seen(gateway: RunningGateway, redis_url: str, job_id: str = "k") -> JobInfo:
    """The job as all views show it, which must be the same."""
    async with (
        Client(gateway.url, registry=CollectorRegistry()) as over_http,
        Client(redis_url, registry=CollectorRegistry()) as over_redis,
    ):
        info = await over_redis.job(job_id).info()
        assert info == await over_http.job(job_id).info()
    _, page, _ = await gateway.get(
        "/jobs" + ("?status=complete" if info.status is JobStatus.COMPLETE else "")
    )
    (listed,) = [job for job in page["jobs"] if job["job_id"] == job_id]
    _, job, _ = await gateway.get(f"/jobs/{job_id}/status")
    assert listed == {name: value for name, value in job.items() if name not in ("args", "kwargs")}
    for name in TIMES:
        told = asdict(info)[name]
        assert (None if job[name] is None else datetime.fromisoformat(job[name])) == told, name
    return info


async def enqueue(broker: Broker, function: str, **options: Any) -> None:
    await broker.enqueue(request_of(function, job_id="k", **options))


async def test_it_waits(gateway: RunningGateway, broker: Broker, redis_url: str) -> None:
    await enqueue(broker, "Functions.work", defer_by=60)
    info = await seen(gateway, redis_url)
    assert (info.start_time, info.finish_time) == (None, None)
    assert info.enqueue_time is not None


async def test_it_runs_and_has_run(
    gateway: RunningGateway, broker: Broker, redis_url: str, functions: Functions
) -> None:
    async with working([functions.work], redis_url):
        await enqueue(broker, "Functions.work")
        await functions.running.wait()
        running = await seen(gateway, redis_url)
        assert running.status == JobStatus.IN_PROGRESS
        assert running.start_time is not None
        assert running.enqueue_time is not None
        assert -1 < (running.start_time - running.enqueue_time).total_seconds() < 20
        functions.goes_on.set()
        await broker.wait("k", 30)
    ended = await seen(gateway, redis_url)
    assert ended.start_time == running.start_time
    assert ended.finish_time is not None
    assert ended.finish_time >= running.start_time


async def test_it_has_failed(
    gateway: RunningGateway, broker: Broker, redis_url: str, functions: Functions
) -> None:
    await enqueue(broker, "Functions.fail")
    await burst([functions.fail], redis_url)
    info = await seen(gateway, redis_url)
    assert (info.success, info.start_time is None) == (False, False)


async def test_it_was_aborted_before_it_ran(gateway: RunningGateway, broker: Broker, redis_url: str) -> None:
    await enqueue(broker, "Functions.work")
    await broker.abort("k")
    info = await seen(gateway, redis_url)
    assert (info.success, info.start_time) == (False, None)
    async with await create_pool(redis_url) as pool:
        (result,) = await pool.all_job_results()
    assert result.start_time == result.finish_time == info.finish_time, "arq's records always have a time"


async def test_it_was_aborted_between_two_tries(
    gateway: RunningGateway, broker: Broker, redis_url: str, functions: Functions
) -> None:
    await enqueue(broker, "Functions.later")
    async with working([functions.later], redis_url) as worker:

        async def retried() -> bool:
            return worker.jobs_retried == 1

        await eventually_async(retried, what="the first try")
    assert (await seen(gateway, redis_url)).start_time is None
    await broker.abort("k")
    assert (await seen(gateway, redis_url)).start_time is None


@pytest.mark.parametrize("kind", ["unknown", "expired", "aborted"])
async def test_a_worker_that_refuses_it_has_not_started_it(
    gateway: RunningGateway, broker: Broker, redis_url: str, functions: Functions, kind: str
) -> None:
    await enqueue(broker, "unknown" if kind == "unknown" else "Functions.work", defer_by=0)
    async with await create_pool(redis_url) as pool:
        if kind == "expired":
            await pool.delete("arq:job:k")
        if kind == "aborted":  # as a stock arq client asks for it
            await pool.zadd("arq:abort", {"k": 4_000_000_000_000})
    await burst([functions.work], redis_url, allow_abort_jobs=True)
    info = await seen(gateway, redis_url)
    assert (info.success, info.start_time, info.tries) == (False, None, 1)
    assert info.finish_time is not None
