"""Drain a queue of no-op jobs with one worker; run in the environment of the worker that is measured.

python -m benchmarks.drain KIND PORT JOBS     prints jobs per second

KIND is `jobgate` or `arq`; with `typed` or `untyped` jobgate's jobs have five arguments, of one function with
type hints or of the same one without.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

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


async def drain_jobgate(
    port: int, jobs: int, function: Callable[..., Any] = noop, args: tuple[Any, ...] = ()
) -> float:
    """Enqueue through the broker, then time jobgate's worker in burst mode."""
    from jobgate.broker import Broker, JobRequest
    from jobgate.worker import Worker

    url = f"redis://127.0.0.1:{port}"
    async with Broker(url) as broker:
        await broker.enqueue_many([JobRequest(function=function.__name__, args=args)] * jobs)
    worker = Worker(WorkerSettings, functions=[function], redis_settings=url, burst=True)
    started = time.perf_counter()
    await worker.async_run()
    took = time.perf_counter() - started
    await worker.close()
    return took


def _call_of(kind: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if kind == "jobgate":
        return noop, ()
    from benchmarks import typed  # the environment of arq has no pydantic

    return (typed.typed if kind == "typed" else typed.untyped), tuple(typed.ARGS)


def main() -> None:
    """Measure one drain."""
    kind, port, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "arq":
        took = asyncio.run(drain_arq(port, jobs))
    else:
        from jobgate.worker.process import loop_factory

        function, args = _call_of(kind)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            took = runner.run(drain_jobgate(port, jobs, function, args))
    print(jobs / took)


if __name__ == "__main__":
    main()
