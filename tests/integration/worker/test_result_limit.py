"""`result_limit` holds for all that a worker stores, whatever the codec and however the job ended."""

import pickle
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst
from jobgate.broker import Broker, FailureCode, JobRequest
from jobgate.worker import Worker

Ctx = dict[str, Any]
BIG = 20_000
LIMITS = [1024, 10_000]


class Heavy(Exception):
    """Carries much that its text does not show."""

    def __init__(self, cargo: str) -> None:
        super().__init__(cargo)

    def __str__(self) -> str:
        return "heavy"


async def returns(ctx: Ctx, *args: Any) -> str:
    return "x" * BIG


async def raises(ctx: Ctx, *args: Any) -> None:
    raise Heavy("x" * BIG)


async def raises_many_words(ctx: Ctx, *args: Any) -> None:
    raise ValueError("ä" * BIG) from ValueError("y" * BIG)


async def raises_a_long_name(ctx: Ctx, *args: Any) -> None:
    raise type("N" * BIG, (Exception,), {})("short")


FUNCTIONS = [returns, raises, raises_many_words, raises_a_long_name]


def serializers(name: str) -> dict[str, Any]:
    """Settings of a worker that writes so; `held` keeps exceptions as such."""
    if name == "held":
        return {"job_serializer": pickle.dumps, "job_deserializer": pickle.loads}
    if name == "plain":
        return {"job_serializer": orjson.dumps, "job_deserializer": orjson.loads}
    return {"serializer": name}


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def ended(broker: Broker, url: str, **settings: Any) -> Worker:
    return await burst(FUNCTIONS, url, allow_abort_jobs=True, max_tries=1, **settings)


def stored(server: RedisServer, job_id: str) -> int:
    with server.client() as client:
        return int(client.strlen(f"arq:result:{job_id}"))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", ["json", "msgpack", "pickle", "held", "plain"])
async def test_however_a_job_ends(
    broker: Broker, valkey_server: RedisServer, redis_url: str, name: str, limit: int
) -> None:
    big = ["a" * BIG]
    jobs = {function.__name__: () for function in FUNCTIONS} | {"unknown" * 100: ()}
    for function, args in jobs.items():
        await broker.enqueue(JobRequest(function=function, args=args, job_id=f"{function[:20]}-small"))
        await broker.enqueue(JobRequest(function=function, args=big, job_id=f"{function[:20]}-big"))
    with valkey_server.client() as client:  # an abort, and a body that is gone, before the worker comes
        await broker.enqueue(JobRequest(function="returns", args=big, job_id="aborted"))
        client.zadd("arq:abort", {"aborted": 4_000_000_000_000})
        await broker.enqueue(JobRequest(function="returns", args=big, job_id="expired"))
        client.delete("arq:job:expired")
        client.zadd("arq:queue", {"spoilt": 1})
        client.set("arq:job:spoilt", b"\x80" + b"?" * BIG)
    worker = await ended(broker, redis_url, result_limit=limit, **serializers(name))
    assert (worker.jobs_complete, worker.jobs_failed) == (0, 13)
    with valkey_server.client() as client:
        results = [key.decode().removeprefix("arq:result:") for key in client.keys("arq:result:*")]
    assert len(results) == 13
    assert {job_id: size for job_id in results if (size := stored(valkey_server, job_id)) > limit} == {}


async def test_the_failure_is_still_told(broker: Broker, redis_url: str) -> None:
    """What does not fit is the exception as an object; its type, text and code stay."""
    await broker.enqueue(JobRequest(function="raises", job_id="k"))
    await ended(broker, redis_url, result_limit=10_000, serializer="pickle")
    result = await broker.result("k")
    assert result is not None
    assert result.failure is not None
    assert (result.failure.type, result.failure.message) == ("Heavy", "heavy")
    assert result.failure.code is FailureCode.ERROR


async def test_jobs_that_a_worker_enqueues_are_no_results(broker: Broker, redis_url: str) -> None:
    async def hands_on(ctx: Ctx) -> None:
        await ctx["redis"].enqueue_job("returns", "a" * 2 * BIG, _job_id="next")

    await broker.enqueue(JobRequest(function="hands_on", job_id="k"))
    hands_on.__qualname__ = "hands_on"
    worker = await burst([hands_on, *FUNCTIONS], redis_url, result_limit=30_000)
    assert (worker.jobs_complete, worker.jobs_failed) == (2, 0)
    result = await broker.result("next")
    assert result is not None
    assert result.success
    assert result.args == [], "they do not fit beside the value"
