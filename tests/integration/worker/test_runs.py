"""What becomes of jobs in a worker, on a real server."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, busy, complete, enqueue, outcome, working
from harness.waiting import eventually_async
from jobgate.broker import AbortAnswer, Broker, FailureCode, JobBody, JobRequest, JobStatus, codec_named
from jobgate.broker.bodies.stored import encode_job
from jobgate.worker import Retry, Worker, func

Ctx = dict[str, Any]


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def add(ctx: Ctx, a: int, b: int = 1) -> int:
    return a + b


async def show(ctx: Ctx) -> dict[str, Any]:
    return {name: value for name, value in ctx.items() if name != "redis" and not callable(value)}


async def fail(ctx: Ctx) -> None:
    raise LookupError("no such thing")


async def sleep(ctx: Ctx, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


async def third_time(ctx: Ctx, defer: float | None = None) -> int:
    if ctx["job_try"] < 3:
        raise Retry(defer)
    return int(ctx["job_try"])


async def unstorable(ctx: Ctx) -> object:
    return object()


async def big(ctx: Ctx) -> str:
    return "x" * (8 * 1024 * 1024 + 1)


async def leave(ctx: Ctx) -> None:
    raise SystemExit(3)


async def interrupt(ctx: Ctx, *_: int) -> None:
    raise KeyboardInterrupt


async def cancel_itself(ctx: Ctx) -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return "done"


def half_async(ctx: Ctx) -> Any:
    return add(ctx, 1)


def in_a_thread(ctx: Ctx) -> str:
    return threading.current_thread().name


ALL = [add, show, fail, sleep, third_time, unstorable, big, leave, cancel_itself, half_async, in_a_thread]


async def run_one(broker: Broker, url: str, function: str, *args: Any, **options: Any) -> Any:
    job_id = await enqueue(broker, function, *args, **options)
    await burst(ALL, url)
    result = await broker.result(job_id)
    assert result is not None
    return result


async def test_a_result_holds_what_happened(broker: Broker, redis_url: str) -> None:
    result = await run_one(broker, redis_url, "add", 2, kwargs={"b": 3}, owner="me")
    assert (result.success, result.result, result.tries, result.failure) == (True, 5, 1, None)
    assert (result.function, list(result.args), result.kwargs) == ("add", [2], {"b": 3})
    assert (result.queue, result.options.owner) == ("arq:queue", "me")
    assert result.enqueue_time_ms <= result.start_time_ms <= result.finish_time_ms
    assert result.worker


async def test_ctx_is_arqs(broker: Broker, redis_url: str) -> None:
    seen: list[Ctx] = []

    async def look(ctx: Ctx) -> None:
        seen.append(ctx)
        ctx["mine"] = True

    async def on_startup(ctx: Ctx) -> None:
        ctx["db"] = "open"

    enqueued = await broker.enqueue(JobRequest(function=look.__qualname__))
    worker = await burst({"functions": [look], "on_startup": on_startup, "ctx": {"color": 7}}, redis_url)
    assert seen == [
        {
            "color": 7,
            "db": "open",
            "job_id": enqueued.job_id,
            "job_try": 1,
            "enqueue_time": datetime.fromtimestamp(enqueued.enqueue_time_ms / 1000, UTC),
            "score": enqueued.due_time_ms,
            "mine": True,
            "redis": worker.pool,
            "progress": seen[0]["progress"],
            "deadline": seen[0]["deadline"],
        }
    ]
    assert worker.ctx == {"color": 7, "db": "open", "redis": worker.pool}, "each job has a copy of its own"


@pytest.mark.parametrize(
    ("function", "args", "code", "kind", "message"),
    [
        ("fail", (), FailureCode.ERROR, "LookupError", "no such thing"),
        ("leave", (), FailureCode.ERROR, "SystemExit", "3"),
        ("half_async", (), FailureCode.ERROR, "TypeError", "make it `async def`"),
        ("nowhere", (), FailureCode.UNKNOWN_FUNCTION, "JobExecutionFailed", "function 'nowhere' not found"),
        ("add", (), FailureCode.INVALID_ARGUMENTS, "TypeError", "missing a required argument: 'a'"),
        ("unstorable", (), FailureCode.UNSERIALISABLE_RESULT, "SerializationError", "unable to serialize"),
        ("big", (), FailureCode.UNSERIALISABLE_RESULT, "SerializationError", "unable to serialize"),
    ],
)
async def test_failures(
    broker: Broker, redis_url: str, function: str, args: tuple[Any, ...], code: str, kind: str, message: str
) -> None:
    result = await run_one(broker, redis_url, function, *args)
    assert (result.success, result.failure.code, result.failure.type) == (False, code, kind)
    assert message in result.failure.message


@pytest.mark.parametrize("where", ["functions", "on_job_start", "on_job_end", "after_job_end"])
async def test_a_keyboard_interrupt_that_no_signal_raised_ends_no_worker(
    broker: Broker, redis_url: str, where: str
) -> None:
    settings: dict[str, Any] = {"functions": [interrupt, add]}
    if where != "functions":
        settings[where] = interrupt
    ids = [await enqueue(broker, "interrupt" if where == "functions" else "add", 1) for _ in range(2)]
    worker = Worker(settings, redis_settings=redis_url, burst=True)
    await worker.async_run()
    assert worker.jobs_complete + worker.jobs_failed == 2
    assert (await outcome(broker, ids[0])).success is (where in ("on_job_end", "after_job_end"))


async def test_a_timeout_cancels_the_function(broker: Broker, redis_url: str) -> None:
    began = time.monotonic()
    result = await run_one(broker, redis_url, "sleep", 60, timeout=0.2)
    assert result.failure.code is FailureCode.TIMEOUT
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("defer", [None, 0.1])
async def test_a_retry_runs_again_until_it_succeeds(
    broker: Broker, redis_url: str, defer: float | None
) -> None:
    result = await run_one(broker, redis_url, "third_time", defer)
    assert (result.result, result.tries) == (3, 3)


async def test_a_retry_in_the_last_try_fails_without_a_further_start(broker: Broker, redis_url: str) -> None:
    result = await run_one(broker, redis_url, "third_time", max_tries=2)
    assert (result.failure.code, result.tries) == (FailureCode.MAX_TRIES, 2)


async def test_first_try_counts_from_where_the_producer_says(broker: Broker, redis_url: str) -> None:
    assert (await run_one(broker, redis_url, "third_time", first_try=3)).result == 3
    result = await run_one(broker, redis_url, "third_time", first_try=9)
    assert result.failure.code is FailureCode.MAX_TRIES


async def test_a_function_that_cancels_itself_harms_no_later_step(broker: Broker, redis_url: str) -> None:
    assert (await run_one(broker, redis_url, "cancel_itself")).result == "done"


async def test_plain_functions_run_in_threads(broker: Broker, redis_url: str) -> None:
    assert (await run_one(broker, redis_url, "in_a_thread")).result.startswith("jobgate-function")


async def test_a_job_whose_body_is_gone_has_expired(broker: Broker, server: RedisServer) -> None:
    async with Broker(server.url) as own:
        job_id = await enqueue(own, "add", 1, expires=0.01)
        with server.client() as client:
            client.delete(f"arq:job:{job_id}")
        await burst(ALL, server.url)
        result = await own.result(job_id)
    assert result is not None
    assert result.failure is not None
    assert result.failure.code is FailureCode.EXPIRED


async def test_a_body_that_cannot_be_read_is_lost(broker: Broker, server: RedisServer) -> None:
    async with Broker(server.url) as own:
        with server.client() as client:
            for number, blob in enumerate([b"{nonsense", b"\x80\x04garbage", b"", b"\xff", b'{"f": 1}']):
                client.set(f"arq:job:bad{number}", blob)
                client.zadd("arq:queue", {f"bad{number}": 1})
        worker = await burst(ALL, server.url)
        for number in range(5):
            result = await own.result(f"bad{number}")
            assert result is not None
            assert result.failure is not None
            assert result.failure.code is FailureCode.LOST_BODY
    assert worker.jobs_failed == 5


async def test_odd_ids_and_times_harm_no_other_job(server: RedisServer) -> None:
    body = JobBody(function="add", args=(1,), kwargs={}, enqueue_time_ms=10**18)
    blob = encode_job(body, codec_named("json"))
    ids = [b"odd\xff\xfe", b"new\nline", b"", "\u2028ü".encode(), b"a b:c{d}"]
    async with Broker(server.url) as own:
        with server.client() as client:
            for job_id in ids:
                client.set(b"arq:job:" + job_id, blob)
                client.zadd("arq:queue", {job_id: 1})
            good = await enqueue(own, "add", 1)
            await burst(ALL, server.url)
            assert [job_id for job_id in ids if not client.exists(b"arq:result:" + job_id)] == []
        assert (await outcome(own, good)).result == 2


async def test_arqs_pickles_are_read_without_running_them(server: RedisServer) -> None:
    body = JobBody(function="add", args=(1,), kwargs={}, enqueue_time_ms=1)
    async with Broker(server.url) as own:
        with server.client() as client:
            client.set("arq:job:stock", encode_job(body, codec_named("pickle")))
            client.zadd("arq:queue", {"stock": 1})
        await burst(ALL, server.url)
        assert (await outcome(own, "stock")).result == 2


@pytest.mark.parametrize("serializer", ["msgpack", "pickle"])
async def test_other_codecs(redis_url: str, serializer: str) -> None:
    async with Broker(redis_url, codec=serializer, trust_pickle=serializer == "pickle") as own:
        good, bad = await enqueue(own, "add", 1), await enqueue(own, "fail")
        await burst(ALL, redis_url, serializer=serializer)
        assert (await outcome(own, good)).result == 2
        failure = (await outcome(own, bad)).failure
    assert failure is not None
    assert (failure.type, failure.message) == ("LookupError", "no such thing")


@pytest.mark.parametrize(
    ("settings", "options", "left"),
    [
        ({}, {}, 3600),
        ({"keep_result": 60}, {}, 60),
        ({"keep_result": 60}, {"keep_result": 30}, 30),
        ({"keep_result": 0}, {}, None),
        ({}, {"keep_result": 0}, None),
        ({"keep_result_forever": True}, {}, -1),
    ],
)
@pytest.mark.parametrize("function", ["add", "fail", "nowhere"])
async def test_results_are_kept_as_asked(
    server: RedisServer, function: str, settings: dict[str, Any], options: dict[str, Any], left: int | None
) -> None:
    args = (1,) if function == "add" else ()
    async with Broker(server.url) as own:
        job_id = await enqueue(own, function, *args, **options)
    await burst(ALL, server.url, **settings)
    with server.client() as client:
        ttl = client.ttl(f"arq:result:{job_id}")
        assert ttl == (-2 if left is None else pytest.approx(left, abs=3))
        assert client.zcard("arq:queue") == 0


async def test_deferred_jobs_wait_for_their_time(broker: Broker, redis_url: str) -> None:
    async with working(ALL, redis_url, poll_delay=100):
        job_id = await enqueue(broker, "add", 1, defer_by=1.5)
        view = await broker.view(job_id)
        assert view is not None
        assert view.status is JobStatus.DEFERRED
        result = await outcome(broker, job_id)  # sooner than `poll_delay` would find it
    assert result.start_time_ms is not None
    assert result.start_time_ms - result.enqueue_time_ms >= 1500


async def test_a_poll_delay_of_0_is_as_good_as_with_arq(broker: Broker, redis_url: str) -> None:
    job_id = await enqueue(broker, "add", 1, defer_by=0.1)
    await burst(ALL, redis_url, poll_delay=0)
    assert (await outcome(broker, job_id)).result == 2


async def test_an_idle_worker_is_woken_at_once(broker: Broker, redis_url: str) -> None:
    async with working(ALL, redis_url, poll_delay=100) as worker:
        await outcome(broker, await enqueue(broker, "add", 1))
        for number in range(20):
            assert (await outcome(broker, await enqueue(broker, "add", number))).result == number + 1
        await complete(worker, 21)


async def test_no_more_than_max_jobs_run_at_once(broker: Broker, redis_url: str) -> None:
    now = most = 0

    async def crowd(ctx: Ctx) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1

    await broker.enqueue_many([JobRequest(function=crowd.__qualname__) for _ in range(100)])
    worker = await burst([crowd], redis_url, max_jobs=7)
    assert (worker.jobs_complete, most) == (100, 7)


async def test_burst_ends_after_so_many_starts(broker: Broker, redis_url: str) -> None:
    await broker.enqueue_many([JobRequest(function="add", args=[1]) for _ in range(10)])
    worker = await burst(ALL, redis_url, max_burst_jobs=4)
    assert worker.jobs_complete == 4
    assert (await broker.queue_depth()).queued == 6


async def test_burst_waits_for_deferred_jobs(broker: Broker, redis_url: str) -> None:
    await enqueue(broker, "add", 1, defer_by=0.3)
    assert (await burst(ALL, redis_url)).jobs_complete == 1


async def test_a_running_job_is_aborted_at_once(broker: Broker, redis_url: str) -> None:
    async with working(ALL, redis_url, lease=300) as worker:
        job_id = await enqueue(broker, "sleep", 60)
        await busy(worker)
        assert await broker.abort(job_id) is AbortAnswer.REQUESTED
        # By the notice: the next renewal is 100 s away.
        failure = (await outcome(broker, job_id)).failure
    assert failure is not None
    assert failure.code is FailureCode.ABORTED


async def test_an_abort_mark_of_stock_arq_is_found_by_renewal(server: RedisServer) -> None:
    async with Broker(server.url) as own, working(ALL, server.url, lease=1.0) as worker:
        job_id = await enqueue(own, "sleep", 60)
        await busy(worker)
        with server.client() as client:
            client.zadd("arq:abort", {job_id: int(time.time() * 1000)})
        failure = (await outcome(own, job_id)).failure
        with server.client() as client:
            assert client.zcard("arq:abort") == 0
    assert failure is not None
    assert failure.code is FailureCode.ABORTED


@pytest.mark.parametrize(
    ("by_arq", "age", "aborted"), [(True, -1000, True), (True, 60_000, False), (False, 60_000, True)]
)
async def test_a_mark_that_meant_an_earlier_job_aborts_nothing(
    server: RedisServer, by_arq: bool, age: int, aborted: bool
) -> None:
    """arq leaves old marks (#485). jobgate's enqueue does not, so there no clock need decide."""
    async with Broker(server.url) as own:
        job_id = await enqueue(own, "add", 1)
        with server.client() as client:
            now_ms = int(time.time() * 1000)
            if by_arq:
                body = f'{{"t":null,"f":"add","a":[1],"k":{{}},"et":{now_ms}}}'
                client.set(f"arq:job:{job_id}", body)
            client.zadd("arq:abort", {job_id: now_ms - age})
        await burst(ALL, server.url)
        result = await outcome(own, job_id)
    assert result.success is not aborted


async def test_aborts_can_be_switched_off(server: RedisServer) -> None:
    async with (
        Broker(server.url) as own,
        working(ALL, server.url, lease=1.0, allow_abort_jobs=False) as worker,
    ):
        job_id = await enqueue(own, "sleep", 1.5)
        await busy(worker)
        await own.abort(job_id)
        assert (await outcome(own, job_id)).result == "slept"


async def test_hooks_see_each_run_and_their_errors_kill_nothing(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def hook(name: str, error: bool) -> Any:
        async def call(ctx: Ctx) -> None:
            seen.append(f"{name} {ctx.get('job_id', '')}".strip())
            if error:
                raise RuntimeError(name)

        return call

    names = ("on_startup", "on_job_start", "on_job_end", "after_job_end", "on_shutdown")
    fine = {name: hook(name, False) for name in names}
    job_id = await enqueue(broker, "add", 1)
    await burst({"functions": ALL, **fine}, redis_url)
    assert seen == ["on_startup", *(f"{name} {job_id}" for name in names[1:4]), "on_shutdown"]
    bad = {name: hook(name, True) for name in names[2:]}
    job_id = await enqueue(broker, "add", 1)
    with caplog.at_level(logging.ERROR, "jobgate.worker"):
        worker = await burst({"functions": ALL, **bad}, redis_url)
    assert (worker.jobs_complete, (await outcome(broker, job_id)).result) == (1, 2)
    assert len(caplog.records) == 3
    job_id = await enqueue(broker, "add", 1)
    await burst({"functions": ALL, "on_job_start": hook("on_job_start", True)}, redis_url)
    failure = (await outcome(broker, job_id)).failure
    assert failure is not None
    assert failure.message == "on_job_start"


async def test_a_start_up_hook_that_raises_ends_the_worker(redis_url: str) -> None:
    async def on_startup(ctx: Ctx) -> None:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        await burst({"functions": ALL, "on_startup": on_startup}, redis_url)


async def test_a_live_worker_is_announced_and_retired(broker: Broker, redis_url: str) -> None:
    async with working([func(add, name="sum")], redis_url, max_jobs=4) as worker:
        [record] = await eventually_async(broker.workers)
        assert (record.worker_id, record.max_jobs) == (worker.worker_id, 4)
        assert record.catalogue is not None
        catalogue = await broker.catalogue(record.catalogue)
        assert catalogue is not None
        assert list(catalogue.functions) == ["sum"]
    assert await broker.workers() == []


async def test_a_queue_and_a_namespace_of_its_own(redis_url: str) -> None:
    async with Broker(redis_url, namespace="{mail}") as own:
        first, second = await enqueue(own, "add", 1), await enqueue(own, "add", 2, queue="extra")
        await burst(ALL, redis_url, namespace="{mail}")
        assert (await outcome(own, first)).result == 2
        assert await own.result(second) is None
        await burst(ALL, redis_url, namespace="{mail}", queue_name="extra")
        assert (await outcome(own, second)).result == 3


async def test_many_jobs_on_two_workers_run_once_each(broker: Broker, redis_url: str) -> None:
    runs: list[int] = []

    async def note(ctx: Ctx, number: int) -> None:
        runs.append(number)

    requests = [JobRequest(function=note.__qualname__, args=[number]) for number in range(2000)]
    await broker.enqueue_many(requests)
    workers = await asyncio.gather(*(burst([note], redis_url, max_jobs=50) for _ in range(2)))
    assert sorted(runs) == list(range(2000))
    assert sum(worker.jobs_complete for worker in workers) == 2000


async def test_a_worker_may_be_closed_before_it_ran() -> None:
    worker = Worker([add])
    await worker.close()
    await worker.close()
