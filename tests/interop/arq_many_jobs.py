"""Enqueue many jobs with a stock arq client and read their results: `arq_many_jobs.py URL COUNT`.

Prints, as JSON, `[number, "result", …]` or `[number, "class of the exception", text]` for each job.
"""

import asyncio
import json
import sys
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

URL, COUNT = sys.argv[1], int(sys.argv[2])
AT_ONCE = 100


async def outcome(pool: Any, number: int) -> Any:
    """Enqueue one job and wait for its end."""
    job = await pool.enqueue_job("work", number, _job_id=f"job-{number}")
    try:
        return [number, "result", await job.result(60, poll_delay=0.1)]
    except Exception as raised:
        return [number, type(raised).__name__, str(raised)]


async def main() -> None:
    pool = await create_pool(RedisSettings.from_dsn(URL))
    numbers = iter(range(COUNT))
    outcomes: list[Any] = []

    async def caller() -> None:
        for number in numbers:
            outcomes.append(await outcome(pool, number))

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    await pool.close()
    sys.stdout.write(json.dumps(outcomes) + "\n")


asyncio.run(main())
