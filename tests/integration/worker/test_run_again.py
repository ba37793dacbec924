"""A worker that has run may run again, as arq's: tests of arq's users do so."""

import asyncio
from typing import Any

import pytest

from harness.systems.workers import busy, enqueue, outcome
from harness.waiting import PATIENCE, eventually_async
from jobgate.arq import FailedJobs, Worker
from jobgate.broker import Broker
from jobgate.worker import WorkerError

Ctx = dict[str, Any]


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


async def nap(ctx: Ctx, seconds: float) -> None:
    await asyncio.sleep(seconds)


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


async def test_a_running_worker_is_not_run_twice(redis_url: str) -> None:
    worker = Worker([add], redis_settings=redis_url, handle_signals=False)
    run = asyncio.create_task(worker.async_run())

    async def consumes() -> bool:
        return worker.liveness.consuming()

    await eventually_async(consumes, what="a worker that consumes")
    for call in (worker.async_run, worker.run_check):
        with pytest.raises(WorkerError, match="already running"):
            await call()
    with pytest.raises(WorkerError, match="already running"):
        await worker.run_check(max_burst_jobs=1)
    assert worker.settings.max_burst_jobs != 1, "a refused call leaves nothing behind"
    await worker.close()
    await asyncio.wait_for(run, PATIENCE)


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


async def test_close_after_a_stop_lets_jobs_end(redis_url: str) -> None:
    worker = Worker([nap], redis_settings=redis_url, handle_signals=False, job_completion_wait=60)
    run = asyncio.create_task(worker.async_run())
    async with Broker(redis_url) as broker:
        await enqueue(broker, "nap", 0.4)
        await busy(worker)
    worker.stop()
    await worker.close()
    assert (worker.jobs_complete, worker.jobs_retried) == (1, 0)
    assert not len(worker.jobs), "close waits for the end"
    await run


async def test_close_waits_for_a_run_that_ends_already(redis_url: str) -> None:
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def on_shutdown(ctx: Ctx) -> None:
        has_begun.set()
        await may_end.wait()

    worker = Worker(
        [add], redis_settings=redis_url, burst=True, handle_signals=False, on_shutdown=on_shutdown
    )
    run = asyncio.create_task(worker.async_run())
    await asyncio.wait_for(has_begun.wait(), PATIENCE)
    closes = [asyncio.create_task(worker.close()) for _ in range(2)]
    done, _ = await asyncio.wait(closes, timeout=0.2)
    assert not done
    may_end.set()
    await asyncio.wait_for(asyncio.gather(*closes), PATIENCE)
    await run


@pytest.mark.parametrize("hook", ["on_startup", "on_shutdown"])
async def test_a_hook_may_close_its_worker(redis_url: str, hook: str) -> None:
    """The run cannot end while the hook waits for its end."""

    async def close(ctx: Ctx) -> None:
        await worker.close()

    hooks = {hook: close}
    worker = Worker([add], redis_settings=redis_url, burst=True, handle_signals=False, **hooks)
    async with asyncio.timeout(PATIENCE):
        await worker.async_run()


def test_run_goes_through_the_async_run_of_a_subclass() -> None:
    runs: list[str] = []

    class Own(Worker):
        async def async_run(self) -> None:
            runs.append("own")

    Own([add]).run()
    assert runs == ["own"]


async def test_run_check_may_be_called_again(redis_url: str) -> None:
    worker = Worker([add, fail], redis_settings=redis_url, burst=True, handle_signals=False)
    async with Broker(redis_url) as broker:
        await enqueue(broker, "fail")
        with pytest.raises(FailedJobs, match="no such thing"):
            await worker.run_check()
        await enqueue(broker, "add", 1)
        assert await worker.run_check() == 1
