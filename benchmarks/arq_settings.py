"""Settings of a stock arq worker on the server of the benchmarks, and its jobs; needs the package arq.

python -m benchmarks.arq_settings JOBS     enqueues so many no-op jobs
"""

import asyncio
import os
import sys
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.functions import WorkerSettings as Common
from benchmarks.functions import noop

#: Variable with the port of the server.
PORT = "BENCHMARK_PORT"


class WorkerSettings:
    """As those of jobgate's worker. arq does not see inherited attributes."""

    functions: ClassVar[list[Any]] = [noop]
    max_jobs = Common.max_jobs
    redis_settings = RedisSettings(port=int(os.environ[PORT]))


async def enqueue(jobs: int) -> None:
    """Enqueue no-op jobs as arq's users do."""
    pool = await create_pool(WorkerSettings.redis_settings)
    for _ in range(jobs):
        await pool.enqueue_job("noop")
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(enqueue(int(sys.argv[1])))
