"""`ctx["redis"]` of a bare `jobgate.worker.Worker`: a client of redis-py, and no pool of arq's."""

from typing import Any

from redis.asyncio import ConnectionPool, Redis

from harness.systems.workers import enqueue, outcome
from jobgate.broker import Broker
from jobgate.worker import Worker


async def count(ctx: dict[str, Any]) -> list[Any]:
    return [await ctx["redis"].incr("counter"), hasattr(ctx["redis"], "enqueue_job")]


async def test_functions_find_a_plain_client(redis_url: str) -> None:
    worker = Worker([count], redis_settings=redis_url, burst=True, handle_signals=False)
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, "count")
        await worker.async_run()
        assert (await outcome(broker, job_id)).result == [1, False]


async def test_it_uses_the_pool_that_was_given_and_leaves_it_open(redis_url: str) -> None:
    given = ConnectionPool.from_url(redis_url)
    worker = Worker([count], redis_pool=given, burst=True, handle_signals=False)
    async with Broker(redis_url) as broker, Redis(connection_pool=given) as client:
        job_id = await enqueue(broker, "count")
        await worker.async_run()
        assert (await outcome(broker, job_id)).result == [1, False]
        assert worker.pool.connection_pool is given
        assert await client.ping()
    await given.disconnect()
