"""Time arq's own way to call a function and get its result; run where arq is installed.

python -m benchmarks.arq_call PORT CALLS     prints seconds for each call, sorted
"""

import asyncio
import sys
import time

from benchmarks.functions import noop


async def call(port: int, calls: int) -> list[float]:
    """Enqueue and wait for the result, one after another, with a worker in the same process."""
    from arq import Worker, create_pool
    from arq.connections import RedisSettings

    # Another database: a jobgate worker serves the queue in this one.
    settings = RedisSettings(port=port, database=1)
    worker = Worker([noop], redis_settings=settings, handle_signals=False)
    running = asyncio.create_task(worker.async_run())
    pool = await create_pool(settings)
    took = []
    for _ in range(calls):
        started = time.perf_counter()
        job = await pool.enqueue_job("noop")
        assert job is not None
        await job.result(timeout=10)
        took.append(time.perf_counter() - started)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await worker.close()
    await pool.aclose()
    return sorted(took)


def main() -> None:
    """Measure some calls."""
    for seconds in asyncio.run(call(int(sys.argv[1]), int(sys.argv[2]))):
        print(seconds)


if __name__ == "__main__":
    main()
