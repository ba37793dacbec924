"""Pools whose connections are not redis-py's own: jobs travel over such connections, or are refused in words.

The class below stands for fakes, instruments and proxies: its parameters name one server, and it leads to
another one.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis as blocking_redis
from redis.asyncio import BlockingConnectionPool, Connection, ConnectionPool, Redis
from redis.asyncio.sentinel import Sentinel

from harness.servers.redis_server import RedisServer
from harness.systems.workers import outcome
from jobgate.arq import ArqRedis, Job, Worker
from jobgate.broker import Broker
from jobgate.client import InvalidOption
from jobgate.worker import SettingsError


class Detour(Connection):
    """Leads to the server at `real_port`, whatever `port` says."""

    def __init__(self, *, real_port: int, **options: Any) -> None:
        super().__init__(**options)
        self.port = real_port


class OwnPool(ConnectionPool):
    """Makes connections in a way of its own."""


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


async def enqueue_another(ctx: dict[str, Any]) -> str:
    job = await ctx["redis"].enqueue_job("add", 20, 22)
    return str(job.job_id)


@pytest.fixture
async def untouched(redis_server: RedisServer) -> AsyncIterator[RedisServer]:
    """The server that the parameters name: nothing may be sent there."""
    redis_server.reset()
    client = Redis(port=redis_server.port)
    yield redis_server
    assert await client.dbsize() == 0
    await client.aclose()


@pytest.fixture
async def pool(untouched: RedisServer, valkey_server: RedisServer) -> AsyncIterator[ConnectionPool]:
    valkey_server.reset()
    options: dict[str, Any] = {"port": untouched.port, "real_port": valkey_server.port}
    made = BlockingConnectionPool(
        connection_class=Detour, max_connections=20, decode_responses=True, encoding="latin-1", **options
    )
    yield made
    await made.disconnect()


async def test_jobs_are_enqueued_and_read_over_them(pool: ConnectionPool, valkey_server: RedisServer) -> None:
    async with ArqRedis(connection_pool=pool) as redis, Broker(valkey_server.url) as broker:
        job = await redis.enqueue_job("add", 1, 2, _job_id="mine")
        assert job is not None
        assert (await redis.queued_jobs())[0].job_id == "mine"
        assert await broker.body("mine") is not None
        assert await Job("mine", Redis(connection_pool=pool)).status() == "queued"


async def test_a_worker_runs_jobs_over_them(pool: ConnectionPool, valkey_server: RedisServer) -> None:
    settings: dict[str, Any] = {"redis_pool": pool, "handle_signals": False, "lease": 1.0}
    async with Broker(valkey_server.url) as broker, ArqRedis(pool) as redis:
        first = await redis.enqueue_job("enqueue_another")
        assert first is not None
        worker = Worker([add, enqueue_another], burst=True, **settings)
        await worker.async_run()
        assert worker.jobs_complete == 2
        second = (await outcome(broker, first.job_id)).result
        assert (await outcome(broker, second)).result == 42


async def test_its_leases_are_renewed_over_them(pool: ConnectionPool, valkey_server: RedisServer) -> None:
    async with Broker(valkey_server.url) as broker, ArqRedis(pool) as redis:
        job = await redis.enqueue_job("add", 1, 2)
        assert job is not None
        theirs = Broker(pool)
        claim = await theirs.claim("arq:queue", 1, worker_id="w", token="w:1", lease=1.0)
        renewer = theirs.lease_renewer()
        lease = claim.jobs[0].lease
        renewal = await asyncio.to_thread(lambda: renewer.renew([lease], lease=100.0))
        assert (renewal.lost, renewal.aborts) == ([], {})
        async with Redis(port=valkey_server.port) as plain:
            lasts = await plain.pttl(broker.keys.in_progress(job.job_id))
        assert lasts > 50_000
        await asyncio.to_thread(renewer.close)
        await theirs.close()


def refused() -> list[Any]:
    sentinel: Any = Sentinel([("s", 1)])  # type: ignore[no-untyped-call]
    masters = sentinel.master_for("m", connection_class=Detour)
    blocking: Any = type("Blocking", (blocking_redis.Connection,), {})
    pool = blocking_redis.ConnectionPool(connection_class=blocking)
    return [
        pytest.param(OwnPool(), "OwnPool makes its own connections", id="pool"),
        pytest.param(masters, "leave connection_class out", id="sentinel"),
        pytest.param(pool, "redis.asyncio", id="blocking"),
    ]


@pytest.mark.parametrize(("given", "words"), refused())
def test_what_cannot_be_used_is_refused_in_words(given: Any, words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        ArqRedis(given)
    with pytest.raises(SettingsError, match=f"redis_pool cannot be used: .*{words}"):
        Worker([add], redis_pool=given)
    with pytest.raises(ValueError, match=words):
        Broker(given)
