"""A stock arq worker: `arq benchmarks.programs.arq_jobs.WorkerSettings`, and its producer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from benchmarks.programs.producer import Producer
from benchmarks.programs.server_url import URL, concurrency


async def noop(ctx: dict[str, Any]) -> None:
    """Return at once."""


async def sleep(ctx: dict[str, Any], seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


class WorkerSettings:
    """The worker's settings."""

    functions: ClassVar[list[Any]] = [noop, sleep]
    redis_settings = RedisSettings.from_dsn(URL)
    # 10 is arq's default.
    max_jobs = concurrency().get("concurrency", 10)


_pools: list[ArqRedis] = []


@asynccontextmanager
async def _opened() -> AsyncIterator[None]:
    _pools.append(await create_pool(WorkerSettings.redis_settings))
    yield
    await _pools.pop().aclose()


async def _many(name: str, jobs: int, args: list[Any]) -> None:
    # arq has no call for many jobs, and its documents enqueue in a loop.
    for _ in range(jobs):
        await _pools[0].enqueue_job(name, *args)


async def _call() -> None:
    job = await _pools[0].enqueue_job("noop")
    assert job is not None
    await job.result(timeout=30)


if __name__ == "__main__":
    Producer(_opened, _many, lambda: _pools[0].enqueue_job("noop"), _call).run()
