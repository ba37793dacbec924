"""Enqueue no-op jobs and drain them with one worker, in this process, to see what the keeping of books costs.

python -m benchmarks.programs.drain KIND PORT JOBS

With KIND `limited` the jobs are those of a key with limits; with `bare` no indexes and counters are kept.
"""

import asyncio
import sys

from benchmarks.programs.jobgate_jobs import WorkerSettings, noop
from benchmarks.programs.without_books import keep_no_books
from jobgate.broker import Broker, CallerLimits, JobRequest
from jobgate.worker import Worker
from jobgate.worker.process import loop_factory


async def drain(port: int, jobs: int, *, is_limited: bool) -> None:
    """Enqueue through the broker, then run a worker in burst mode."""
    url = f"redis://127.0.0.1:{port}"
    limits = CallerLimits(name="caller", pending=2 * jobs) if is_limited else None
    async with Broker(url) as broker:
        await broker.enqueue_many([JobRequest(function="noop", limits=limits)] * jobs)
    worker = Worker(WorkerSettings, functions=[noop], redis_settings=url, burst=True, max_jobs=100)
    await worker.async_run()
    await worker.close()


def main() -> None:
    """Do it once."""
    kind, port, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "bare":
        keep_no_books()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(drain(port, jobs, is_limited=kind == "limited"))


if __name__ == "__main__":
    main()
