"""The waits of a caller, counted over all gateways."""

import asyncio
from typing import Any

import redis

from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker

KEY = "arq:queue:waits:shop"


async def admitted(broker: Broker, token: str, *, most: int = 2, seconds: float = 60) -> bool:
    return await broker.admit_wait("shop", token, most=most, seconds=seconds, timeout=5)


async def test_so_many_are_admitted_and_a_repeated_call_counts_once(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        assert [await admitted(broker, token) for token in ("a", "a", "b", "c", "a")] == [
            True, True, True, False, True
        ]  # fmt: skip
        assert await broker.admit_wait("other", "c", most=1, seconds=60, timeout=5)
        for _ in range(2):
            await broker.end_wait("shop", "a", timeout=5)
        assert await admitted(broker, "c")
        assert not await admitted(broker, "d")
        assert not await admitted(broker, "e", most=0)


async def test_calls_at_the_same_time_admit_no_more(redis_url: str) -> None:
    async with Broker(redis_url) as one, Broker(redis_url) as other:
        calls = [admitted(broker, f"{number}", most=7) for number, broker in enumerate([one, other] * 20)]
        assert (await asyncio.gather(*calls)).count(True) == 7


async def test_a_wait_that_nobody_ends_is_forgotten_by_its_time(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        with server.client() as client:
            assert await admitted(broker, "killed", most=1, seconds=20)
            assert not await admitted(broker, "a", most=1)
            seconds, microseconds = now = time_of(client)
            assert now
            client.zadd(KEY, {"killed": seconds * 1000 + microseconds // 1000 - 1}, xx=True)
            assert await admitted(broker, "a", most=1)
            assert client.zrange(KEY, 0, -1) == [b"a"]
            assert 3_600_000 < ttl_of(client) <= 3_660_000


def time_of(client: redis.Redis) -> Any:
    return client.time()


def ttl_of(client: redis.Redis) -> Any:
    return client.pttl(KEY)


async def test_waits_from_the_future_are_not_counted(server: RedisServer) -> None:
    """Another program wrote them, or the clock of Redis was set back."""
    async with Broker(server.url) as broker:
        with server.client() as client:
            client.zadd(KEY, {f"x{number}": 4e12 + number for number in range(100)} | {"inf": float("inf")})
            assert await admitted(broker, "a", most=1)
            assert client.zrange(KEY, 0, -1) == [b"a"]
