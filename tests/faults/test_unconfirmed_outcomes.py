"""The answer to a worker's write is lost, and what it wrote is gone when the write is repeated."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.servers.losing_proxy import proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.workers import enqueue, working
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.broker.scripts.loader import script
from jobgate.worker import Retry, Worker, func

Check = Callable[[], Awaitable[bool]]
UNCONFIRMED = b'jobgate_worker_jobs_total{function="once",outcome="unconfirmed"} 1.0'


async def again(ctx: dict[str, Any]) -> None:
    raise Retry(defer=0)


async def once(ctx: dict[str, Any]) -> int:
    return 1


@asynccontextmanager
async def answer_is_lost(
    server: RedisServer, function: Any, name: str, *, deadline: float | None = None
) -> AsyncIterator[tuple[Worker, Broker]]:
    """A worker whose first call of this script is done and not answered; it repeats it after the block."""
    with server.client() as client:
        client.script_load(script(name).source)
    async with proxy_to(server.port) as proxy, Broker(server.url) as broker:
        proxy.lose_answer_to(script(name).sha.encode())
        functions = [func(function, name="once", keep_result=0.01)]
        async with working(functions, proxy.url, lease=60) as worker:
            if deadline:
                worker.broker._core.link.deadline = deadline
            await enqueue(broker, "once", job_id="a")
            await eventually_async(_is(lambda: proxy.lost), what="the lost answer")
            yield worker, broker
            proxy.reopen()
            await eventually_async(_is(lambda: not worker.jobs), what="the end of the write")


def _is(look: Callable[[], bool]) -> Check:
    async def check() -> bool:
        return look()

    return check


def told_as_unconfirmed(worker: Worker, log: str) -> bool:
    """Whether log and metrics say what is known, and no more."""
    figures = worker.metrics.exposition()
    assert "outcome dropped" not in log
    assert b"jobgate_worker_stale_finishes_total 0.0" in figures
    assert b"jobgate_worker_leases_lost_total 0.0" in figures
    return "a:once could not be confirmed" in log and UNCONFIRMED in figures


async def test_a_retry_whose_next_try_has_begun_is_not_called_dropped(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    async with answer_is_lost(server, again, "retry") as (worker, broker):

        async def claimed_elsewhere() -> bool:
            return bool((await broker.claim("arq:queue", 1, worker_id="x", token="x:1")).jobs)

        await eventually_async(claimed_elsewhere, what="the next try")
    assert told_as_unconfirmed(worker, caplog.text)


@pytest.mark.parametrize("deadline", [None, 0.3], ids=["in one operation", "in the next operation"])
async def test_a_finish_whose_result_is_over_is_not_called_dropped(
    server: RedisServer, caplog: pytest.LogCaptureFixture, deadline: float | None
) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    async with answer_is_lost(server, once, "finish", deadline=deadline) as (worker, _):
        with server.client() as client:
            await eventually_async(_is(lambda: not client.exists("arq:job:a")), what="the end of the job")
            await eventually_async(_is(lambda: not client.exists("arq:result:a")), what="its result's end")
        if deadline:
            await eventually_async(_is(lambda: "not written yet" in caplog.text), what="the next operation")
    assert told_as_unconfirmed(worker, caplog.text)
