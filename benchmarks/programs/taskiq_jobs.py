"""A taskiq worker: `taskiq worker benchmarks.programs.taskiq_jobs:broker`, and its producer.

The broker uses Redis streams, as taskiq's documentation does first: with lists, killed workers lose
their jobs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.programs.producer import Producer
from benchmarks.programs.server_url import URL

broker = RedisStreamBroker(url=URL).with_result_backend(RedisAsyncResultBackend(redis_url=URL))


# It needs a fixed name: in the producer, this module is the main program and so has another name.
@broker.task(task_name="noop")
async def noop() -> None:
    """Return at once."""


@broker.task(task_name="sleep")
async def sleep(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


@asynccontextmanager
async def _opened() -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


async def _many(name: str, jobs: int, args: list[Any]) -> None:
    task = sleep if name == "sleep" else noop
    for start in range(0, jobs, 50):  # with more at once its pool of connections fails
        await asyncio.gather(*(task.kiq(*args) for _ in range(start, min(start + 50, jobs))))


async def _call() -> None:
    result = await (await noop.kiq()).wait_result(timeout=30)
    result.raise_for_error()


if __name__ == "__main__":
    Producer(_opened, _many, noop.kiq, _call).run()
