"""Drain a queue of no-op jobs with one worker; run in the environment of the worker that is measured.

python -m benchmarks.drain jobgate|arq PORT JOBS     prints jobs per second
"""

import asyncio
import sys
import time

from benchmarks.functions import WorkerSettings, noop


async def drain_arq(port: int, jobs: int) -> float:
    """Enqueue with arq, then time arq's worker in burst mode."""
    from arq import Worker, create_pool
    from arq.connections import RedisSettings

    settings = RedisSettings(port=port)
    pool = await create_pool(settings)
    for _ in range(jobs):
        await pool.enqueue_job("noop")
    worker = Worker([noop], redis_settings=settings, burst=True, max_jobs=WorkerSettings.max_jobs)
    started = time.perf_counter()
    await worker.async_run()
    took = time.perf_counter() - started
    await worker.close()
    await pool.aclose()
    return took


async def drain_jobgate(port: int, jobs: int) -> float:
    """Enqueue through the broker, then time jobgate's worker in burst mode."""
    from jobgate.broker import Broker, JobRequest
    from jobgate.worker import Worker

    url = f"redis://127.0.0.1:{port}"
    async with Broker(url) as broker:
        await broker.enqueue_many([JobRequest(function="noop")] * jobs)
    worker = Worker(WorkerSettings, redis_settings=url, burst=True)
    started = time.perf_counter()
    await worker.async_run()
    took = time.perf_counter() - started
    await worker.close()
    return took


def main() -> None:
    """Measure one drain."""
    kind, port, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "arq":
        took = asyncio.run(drain_arq(port, jobs))
    else:
        from jobgate.worker.process import loop_factory

        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            took = runner.run(drain_jobgate(port, jobs))
    print(jobs / took)


if __name__ == "__main__":
    main()
