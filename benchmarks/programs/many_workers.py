"""Run idle workers in one process.

python -m benchmarks.programs.many_workers WORKERS

What they send to Redis is what as many processes send; a hundred of these would need six gigabytes.
"""

import asyncio
import sys

from benchmarks.programs.jobgate_jobs import WorkerSettings
from benchmarks.programs.server_url import URL
from jobgate.worker import Worker
from jobgate.worker.process import loop_factory


async def run(workers: int) -> None:
    """Run until killed."""
    made = [Worker(WorkerSettings, redis_settings=URL, handle_signals=False) for _ in range(workers)]
    await asyncio.gather(*(worker.async_run() for worker in made))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run(int(sys.argv[1])))
