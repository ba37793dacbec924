"""Limits of API keys, counted in the script that enqueues."""

import asyncio

import pytest

from harness.jobs.leases import claimed
from harness.jobs.records import request_of, result
from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, CallerLimits, Failure, LimitReached, RerunAnswer

QUEUE = "arq:queue"


@pytest.fixture(autouse=True)
def _empty(valkey_server: RedisServer) -> None:
    valkey_server.reset()


async def accepted(broker: Broker, number: int, limits: CallerLimits) -> int:
    """How many of so many jobs pass."""
    requests = [request_of("add", limits=limits, owner=limits.name) for _ in range(number)]
    answers = await broker.enqueue_many(requests)
    assert all(isinstance(answer, LimitReached) or not isinstance(answer, Exception) for answer in answers)
    return sum(not isinstance(answer, LimitReached) for answer in answers)


async def test_a_burst_passes_and_no_more(server: RedisServer) -> None:
    limits = CallerLimits(name="shop", rate=0.01, burst=7)
    async with Broker(server.url) as one, Broker(server.url) as other:
        passed = await asyncio.gather(accepted(one, 10, limits), accepted(other, 10, limits))
        assert sum(passed) == 7
        assert len((await one.queued_jobs()).jobs) == 7
        with pytest.raises(LimitReached) as caught:
            await one.enqueue(request_of("add", limits=limits))
        error = caught.value
        assert error.kind == "rate"
        assert 90 < error.retry_after <= 100
        assert error.allowance is not None
        assert (error.allowance.limit, error.allowance.remaining) == (7, 0)
        assert 690 < error.allowance.reset <= 700
        await one.enqueue(request_of("add", limits=CallerLimits(name="other", rate=1)))


async def test_what_is_left_is_said(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        for left in (2, 1, 0):
            limits = CallerLimits(name="shop", rate=0.001, burst=3)
            allowance = (await broker.enqueue(request_of("add", limits=limits))).allowance
            assert allowance is not None
            assert allowance.remaining == left
        assert (await broker.enqueue(request_of("add"))).allowance is None


async def refusal(broker: Broker, limits: CallerLimits) -> LimitReached:
    """Enqueue until it is too much."""
    while True:
        try:
            await broker.enqueue(request_of("add", limits=limits))
        except LimitReached as error:
            return error


async def test_a_rate_fills_up_again(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        limits = CallerLimits(name="shop", rate=20, burst=2)
        for _ in range(3):
            error = await refusal(broker, limits)
            await asyncio.sleep(error.retry_after)
            await broker.enqueue(request_of("add", limits=limits))


async def test_a_repeated_call_is_counted_once(server: RedisServer) -> None:
    limits = CallerLimits(name="shop", rate=0.001, burst=2)
    async with Broker(server.url) as broker:
        await broker.enqueue(request_of("add", job_id="a", limits=limits))
        for _ in range(3):
            assert not (await broker.enqueue(request_of("add", job_id="a", limits=limits))).created
        await broker.enqueue(request_of("add", job_id="b", limits=limits))


async def test_pending_jobs_are_counted_until_they_end(server: RedisServer) -> None:
    limits = CallerLimits(name="shop", pending=3)
    async with Broker(server.url) as broker:
        assert await accepted(broker, 5, limits) == 3
        with pytest.raises(LimitReached) as caught:
            await broker.enqueue(request_of("add", owner="shop", limits=limits))
        assert (caught.value.kind, caught.value.allowance) == ("pending", None)
        (job,) = await claimed(broker)
        ended = result(job.lease.job_id)
        ended.options = broker.decode_job(job.body or b"").options
        await broker.finish(job.lease, ended, keep=60)
        waiting = (await broker.queued_jobs()).jobs
        await broker.abort(waiting[0].job_id)
        with server.client() as client:
            assert client.zcard("arq:queue:key-pending:shop") == 1
        assert await accepted(broker, 5, limits) == 2


async def test_jobs_that_stock_arq_ended_count_no_longer(server: RedisServer) -> None:
    limits = CallerLimits(name="shop", pending=3)
    async with Broker(server.url) as broker:
        assert await accepted(broker, 3, limits) == 3
        with server.client() as client:
            client.delete(*client.keys("arq:job:*"), QUEUE)
        assert await accepted(broker, 5, limits) == 3


@pytest.mark.parametrize("value", ["x", "nan", "inf", "1e300", "-1e300", ["list"]])
async def test_a_damaged_limit_refuses_nobody_for_ever(valkey_server: RedisServer, value: object) -> None:
    keys = ("arq:queue:key-rate:shop", "arq:queue:key-pending:shop")
    with valkey_server.client() as client:
        for key in keys:
            client.rpush(key, *value) if isinstance(value, list) else client.set(key, str(value))
    async with Broker(valkey_server.url) as broker:
        limits = CallerLimits(name="shop", rate=1000, burst=1, pending=100)
        async with asyncio.timeout(5):
            while not await accepted(broker, 1, limits):
                await asyncio.sleep(0.01)


async def failed_jobs(broker: Broker, number: int) -> list[str]:
    for _ in range(number):
        await broker.enqueue(request_of("add", owner="shop"))
    jobs = await claimed(broker, number)
    for job in jobs:
        ended = result(job.lease.job_id)
        ended.success, ended.failure = False, Failure(type="E", message="")
        ended.options = broker.decode_job(job.body or b"").options
        await broker.finish(job.lease, ended, keep=60)
    return [job.lease.job_id for job in jobs]


async def test_jobs_that_run_again_count(server: RedisServer) -> None:
    limits = CallerLimits(name="shop", rate=0.01, burst=2, pending=5)
    async with Broker(server.url) as broker:
        ids = await failed_jobs(broker, 3)
        for left, job_id in zip((1, 0), ids, strict=False):
            made = await broker.rerun(job_id, limits=limits)
            assert made.allowance is not None
            assert made.allowance.remaining == left
            again = await broker.rerun(job_id, limits=limits)  # costs nothing
            assert (again.code, again.job_id) == (RerunAnswer.EXISTS, made.job_id)
        with pytest.raises(LimitReached) as caught:
            await broker.rerun(ids[2], limits=limits)
        assert caught.value.kind == "rate"
        assert (await broker.rerun(ids[2])).code is RerunAnswer.CREATED


async def test_jobs_that_may_wait_longer_are_counted_longer(server: RedisServer) -> None:
    limits = CallerLimits(name="shop", pending=10)
    async with Broker(server.url) as broker:
        lives: list[int] = []
        for hours in (1, 40, 2):
            await broker.enqueue(request_of("add", limits=limits, expires=hours * 3600))
            with server.client() as client:
                lives.append(int(client.ttl("arq:queue:key-pending:shop")) // 3600)
    assert lives[0] < 39 <= lives[1] == lives[2]


async def test_jobs_that_run_again_are_pending_until_they_end(server: RedisServer) -> None:
    limits = CallerLimits(name="shop", pending=2)
    async with Broker(server.url) as broker:
        ids = await failed_jobs(broker, 3)
        for job_id in ids[:2]:
            assert (await broker.rerun(job_id, limits=limits)).code is RerunAnswer.CREATED
        with pytest.raises(LimitReached):
            await broker.rerun(ids[2], limits=limits)
        waiting = (await broker.queued_jobs()).jobs
        await broker.abort(waiting[0].job_id)
        assert (await broker.rerun(ids[2], limits=limits)).code is RerunAnswer.CREATED
