"""arq's options for running workers, and faults of arq's workers that must not come back."""

import asyncio
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from harness.jobs.records import request_of
from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, busy, complete, enqueue, outcome, working
from harness.waiting import PATIENCE, eventually_async
from jobgate.arq import (
    ArqRedis,
    FailedJobs,
    JobDef,
    JobExecutionFailed,
    Retry,
    Worker,
    check_health,
    create_pool,
    create_worker,
    run_worker,
)
from jobgate.broker import Broker

Ctx = dict[str, Any]


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


async def sleep(ctx: Ctx, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return int(ctx["job_try"])


async def fail(ctx: Ctx, text: str) -> None:
    raise LookupError(text)


async def retry(ctx: Ctx) -> None:
    raise Retry(0.01)


async def enqueue_another(ctx: Ctx, queue: str | None = None) -> str:
    job = await ctx["redis"].enqueue_job("add", 5, _queue_name=queue, _defer_by=100 if queue else None)
    assert job is not None
    return str(job.job_id)


ALL = [add, sleep, fail, retry, enqueue_another]


# -- faults of arq


async def test_running_ids_at_the_head_do_not_starve_an_idle_worker_arq_171(server: RedisServer) -> None:
    """arq reads the first `queue_read_limit` ids; when all of them run elsewhere, it finds nothing."""
    ids = [f"runs-elsewhere-{number}" for number in range(150)]
    with server.client() as client:
        client.zadd("arq:queue", dict.fromkeys(ids, 1000))
        for job_id in ids:
            client.set(f"arq:in-progress:{job_id}", "1", px=310_000)
    async with Broker(server.url) as broker, working(ALL, server.url, queue_read_limit=5):
        assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2


async def test_a_redis_that_goes_away_does_not_end_the_worker_arq_9_498(server: RedisServer) -> None:
    async with Broker(server.url, deadline=15) as broker, working(ALL, server.url) as worker:
        running = await enqueue(broker, "sleep", 0.5)
        await busy(worker)
        server.restart(signal.SIGKILL)
        assert (await outcome(broker, running)).result == 1
        assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2


async def test_job_timeout_none_means_no_limit_and_one_run(redis_url: str) -> None:
    """arq: one function got a lock of 10 s and then ran twice, two functions were a TypeError."""
    async with Broker(redis_url) as broker:
        settings = {"job_timeout": None, "lease": 2}
        async with working(ALL, redis_url, **settings), working(ALL, redis_url, **settings):
            assert (await outcome(broker, await enqueue(broker, "sleep", 3.5))).result == 1


CRASH = """
import asyncio

async def hold(ctx):
    if ctx["job_try"] == 1:
        await asyncio.sleep(60)
    return ctx["job_try"]

class WorkerSettings:
    functions = [hold]
    lease = 2
"""


async def test_jobs_of_a_crashed_worker_wait_a_lease_and_not_310_seconds_arq_343_402_407(
    processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "jobs.py").write_text(CRASH)
    first = processes.worker("jobs.WorkerSettings", redis_url, cwd=tmp_path)
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, "hold")
        first.wait_for_log(f"{job_id}:hold")
        processes.worker("jobs.WorkerSettings", redis_url, cwd=tmp_path)
        began = time.monotonic()
        first.kill()
        assert (await outcome(broker, job_id)).result == 2
        assert time.monotonic() - began < 30


class Base:
    functions = ALL
    queue_name = "mail"
    keep_result = 5


class Inherits(Base):
    max_tries = 1


async def test_settings_are_inherited_arq_472(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, "retry", queue="mail")
        await burst(Inherits, redis_url)
        result = await outcome(broker, job_id)
    assert result.failure is not None
    assert (result.failure.code, result.tries) == ("max-tries", 1)


# -- the health line that arq's workers share

LINE = re.compile(
    r"[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d j_complete=(\d+) j_failed=0 j_retried=0 j_ongoing=(\d) queued=(\d+)"
)


async def health(server: RedisServer, key: str = "arq:queue:health-check") -> tuple[str, float]:
    """Wait for a health line; return it and its time to live in seconds."""

    async def there() -> tuple[str, float] | None:
        with server.client() as client:
            line, ttl = client.get(key), client.pttl(key)
        return (line.decode(), ttl / 1000) if isinstance(line, bytes) else None

    found = await eventually_async(there, what=f"a health line in {key}")
    assert found is not None
    return found


def exists(server: RedisServer, key: str) -> bool:
    with server.client() as client:
        return bool(client.exists(key))


async def test_the_health_line_is_arqs(server: RedisServer) -> None:
    async with Broker(server.url) as broker, working(ALL, server.url, health_check_interval=0.1) as worker:
        await enqueue(broker, "add", 1, defer_by=100)
        await outcome(broker, await enqueue(broker, "add", 1))

        async def counted() -> str | None:
            line, ttl = await health(server)
            assert ttl <= 1.1
            found = LINE.fullmatch(line)
            assert found, line
            return line if found.groups() == ("1", "0", "1") else None

        await eventually_async(counted, what="a health line with both jobs")
        await complete(worker, 1)


async def test_a_worker_that_goes_leaves_the_health_line_to_the_others(server: RedisServer) -> None:
    """arq: one worker's close removes it for all of them, for up to an hour."""
    key = "arq:queue:health-check"
    async with working(ALL, server.url) as staying:
        assert (await health(server))[1] == pytest.approx(3601, abs=5)
        async with working(ALL, server.url), Broker(server.url) as broker:
            await eventually_async(lambda: two_live(broker), what="two live workers")
        assert exists(server, key)
        assert not staying.jobs.started
    assert not exists(server, key)


async def two_live(broker: Broker) -> bool:
    return len(await broker.workers()) == 2


async def test_a_health_check_key_of_its_own_goes_with_its_worker(server: RedisServer) -> None:
    async with working(ALL, server.url):
        await health(server)
        async with working(ALL, server.url, health_check_key="pod-7"):
            await health(server, "pod-7")
        assert not exists(server, "pod-7")
        assert exists(server, "arq:queue:health-check")


async def test_check_health_asks_for_workers_that_live(server: RedisServer) -> None:
    settings = {"functions": ALL, "redis_settings": server.url}

    async def check(**more: object) -> int:
        return await asyncio.to_thread(check_health, {**settings, **more})

    assert await check() == 1
    async with working(ALL, server.url):
        await health(server)
        assert await check() == 0
        assert await check(queue_name="mail") == 1
        assert await check(queues=["arq:queue", "mail"]) == 1
        assert await check(health_check_key="pod-7") == 1
    assert await check() == 1


async def test_check_health_without_redis() -> None:
    settings = {"functions": ALL, "redis_settings": "redis://127.0.0.1:1"}
    assert await asyncio.to_thread(check_health, settings) == 1


# -- runs that are checked


async def test_run_check_counts_what_succeeded(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        for number in range(3):
            await enqueue(broker, "add", number)
    worker = create_worker({"functions": ALL}, redis_settings=redis_url, burst=True, handle_signals=False)
    assert await worker.run_check() == 3


async def test_run_check_raises_what_failed_in_this_run(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        await enqueue(broker, "fail", "in an earlier run")
        await burst(ALL, redis_url)
        job_id = await enqueue(broker, "fail", "now")
        await enqueue(broker, "add", 1)
        worker = Worker(ALL, redis_settings=redis_url, burst=True, handle_signals=False)
        with pytest.raises(FailedJobs) as caught:
            await worker.run_check()
    failed = caught.value
    assert (failed.count, [result.job_id for result in failed.job_results]) == (1, [job_id])
    assert isinstance(failed.job_results[0].result, LookupError)
    assert str(failed) == "1 job failed LookupError('now')"


async def test_run_check_takes_arqs_arguments(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        for _ in range(3):
            await enqueue(broker, "retry")
        worker = Worker(ALL, redis_settings=redis_url, burst=True, handle_signals=False, max_jobs=1)
        with pytest.raises(FailedJobs, match="2 jobs failed:\n") as caught:
            await worker.run_check(retry_jobs=False, max_burst_jobs=2)
        assert {type(result.result) for result in caught.value.job_results} == {Retry}
        await enqueue(broker, "unknown")  # only now: jobs of one millisecond have no order
        worker = Worker(ALL, redis_settings=redis_url, burst=True, handle_signals=False, max_tries=1)
        with pytest.raises(FailedJobs) as caught:
            await worker.run_check()
    assert {str(result.result) for result in caught.value.job_results} == {
        "max 1 retries exceeded",
        "function 'unknown' not found",
    }
    assert {type(result.result) for result in caught.value.job_results} == {JobExecutionFailed}


def test_run_worker_runs_it(redis_url: str) -> None:
    worker = run_worker(ALL, redis_settings=redis_url, burst=True)
    assert worker.jobs_complete == 0


# -- ctx["redis"] and redis_pool


async def test_functions_enqueue_jobs_through_ctx_redis(redis_url: str) -> None:
    async with Broker(redis_url) as broker, working(ALL, redis_url) as worker:
        other = await outcome(broker, await enqueue(broker, "enqueue_another"))
        assert (await outcome(broker, other.result)).result == 6
        assert isinstance(worker.pool, ArqRedis)
        assert await worker.pool.ping()


async def test_ctx_redis_uses_the_workers_queue_serializer_and_expiry(server: RedisServer) -> None:
    settings: dict[str, Any] = {"queue_name": "mail", "serializer": "msgpack", "namespace": "{x}"}
    async with (
        Broker(server.url, codec="msgpack", namespace="{x}") as broker,
        working(ALL, server.url, **settings, expires_extra_ms=5000),
    ):
        first = await outcome(broker, await enqueue(broker, "enqueue_another", queue="mail"))
        assert (await outcome(broker, first.result)).queue == "mail"
        deferred = await outcome(broker, await enqueue(broker, "enqueue_another", "letters", queue="mail"))
        with server.client() as client:
            assert client.pttl(f"{{x}}:job:{deferred.result}") == pytest.approx(105_000, abs=2000)
            assert client.zcard("letters") == 1


async def test_a_client_of_redis_py_can_be_passed_in(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client, Broker(redis_url) as broker:
        source = {"functions": ALL, "redis_pool": client}
        worker = Worker(source, burst=True, handle_signals=False)
        job_id = await enqueue(broker, "enqueue_another")
        await worker.async_run()
        other = await outcome(broker, job_id)
        assert (await outcome(broker, other.result)).result == 6
        assert worker.pool.connection_pool is client.connection_pool
        assert await client.ping(), "who opened it closes it"


async def test_a_pool_that_enqueues_jobs_itself_is_handed_out_as_it_is(redis_url: str) -> None:
    async with await create_pool(redis_url, default_queue_name="mail") as pool:
        job = await pool.enqueue_job("enqueue_another")
        assert job is not None
        worker = Worker({"functions": ALL, "redis_pool": pool}, burst=True, handle_signals=False)
        await worker.async_run()
        assert worker.pool is pool
        assert worker.jobs_complete == 2
        jobs: list[JobDef] = await pool.queued_jobs()
        assert jobs == []


# -- several queues


async def test_one_wake_wait_covers_all_queues(redis_url: str) -> None:
    queues = ["first", "second", "third"]
    async with Broker(redis_url) as broker, working(ALL, redis_url, queues=queues, poll_delay=60):
        for queue in reversed(queues):
            began = time.monotonic()
            result = await outcome(broker, await enqueue(broker, "add", 1, queue=queue))
            assert result.queue == queue
            assert time.monotonic() - began < 15


async def test_queues_are_served_by_their_weights_and_none_starves(redis_url: str) -> None:
    order: list[str] = []

    async def note(ctx: Ctx, queue: str) -> None:
        order.append(queue)

    name = note.__qualname__
    async with Broker(redis_url) as broker:
        await broker.enqueue_many(
            [request_of(name, args=[queue], queue=queue) for queue in ("heavy", "light") for _ in range(200)]
        )
        await burst([note], redis_url, queues={"heavy": 3, "light": 1}, max_jobs=2)
    assert Counter(order) == {"heavy": 200, "light": 200}
    counts = Counter(order[:200])
    assert counts["heavy"] == pytest.approx(150, abs=10)
    assert order[-1] == "light"


async def test_a_queue_that_cannot_be_claimed_from_does_not_stop_the_others(server: RedisServer) -> None:
    with server.client() as client:
        client.set("wrong", "this is no queue")
    async with Broker(server.url) as broker, working(ALL, server.url, queues=["wrong", "right"]):
        for number in range(5):
            result = await outcome(broker, await enqueue(broker, "add", number, queue="right"))
            assert result.result == number + 1


async def test_burst_ends_when_all_queues_are_empty(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        for queue in ("a", "b"):
            await enqueue(broker, "add", 1, queue=queue)
        await enqueue(broker, "add", 1, queue="b", defer_by=0.3)
        assert (await burst(ALL, redis_url, queues=["a", "b"])).jobs_complete == 3


async def test_jobs_of_all_queues_can_be_aborted_while_they_run(redis_url: str) -> None:
    async with Broker(redis_url) as broker, working(ALL, redis_url, queues=["a", "b"], lease=300) as worker:
        ids = [await enqueue(broker, "sleep", 60, queue=queue) for queue in ("a", "b")]
        await busy(worker, 2)
        for job_id, queue in zip(ids, ("a", "b"), strict=True):
            await broker.abort(job_id, queue=queue)
            result = await outcome(broker, job_id)  # no renewal before a third of the lease
            assert result.failure is not None
            assert result.failure.code == "aborted"


async def test_a_worker_of_several_queues_is_known_in_each(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        async with working(ALL, redis_url, queues=["a", "b"]):
            for queue in ("a", "b"):

                async def known(queue: str = queue) -> bool:
                    records = await broker.workers(queue)
                    return [record.pid for record in records] == [os.getpid()]

                await eventually_async(known, what=f"a worker of {queue}")
        assert [await broker.workers(queue) for queue in ("a", "b")] == [[], []]


# -- the log, and who listens to signals


@pytest.mark.parametrize(("log_results", "shown"), [(True, "● 42"), (False, "●")])
async def test_log_results(
    redis_url: str, caplog: pytest.LogCaptureFixture, log_results: bool, shown: str
) -> None:
    caplog.set_level("INFO", "jobgate.worker")
    async with Broker(redis_url) as broker:
        await enqueue(broker, "add", 41)
        await burst(ALL, redis_url, log_results=log_results)
    (line,) = [record.getMessage() for record in caplog.records if "←" in record.getMessage()]
    assert line.rstrip().endswith(shown)


async def test_handle_signals_false_leaves_them_to_the_program(redis_url: str) -> None:
    received = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, received.set)
    try:
        async with working(ALL, redis_url) as worker, Broker(redis_url) as broker:
            assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(received.wait(), PATIENCE)
            assert (await outcome(broker, await enqueue(broker, "add", 2))).result == 3
            await complete(worker, 2)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
