"""Workers in the test's own event loop, and what tests ask of the jobs that they run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jobgate.worker
from harness.jobs.records import request_of
from harness.waiting import PATIENCE, eventually_async
from jobgate.arq import Worker
from jobgate.broker import Broker, JobResult


@asynccontextmanager
async def working(source: object, url: str, **settings: object) -> AsyncIterator[Worker]:
    """Run a worker while the block lasts, then stop it and see it end."""
    worker = Worker(source, redis_settings=url, handle_signals=False, **settings)
    run = asyncio.create_task(worker.async_run())
    try:
        yield worker
    finally:
        worker.stop()
        await run


async def burst(source: object, url: str, **settings: object) -> Worker:
    """Run a worker until the queue is empty."""
    worker = Worker(source, redis_settings=url, handle_signals=False, burst=True, **settings)
    async with asyncio.timeout(90):
        await worker.async_run()
    return worker


async def enqueue(broker: Broker, function: str, *args: Any, **options: Any) -> str:
    """Enqueue one job and return its id."""
    return (await broker.enqueue(request_of(function, args=args, **options))).job_id


async def outcome(broker: Broker, job_id: str, timeout: float = PATIENCE) -> JobResult:
    """Wait for a result that must come."""
    result = await broker.wait(job_id, timeout)
    assert result is not None, f"no result of {job_id} within {timeout} s"
    return result


async def busy(worker: jobgate.worker.Worker, jobs: int = 1) -> None:
    """Wait until a worker runs so many jobs."""

    async def runs() -> bool:
        return len(worker.jobs) >= jobs

    await eventually_async(runs, what=f"{jobs} running jobs")


async def complete(worker: jobgate.worker.Worker, jobs: int) -> None:
    """Wait until a worker has counted so many successes: it does so after the result is stored."""

    async def counted() -> bool:
        return worker.jobs_complete >= jobs

    await eventually_async(counted, what=f"{jobs} complete jobs")
    assert worker.jobs_complete == jobs


async def empty(broker: Broker) -> None:
    """Wait until the default queue holds nothing."""

    async def depth_is_zero() -> bool:
        depth = await broker.queue_depth()
        return depth.queued + depth.deferred + depth.in_progress == 0

    await eventually_async(depth_is_zero, what="an empty queue")
