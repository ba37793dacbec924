"""A SAQ worker: `saq benchmarks.programs.saq_jobs.settings`, and its producer.

To wait, the producer uses `Job.refresh`, which listens, and begins again when it has missed the job's end.
`Queue.apply` looks each half second: with it a call takes a whole one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from saq import Queue

from benchmarks.programs.producer import Producer
from benchmarks.programs.server_url import URL, concurrency

queue = Queue.from_url(URL)


async def noop(ctx: Any) -> None:
    """Return at once."""


async def sleep(ctx: Any, *, seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


settings = {"queue": queue, "functions": [noop, sleep], **concurrency()}


@asynccontextmanager
async def _opened() -> AsyncIterator[None]:
    await queue.connect()
    yield
    await queue.disconnect()


async def _many(name: str, jobs: int, args: list[Any]) -> None:
    # Arguments have names in SAQ. A hundred at once: it opens a connection for each.
    arguments = {"seconds": args[0]} if name == "sleep" else {"args": args} if args else {}
    for start in range(0, jobs, 100):
        some = range(start, min(start + 100, jobs))
        await asyncio.gather(*(queue.enqueue(name, **arguments) for _ in some))


async def _call() -> None:
    job = await queue.enqueue("noop")
    assert job is not None
    while not job.completed:
        with contextlib.suppress(TimeoutError):
            await job.refresh(until_complete=0.5)
    assert job.status == "complete", job.status


if __name__ == "__main__":
    Producer(_opened, _many, lambda: queue.enqueue("noop"), _call).run()
