"""Workers wake in time: for a token at once, for a due time without delay."""

import asyncio
from time import monotonic

from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, JobRequest

QUEUE = "arq:queue"


async def test_a_wait_ends_when_it_should(server: RedisServer) -> None:
    """An idle server ends blocking commands at the next tenth of a second, if nothing else comes."""
    took: list[float] = []
    async with Broker(server.url) as broker:
        await broker.wait_for_work(QUEUE, 0.01)
        while len(took) < 5 or (min(took) >= 0.06 and len(took) < 100):
            start = monotonic()
            await broker.wait_for_work(QUEUE, 0.01)
            took.append(monotonic() - start)
    assert min(took) >= 0.009
    assert min(took) < 0.06, took


async def test_a_new_job_ends_a_wait(server: RedisServer) -> None:
    async with Broker(server.url) as broker, asyncio.timeout(30):
        waiting = asyncio.create_task(broker.wait_for_work(QUEUE, 60))
        await broker.enqueue(JobRequest(function="noop"))
        await waiting


async def test_nothing_is_left_of_waits_that_are_given_up(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        for _ in range(5):
            waiting = asyncio.create_task(broker.wait_for_work(QUEUE, 0.001))
            await asyncio.wait({waiting}, timeout=0.003)
            waiting.cancel()
            await asyncio.wait({waiting})
        await broker.wait_for_work(QUEUE, 0.001)
    assert asyncio.all_tasks() == {asyncio.current_task()}
