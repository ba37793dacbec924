"""A jobgate worker: `jobgate worker benchmarks.programs.jobgate_jobs.WorkerSettings`, and its producer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.programs.producer import Producer
from benchmarks.programs.server_url import URL, concurrency

if TYPE_CHECKING:
    from jobgate.client import Client


async def noop(ctx: dict[str, Any]) -> None:
    """Return at once: what is measured is the queue, not the work."""


async def sleep(ctx: dict[str, Any], seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


async def echo(ctx: dict[str, Any], text: str) -> str:
    """Return what it got."""
    return text


async def typed(
    ctx: dict[str, Any], customer: int, name: str, amount: float, when: datetime, tags: list[str]
) -> None:
    """Return at once: gateway and worker check five arguments."""


async def untyped(ctx, customer, name, amount, when, tags):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Return at once: the gateway checks that there are five arguments."""


class WorkerSettings:
    """The worker's settings."""

    functions: ClassVar[list[Any]] = [noop, sleep, echo, typed, untyped]
    # 10 is jobgate's default.
    max_jobs = concurrency().get("concurrency", 10)


_clients: "list[Client]" = []


@asynccontextmanager
async def _opened() -> AsyncIterator[None]:
    from jobgate.client import Client

    async with Client(URL) as client:
        _clients.append(client)
        yield


async def _many(name: str, jobs: int, args: list[Any]) -> None:
    from jobgate.client import Call

    async for _ in _clients[0].enqueue_many(Call(name, *args) for _ in range(jobs)):
        pass


async def _call() -> None:
    await _clients[0].call("noop")


if __name__ == "__main__":
    Producer(_opened, _many, lambda: _clients[0].enqueue("noop"), _call).run()
