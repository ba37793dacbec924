"""Faults that arq's users have reported: each test names arq's issue, and holds that it is gone here.

More of them, by the part that they belong to: test_job.py, test_operations.py and test_pool.py here, and
tests/integration/worker/test_cron.py.
"""

import asyncio
import logging
import pickle
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, busy, enqueue, outcome, working
from harness.waiting import eventually_async
from jobgate.arq import create_pool
from jobgate.broker import AbortAnswer, Broker, FailureCode, JobRequest
from jobgate.worker import Retry, func

Ctx = dict[str, Any]
DAY = 86_400


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


async def fail(ctx: Ctx) -> None:
    raise LookupError("no such thing")


async def slow(ctx: Ctx, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return int(ctx["job_try"])


ALL = [add, fail, slow]


@pytest.mark.parametrize("function", ["nowhere", "add"])
async def test_314_531_a_job_that_fails_before_it_runs_with_keep_result_forever(
    broker: Broker, redis_url: str, client: redis.Redis, function: str
) -> None:
    """arq #314, #531: the worker died and the result was lost."""
    unknown_or_without_arguments = await enqueue(broker, function)
    good = await enqueue(broker, "add", 1)
    worker = await burst(ALL, redis_url, keep_result_forever=True)
    assert worker.jobs_failed == 1
    assert not (await outcome(broker, unknown_or_without_arguments)).success
    assert (await outcome(broker, good)).result == 2
    for job_id in (unknown_or_without_arguments, good):
        assert client.ttl(f"arq:result:{job_id}") == -1


async def test_485_an_abort_of_an_unknown_id_kills_no_later_job(broker: Broker, redis_url: str) -> None:
    """arq #485: the mark stayed for ever and hit the next job of that id."""
    assert await broker.abort("later") is AbortAnswer.UNKNOWN
    await enqueue(broker, "add", 1, job_id="later")
    await burst(ALL, redis_url)
    assert (await outcome(broker, "later")).result == 2


async def test_485_an_old_mark_of_a_stock_arq_client_kills_no_later_job(
    broker: Broker, redis_url: str, client: redis.Redis
) -> None:
    """arq #485, where the mark was set by a stock arq client before the job existed."""
    client.zadd("arq:abort", {"later": (time.time() - 5) * 1000})
    await enqueue(broker, "add", 1, job_id="later")
    await burst(ALL, redis_url)
    assert (await outcome(broker, "later")).result == 2
    assert client.zcard("arq:abort") == 0


@pytest.mark.parametrize("ago", [timedelta(minutes=1), timedelta(days=3)])
async def test_447_a_due_time_in_the_past(redis_url: str, client: redis.Redis, ago: timedelta) -> None:
    """arq #447: beyond a day, an error for the caller and a ghost in the queue."""
    async with await create_pool(redis_url) as pool:
        job = await pool.enqueue_job("add", 1, _defer_until=datetime.now(UTC) - ago)
        assert job is not None
        await burst(ALL, redis_url)
        assert await job.result(timeout=30) == 2
    assert client.zcard("arq:queue") == 0


async def test_320_a_chain_of_retries_does_not_die_of_age(
    broker: Broker, redis_url: str, client: redis.Redis
) -> None:
    """arq #320: body and count of tries expired 24 h after the enqueue, whatever the chain of retries."""

    async def tomorrow(ctx: Ctx) -> None:
        raise Retry(timedelta(hours=25))

    async with working([tomorrow], redis_url):
        job_id = await enqueue(broker, tomorrow.__qualname__)

        async def deferred() -> bool:
            view = await broker.view(job_id)
            return view is not None and view.status == "deferred"

        await eventually_async(deferred, what="the retry")
    for key in ("job", "retry"):
        ttl = client.ttl(f"arq:{key}:{job_id}")
        assert isinstance(ttl, int)
        assert ttl > 25 * 3600 + DAY - 60, "as long after the next start as after the first"


async def test_417_531_a_functions_keep_result_counts_for_its_failures_too(
    broker: Broker, redis_url: str, client: redis.Redis
) -> None:
    """arq #417: jobs that failed before they ran took the worker's keep_result."""
    functions = [func(add, keep_result=100), func(fail, keep_result_forever=True)]
    expired = await enqueue(broker, "add", job_id="without-arguments")
    tired = await enqueue(broker, "add", 1, first_try=9)
    failed = await enqueue(broker, "fail")
    await burst(functions, redis_url, keep_result=5000)
    for job_id in (expired, tired):
        assert 0 < int(client.ttl(f"arq:result:{job_id}")) <= 100
    assert client.ttl(f"arq:result:{failed}") == -1


async def test_267_a_deploy_burns_no_try(broker: Broker, redis_url: str) -> None:
    """arq #267: a job with one try was failed when its worker was stopped."""
    async with working([func(slow, max_tries=1)], redis_url) as first:
        job_id = await enqueue(broker, "slow", 0.5)
        await busy(first)
    async with working([func(slow, max_tries=1)], redis_url):
        result = await outcome(broker, job_id)
    assert (result.success, result.tries) == (True, 1)


async def test_482_two_workers_start_no_deferred_retry_early(broker: Broker, redis_url: str) -> None:
    """arq #482: a second worker took a retried job that was due later."""
    starts: dict[str, list[float]] = {}

    async def later(ctx: Ctx) -> None:
        starts.setdefault(ctx["job_id"], []).append(time.monotonic())
        if ctx["job_try"] == 1:
            raise Retry(0.5)

    async with working([later], redis_url), working([later], redis_url):
        ids = [await enqueue(broker, later.__qualname__) for _ in range(20)]
        for job_id in ids:
            assert (await outcome(broker, job_id)).tries == 2
    assert all(second - first >= 0.49 for first, second in starts.values())


async def test_401_a_job_that_timed_out_is_tried_again(broker: Broker, redis_url: str) -> None:
    """arq #401: nothing but `Retry` was retried, a timeout failed at once."""

    async def slow_at_first(ctx: Ctx) -> str:
        if ctx["job_try"] == 1:
            await asyncio.sleep(30)
        return "in time"

    job_id = await enqueue(broker, slow_at_first.__qualname__)
    await burst([func(slow_at_first, timeout=1, retry_on=TimeoutError, backoff=0)], redis_url)
    result = await outcome(broker, job_id)
    assert (result.result, result.tries) == ("in time", 2)


async def test_401_the_last_timeout_is_stored_as_one(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """arq #401: what is stored in the end is the failure itself, not that it was tried too often."""
    caplog.set_level(logging.INFO, "jobgate.worker")
    job_id = await enqueue(broker, "slow", 30)
    settings = {"job_timeout": 0.1, "max_tries": 3, "retry_on": TimeoutError, "backoff": 0.05}
    await burst({"functions": ALL, **settings}, redis_url)
    result = await outcome(broker, job_id)
    assert result.failure is not None
    assert (result.failure.code, result.tries) == (FailureCode.TIMEOUT, 3)
    assert len(re.findall(r"retrying job in 0\.(0\d|10)s", caplog.text)) == 2
    assert "after TimeoutError: the job ran longer" in caplog.text


async def test_a_first_try_of_a_stock_arq_producer_counts_on(
    broker: Broker, redis_url: str, client: redis.Redis
) -> None:
    """arq's `_job_try=3` and one `Retry` make 4, as with arq's own worker."""

    async def until_five(ctx: Ctx) -> int:
        if ctx["job_try"] < 5:
            raise Retry(0)
        return int(ctx["job_try"])

    name = until_five.__qualname__
    body = {"t": 3, "f": name, "a": (), "k": {}, "et": int(time.time() * 1000)}
    client.set("arq:job:stock", pickle.dumps(body), px=DAY * 1000)
    client.zadd("arq:queue", {"stock": 1})
    await burst([until_five], redis_url)
    result = await outcome(broker, "stock")
    assert (result.result, result.tries) == (5, 5)
    own = (await broker.enqueue(JobRequest(function=name, first_try=3))).job_id
    await burst([until_five], redis_url)
    assert (await outcome(broker, own)).tries == 5


@pytest.mark.parametrize("extra", [{"user": 7}, lambda: {"user": 7}])
async def test_the_extra_of_an_exception_is_on_its_log_record(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture, extra: object
) -> None:
    """As in arq, `e.extra`, a value or a function, is attached to the line that tells of the failure."""

    class Detailed(Exception):
        def __init__(self) -> None:
            super().__init__("see extra")
            self.extra = extra

    async def detailed(ctx: Ctx) -> None:
        raise Detailed

    await enqueue(broker, detailed.__qualname__)
    await burst([detailed], redis_url)
    (record,) = [record for record in caplog.records if "see extra" in record.message]
    assert record.__dict__["extra"] == {"user": 7}


async def test_a_job_that_has_ended_leaves_nothing_of_its_tries(server: RedisServer) -> None:
    """All of a job is gone with it, what it reported in earlier tries too."""

    async def reports(ctx: Ctx) -> None:
        ctx["progress"](0.5)
        await asyncio.sleep(0.05)
        if ctx["job_try"] < 3:
            raise Retry(0)

    async with Broker(server.url) as own:
        await enqueue(own, reports.__qualname__)
        await burst([reports], server.url)
    with server.client() as client:
        kinds = {key.split(b":")[1] for key in client.scan_iter("arq:*")}
        assert kinds - {b"queue"} == {b"result"}, "a wake token may lie on the queue"
        assert list(client.scan_iter("*progress*")) == []
