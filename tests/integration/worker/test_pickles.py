"""A job of a stock arq client in a worker that writes no pickles: it runs, and the log says what to set."""

import itertools
import logging
import pickle
from typing import Any

import pytest

from harness.systems.workers import burst, enqueue
from jobgate.broker import Broker, codec_named
from jobgate.broker.link.settings import async_client

NEXT = itertools.count()


async def add(ctx: dict[str, Any], a: int) -> int:
    return a + 1


async def enqueue_as_arq(url: str) -> str:
    """Write what arq 0.28 writes with its default serializer."""
    job_id = f"arq-{next(NEXT)}"
    fields: dict[str, Any] = {"t": None, "f": "add", "a": (1,), "k": {}, "et": 1_700_000_000_000}
    async with Broker(url) as broker, async_client(broker.settings, socket_timeout=None) as redis:
        await redis.set(f"arq:job:{job_id}", pickle.dumps(fields))
        await redis.zadd("arq:queue", {job_id: 1})
    return job_id


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if "stock arq client" in one.getMessage()]


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
async def test_it_is_warned_of_once(
    redis_url: str, caplog: pytest.LogCaptureFixture, serializer: str
) -> None:
    jobs = [await enqueue_as_arq(redis_url) for _ in range(3)]
    with caplog.at_level(logging.WARNING):
        worker = await burst([add], redis_url, serializer=serializer)
    assert worker.jobs_complete == 3
    (warning,) = warnings_of(caplog)
    assert any(f"job {job_id}:add " in warning for job_id in jobs)
    assert f"this worker writes {serializer}" in warning
    assert 'serializer = "pickle"' in warning


@pytest.mark.parametrize(
    "settings",
    [{"serializer": "pickle"}, {"job_serializer": pickle.dumps, "job_deserializer": pickle.loads}],
    ids=["pickle", "own"],
)
async def test_a_worker_that_writes_pickles_says_nothing(
    redis_url: str, caplog: pytest.LogCaptureFixture, settings: dict[str, Any]
) -> None:
    await enqueue_as_arq(redis_url)
    with caplog.at_level(logging.WARNING):
        worker = await burst([add], redis_url, **settings)
    assert worker.jobs_complete == 1
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("codec", ["json", "pickle"])
async def test_jobs_of_jobgate_s_producers_are_none_of_arq_s(
    redis_url: str, caplog: pytest.LogCaptureFixture, codec: str
) -> None:
    async with Broker(redis_url, codec=codec_named(codec)) as broker:
        await enqueue(broker, "add", 1)
    with caplog.at_level(logging.WARNING):
        worker = await burst([add], redis_url)
    assert worker.jobs_complete == 1
    assert warnings_of(caplog) == []
