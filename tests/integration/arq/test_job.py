"""arq's Job: what it tells of a job, and how it waits for and stops one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, busy, working
from harness.waiting import eventually, eventually_async, fast_enough
from jobgate.arq import (
    ArqRedis,
    DeserializationError,
    Job,
    JobDef,
    JobExecutionFailed,
    JobResult,
    JobStatus,
    ResultNotFound,
    SerializationError,
    create_pool,
)
from jobgate.broker import Broker
from jobgate.client import JobFailed, JobNotFound
from jobgate.worker import func


@pytest.fixture
async def pool(server: RedisServer) -> AsyncIterator[ArqRedis]:
    async with await create_pool(server.url) as pool:
        yield pool


async def add(ctx: dict[str, Any], a: int, b: int = 1) -> int:
    return a + b


async def fail(ctx: dict[str, Any], message: str) -> None:
    raise ValueError(message)


async def sleep(ctx: dict[str, Any], seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


async def awkward(ctx: dict[str, Any]) -> object:
    return object()


FUNCTIONS = [add, fail, sleep, awkward, func(add, name="add_unkept", keep_result=0)]


async def enqueued(pool: ArqRedis, function: str, *args: Any, **options: Any) -> Job:
    job = await pool.enqueue_job(function, *args, **options)
    assert job is not None
    return job


async def ended(server: RedisServer, pool: ArqRedis, function: str, *args: Any, **options: Any) -> Job:
    job = await enqueued(pool, function, *args, **options)
    await burst(FUNCTIONS, server.url)
    return job


async def in_time(call: Awaitable[Any], seconds: float = 8.0) -> Any:
    start = time.monotonic()
    try:
        return await call
    finally:
        assert time.monotonic() - start < seconds


async def test_a_result_is_pushed(server: RedisServer, pool: ArqRedis) -> None:
    async with working(FUNCTIONS, server.url):
        for _ in range(3):
            job = await enqueued(pool, "sleep", 0.1)
            assert await in_time(job.result(timeout=60, poll_delay=30), 20) == "slept"


async def test_a_result_is_polled_for_where_it_is_not_pushed(server: RedisServer, pool: ArqRedis) -> None:
    with server.client() as client:
        client.acl_setuser(
            "limited",
            enabled=True,
            passwords=["+secret"],
            keys=["*"],
            channels=["*"],
            categories=["+@all"],
            commands=["-client|tracking"],
        )
    url = server.url.replace("//", "//limited:secret@")
    async with await create_pool(url) as limited, working(FUNCTIONS, server.url):

        async def took(poll_delay: float) -> float:
            start = time.monotonic()
            job = await enqueued(limited, "sleep", 0.5)  # not over before the first look
            assert await job.result(timeout=60, poll_delay=poll_delay) == "slept"
            return time.monotonic() - start

        await fast_enough(lambda: took(0.05), 2.0, what="a result that is polled for often")
        assert await took(2.5) >= 1.2  # half of it, as waits that have begun together do not stay together


async def test_a_wait_ends_in_time(pool: ArqRedis) -> None:
    job = await enqueued(pool, "add", 1)
    for timeout in (0, 0.2):
        with pytest.raises(TimeoutError):
            await in_time(job.result(timeout=timeout))


async def test_a_wait_ends_in_time_when_redis_hangs(server: RedisServer, pool: ArqRedis) -> None:
    job = await enqueued(pool, "add", 1)
    waiting = asyncio.create_task(in_time(job.result(timeout=1.0), 5.5))
    await asyncio.sleep(0.2)
    server.pause()
    with pytest.raises(TimeoutError):
        await waiting
    server.resume()


async def test_there_is_nothing_to_wait_for(server: RedisServer, pool: ArqRedis) -> None:
    with pytest.raises(ResultNotFound):
        await in_time(Job("unknown", pool).result(timeout=10))
    unkept = await ended(server, pool, "add_unkept", 1)
    with pytest.raises(RuntimeError) as caught:
        await in_time(unkept.result(timeout=10))
    assert isinstance(caught.value, JobNotFound)


async def test_a_result_that_is_not_kept_is_not_waited_for_for_ever(
    server: RedisServer, pool: ArqRedis
) -> None:
    job = await enqueued(pool, "add_unkept", 1)
    waiting = asyncio.ensure_future(in_time(job.result(timeout=60), 30))
    with server.client() as client:

        async def is_awaited() -> bool:
            return bool(client.keys("*:wanted:*"))

        await eventually_async(is_awaited, what="a wait")
        # It ends as a stock arq worker ends it.
        client.zrem("arq:queue", job.job_id)
        client.delete(f"arq:job:{job.job_id}")
    with pytest.raises(ResultNotFound):
        await waiting


async def test_a_job_without_a_body_is_waited_for_until_its_worker_says_so(
    server: RedisServer, pool: ArqRedis
) -> None:
    job = await enqueued(pool, "add", 1)
    with server.client() as client:
        client.delete(f"arq:job:{job.job_id}")
    with pytest.raises(TimeoutError):
        await job.result(timeout=0.1)
    async with working(FUNCTIONS, server.url):
        with pytest.raises(JobExecutionFailed, match="job expired"):
            await in_time(job.result(timeout=60), 30)


async def test_failures_are_raised_as_type_and_message(server: RedisServer, pool: ArqRedis) -> None:
    """With arq they are "unable to serialize result" unless pickle writes them (arq #309, #481)."""
    job = await ended(server, pool, "fail", "broken")
    with pytest.raises(JobFailed, match="ValueError: broken") as caught:
        await job.result()
    assert (caught.value.type, caught.value.message, caught.value.code) == ("ValueError", "broken", "error")


async def test_failures_are_raised_as_they_are_with_pickle(server: RedisServer) -> None:
    async with await create_pool(server.url, serializer="pickle") as pool:
        job = await enqueued(pool, "fail", "broken", _job_id="a")
        whole = await enqueued(pool, "add", 2**70)
        await burst(FUNCTIONS, server.url, serializer="pickle")
        with pytest.raises(ValueError, match=r"^broken$"):
            await job.result()
        info = await job.info()
        assert isinstance(info, JobResult)
        assert isinstance(info.result, ValueError)
        assert await whole.result() == 2**70 + 1


@pytest.mark.parametrize("serializer", ["json", "msgpack", "pickle"])
async def test_what_a_worker_gives_up_is_raised_as_with_arq(server: RedisServer, serializer: str) -> None:
    async with await create_pool(server.url, serializer=serializer) as pool:
        unknown = await enqueued(pool, "no_such_function")
        late = await enqueued(pool, "sleep", 60)
        await burst(FUNCTIONS, server.url, serializer=serializer, job_timeout=0.1)
        with pytest.raises(JobExecutionFailed, match="no_such_function") as caught:
            await unknown.result()
        assert isinstance(caught.value, JobFailed)
        assert isinstance(caught.value, RuntimeError)
        with pytest.raises(TimeoutError):
            await late.result(timeout=None)
        if serializer == "json":
            odd = await ended(server, pool, "awkward")
            with pytest.raises(SerializationError):
                await odd.result()


async def test_status(server: RedisServer, pool: ArqRedis) -> None:
    job = Job("a", pool)
    assert await job.status() is JobStatus.not_found
    await enqueued(pool, "sleep", 60, _job_id="a", _defer_by=60)
    assert await job.status() is JobStatus.deferred
    await job.abort()
    assert await job.status() is JobStatus.complete
    running = await enqueued(pool, "sleep", 60)
    assert await running.status() is JobStatus.queued
    async with working(FUNCTIONS, server.url) as worker:
        await busy(worker)
        assert await running.status() == "in_progress"
        assert await running.abort()


async def test_info(server: RedisServer, pool: ArqRedis) -> None:
    """arq's `info().job_id` is None until the job has ended."""
    assert await Job("unknown", pool).info() is None
    assert await Job("unknown", pool).result_info() is None
    before = datetime.now(UTC)
    job = await enqueued(pool, "add", 1, b=2, _job_id="a", _job_try=2)
    info = await Job("a", pool).info()
    assert type(info) is JobDef
    assert (info.job_id, info.function, info.args, info.kwargs) == ("a", "add", (1,), {"b": 2})
    assert info.job_try == 2
    assert abs(info.enqueue_time - before) < timedelta(seconds=30)
    assert info.score is not None
    assert abs(datetime.fromtimestamp(info.score / 1000, UTC) - before) < timedelta(seconds=30)
    assert await job.result_info() is None
    await burst(FUNCTIONS, server.url)
    info = await job.info()
    assert isinstance(info, JobResult)
    assert (info.success, info.result, info.job_id, info.score) == (True, 3, "a", None)
    assert (info.queue_name, info.job_try) == ("arq:queue", 2)
    assert before - timedelta(seconds=2) < info.start_time <= info.finish_time
    assert await job.result_info() == info


async def test_a_job_of_another_queue_is_found(server: RedisServer, pool: ArqRedis) -> None:
    """With arq it is unknown unless the queue is named (arq #342)."""
    await enqueued(pool, "add", 1, _job_id="a", _queue_name="other")
    assert await Job("a", pool).status() is JobStatus.queued
    assert await Job("a", pool).abort()


async def test_a_failed_job_has_its_error_for_a_result(server: RedisServer, pool: ArqRedis) -> None:
    info = await (await ended(server, pool, "fail", "broken")).result_info()
    assert info is not None
    assert not info.success
    assert isinstance(info.result, JobFailed)


async def test_what_cannot_be_read_is_an_error(server: RedisServer, pool: ArqRedis) -> None:
    await enqueued(pool, "add", _job_id="a")
    with server.client() as client:
        client.set("arq:job:a", b"nonsense")
        client.set("arq:result:b", b"nonsense")
    job, result = Job("a", pool), Job("b", pool)
    for call in (job.info(), result.info(), result.result_info(), result.result()):
        with pytest.raises(DeserializationError):
            await call
    assert await job.status() is JobStatus.queued
    assert await result.status() is JobStatus.complete


@pytest.mark.parametrize("options", [{}, {"_defer_by": 60}, {"_queue_name": "other"}])
async def test_a_job_that_waits_is_aborted_at_once(
    server: RedisServer, pool: ArqRedis, options: dict[str, Any]
) -> None:
    job = await enqueued(pool, "add", _job_id="a", **options)
    assert await in_time(job.abort())
    with pytest.raises(asyncio.CancelledError):
        await job.result()
    queue = options.get("_queue_name", "arq:queue")
    kept = {"arq:result:a", "arq:queue:kept-request:a", "arq:queue:failure-note:a"}
    kept |= {f"{queue}:index:finished", f"{queue}:index:failed"}
    with server.client() as client:
        left = {key.decode() for key in client.scan_iter()}
    assert {key for key in left if not key.endswith(":wake") and ":job-activity:" not in key} == kept


async def test_a_job_that_runs_is_aborted(server: RedisServer, pool: ArqRedis) -> None:
    async with working(FUNCTIONS, server.url) as worker:
        job = await enqueued(pool, "sleep", 60)
        await busy(worker)
        assert await in_time(job.abort(timeout=60), 30)


async def test_an_abort_that_takes_too_long(server: RedisServer, pool: ArqRedis) -> None:
    async with Broker(server.url) as broker:
        job = await enqueued(pool, "sleep", 60)
        # A worker that does not listen.
        assert (await broker.claim("arq:queue", 1, worker_id="w", token="w:1")).jobs
        with pytest.raises(TimeoutError):
            await job.abort(timeout=0.1)


async def test_a_job_that_has_ended_is_not_aborted(server: RedisServer, pool: ArqRedis) -> None:
    done, failed = await enqueued(pool, "add", 1), await enqueued(pool, "fail", "broken")
    await burst(FUNCTIONS, server.url)
    assert not await done.abort()
    assert not await failed.abort()  # arq raises the job's own exception here


async def test_abort_of_an_unknown_job_leaves_nothing_behind(server: RedisServer, pool: ArqRedis) -> None:
    """With arq the mark stays for ever and kills a later job of this id (arq #485)."""
    assert not await in_time(Job("a", pool).abort())
    with server.client() as client:
        assert list(client.scan_iter()) == []
    assert await (await ended(server, pool, "add", 1, _job_id="a")).result() == 2


async def test_any_client_of_redis_py_does(server: RedisServer, pool: ArqRedis) -> None:
    await ended(server, pool, "add", 1, _job_id="a")
    with server.client() as client:

        def connections() -> set[str]:
            return {each["id"] for each in client.client_list()}

        before = connections()
        async with Redis(port=server.port, decode_responses=True) as plain:
            job = Job("a", redis=plain)
            assert await job.status() is JobStatus.complete
            assert await job.result(timeout=10) == 2
        eventually(lambda: connections() <= before, what="closed connections")


async def test_arqs_misspelling_is_deprecated(server: RedisServer, pool: ArqRedis) -> None:
    job = await ended(server, pool, "add", 1)
    with pytest.warns(DeprecationWarning, match="poll_delay"):
        assert await job.result(pole_delay=0.1) == 2
