"""Drain a queue of no-op jobs with one worker; run in the environment of the worker that is measured.

python -m benchmarks.drain KIND PORT JOBS     prints jobs per second

KIND is `jobgate` or `arq`. With `typed` or `untyped` jobgate's jobs have five arguments, of one function with
type hints or of the same one without. With `limited` they are those of a key with limits; with `bare` no
indexes and counters are kept.
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


async def drain_jobgate(kind: str, port: int, jobs: int) -> float:
    """Enqueue through the broker, then time jobgate's worker in burst mode."""
    from jobgate.broker import Broker, CallerLimits, JobRequest
    from jobgate.worker import Worker

    url = f"redis://127.0.0.1:{port}"
    function, args = _call_of(kind)
    limits = CallerLimits(name="caller", pending=2 * jobs) if kind == "limited" else None
    async with Broker(url) as broker:
        await broker.enqueue_many([JobRequest(function=function.__name__, args=args, limits=limits)] * jobs)
    worker = Worker(WorkerSettings, functions=[function], redis_settings=url, burst=True)
    started = time.perf_counter()
    await worker.async_run()
    took = time.perf_counter() - started
    await worker.close()
    return took


def _call_of(kind: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if kind not in {"typed", "untyped"}:
        return noop, ()
    from benchmarks import typed  # the environment of arq has no pydantic

    return (typed.typed if kind == "typed" else typed.untyped), tuple(typed.ARGS)


def main() -> None:
    """Measure one drain."""
    kind, port, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "arq":
        took = asyncio.run(drain_arq(port, jobs))
    else:
        from benchmarks.without_books import keep_no_books
        from jobgate.worker.process import loop_factory

        if kind == "bare":
            keep_no_books()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            took = runner.run(drain_jobgate(kind, port, jobs))
    print(jobs / took)


if __name__ == "__main__":
    main()
