"""A worker that has run may run again, as arq's: tests of arq's users do so."""

import asyncio
from typing import Any

import pytest

from harness.waiting import eventually_async
from harness.workers import enqueue, outcome
from jobgate.arq import FailedJobs, Worker
from jobgate.broker import Broker

Ctx = dict[str, Any]


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


async def fail(ctx: Ctx) -> None:
    raise LookupError("no such thing")


async def test_a_worker_may_run_again(redis_url: str) -> None:
    shutdowns: list[int] = []
    worker = Worker(
        [add], redis_settings=redis_url, burst=True, handle_signals=False, on_shutdown=shutdowns.append
    )
    async with Broker(redis_url) as broker:
        for number in (1, 2, 3):
            job_id = await enqueue(broker, "add", number)
            await worker.async_run()
            assert (await outcome(broker, job_id)).result == number + 1
            assert worker.jobs_complete == 1, "each run counts for itself"
    await worker.close()
    assert len(shutdowns) == 3


async def test_a_worker_may_run_after_it_was_closed(redis_url: str) -> None:
    worker = Worker([add], redis_settings=redis_url, burst=True, handle_signals=False)
    await worker.close()
    async with Broker(redis_url) as broker:
        await enqueue(broker, "add", 1)
        assert await worker.run_check() == 1


async def test_a_running_worker_may_be_closed(redis_url: str) -> None:
    shutdowns: list[Any] = []
    worker = Worker([add], redis_settings=redis_url, handle_signals=False, on_shutdown=shutdowns.append)
    run = asyncio.create_task(worker.async_run())

    async def consumes() -> bool:
        return worker.liveness.consuming()

    await eventually_async(consumes, what="a worker that consumes")
    await worker.close()
    assert len(shutdowns) == 1, "close waits for the end"
    await run
    await worker.close()


async def test_run_check_may_be_called_again(redis_url: str) -> None:
    worker = Worker([add, fail], redis_settings=redis_url, burst=True, handle_signals=False)
    async with Broker(redis_url) as broker:
        await enqueue(broker, "fail")
        with pytest.raises(FailedJobs, match="no such thing"):
            await worker.run_check()
        await enqueue(broker, "add", 1)
        assert await worker.run_check() == 1
