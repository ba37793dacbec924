"""A streaQ worker: `streaq run benchmarks.programs.streaq_jobs:worker`, and its producer."""

import asyncio
from typing import Any

from streaq import Worker

from benchmarks.programs.producer import Producer
from benchmarks.programs.server_url import URL, concurrency

worker = Worker(redis_url=URL, **concurrency())


@worker.task
async def noop() -> None:
    """Return at once."""


@worker.task
async def sleep(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


async def _many(name: str, jobs: int, args: list[Any]) -> None:
    task = sleep if name == "sleep" else noop
    for start in range(0, jobs, 1000):
        await worker.enqueue_many([task.enqueue(*args) for _ in range(start, min(start + 1000, jobs))])


async def _one() -> None:
    await noop.enqueue()


async def _call() -> None:
    result = await (await noop.enqueue()).result(30)
    assert result.success, result


if __name__ == "__main__":
    Producer(lambda: worker, _many, _one, _call).run()
