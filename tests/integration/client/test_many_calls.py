"""`enqueue_many` and `map`: over both transports, from sources of any length, through lost answers."""

import asyncio
import itertools
import json
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import redis
from aiohttp import web
from prometheus_client import CollectorRegistry

from harness.functions.client_worker import add, sleep
from harness.processes.commands import REPOSITORY, Processes
from harness.servers.losing_proxy import Loss, proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import running_gateway
from harness.tools import free_port, valkey_binary
from jobgate.client import (
    BlockingClient,
    BlockingJobHandle,
    Call,
    Client,
    Forbidden,
    GatewayUnavailable,
    InvalidArguments,
    InvalidOption,
    JobExists,
    JobFailed,
    JobgateError,
    JobHandle,
    JobStatus,
    OutcomeUnknown,
    ResultTimeout,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
)

#: No worker serves it.
IDLE = "arq:idle"


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where a gateway and its Redis are, with a worker."""
    folder = tmp_path_factory.mktemp("many")
    server = RedisServer(valkey_binary(), folder / "server").start()
    processes = Processes(folder)
    try:
        processes.worker(
            "harness.functions.client_worker.WorkerSettings", server.url, cwd=REPOSITORY / "tests"
        )
        yield {"http": processes.gateway(server.url).url, "redis": server.url}
    finally:
        processes.end_all()
        server.kill()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(params=["http", "redis"])
async def client(
    request: pytest.FixtureRequest, urls: dict[str, str], registry: CollectorRegistry
) -> AsyncIterator[Client]:
    async with Client(urls[request.param], registry=registry) as client:
        yield client


async def arriving(calls: list[Call]) -> AsyncIterator[Call]:
    for call in calls:
        await asyncio.sleep(0)
        yield call


async def test_jobs_are_enqueued_in_order(client: Client) -> None:
    calls = [Call("add", number, b=2, _queue=IDLE) for number in range(1200)]
    jobs = [job async for job in client.enqueue_many(calls)]
    assert len({job.id for job in jobs}) == 1200
    assert {job.queue for job in jobs} == {IDLE}
    assert await jobs[-1].status() is JobStatus.QUEUED
    jobs = [job async for job in client.enqueue_many(arriving([Call("add", n) for n in range(10)]))]
    assert [await job.result() for job in jobs] == list(range(1, 11))
    none: list[Call] = []
    assert [job async for job in client.enqueue_many(none)] == []


async def test_functions_themselves_and_options(client: Client, registry: CollectorRegistry) -> None:
    plain = Call(add, 1, b=3)
    named = Call(add, 2).with_options(job_id=f"named.{id(client)}", keep_result=100)
    jobs = [job async for job in client.with_options(timeout=20).enqueue_many([plain, named])]
    assert [await job.result() for job in jobs] == [4, 3]
    assert jobs[1].id == f"named.{id(client)}"
    labels = {"function": "add", "outcome": "success"}
    assert registry.get_sample_value("jobgate_client_enqueues_total", labels) == 2


async def test_errors_stand_in_their_places(client: Client, registry: CollectorRegistry) -> None:
    taken = f"taken.{id(client)}"
    await client.enqueue("add", 1, _job_id=taken)
    calls = [
        Call("add", 1),
        Call("add", float("nan")),
        Call("ad", 1),
        Call("add", 2, _job_id=taken),
        Call("add", 3),
    ]
    found: list[JobHandle[Any] | JobgateError] = [
        one async for one in client.enqueue_many(calls, return_exceptions=True)
    ]
    kinds = [type(one) for one in found]
    assert kinds == [JobHandle, InvalidArguments, UnknownFunction, JobExists, JobHandle]
    for one in (found[0], found[4]):
        assert isinstance(one, JobHandle)
        assert await one.result() in {2, 4}
    assert isinstance(found[2], UnknownFunction)
    assert "add" in found[2].near
    assert isinstance(found[3], JobExists)
    assert found[3].job is not None
    assert await found[3].job.result() == 2
    labels = {"function": "add", "outcome": "exists"}
    assert registry.get_sample_value("jobgate_client_enqueues_total", labels) == 1
    with pytest.raises(InvalidArguments):
        _ = [job async for job in client.enqueue_many(calls)]


async def test_a_source_is_read_as_jobs_are_enqueued(client: Client) -> None:
    pulled = itertools.count()

    def endless() -> Iterator[Call]:
        while True:
            yield Call("add", next(pulled), _queue=IDLE)

    async with aclosing(client.enqueue_many(endless())) as jobs:
        async for _ in jobs:
            break
    assert next(pulled) <= 500 * 5


async def test_an_error_of_the_source_comes_after_the_jobs_before_it(client: Client) -> None:
    def broken() -> Iterator[Call]:
        yield from [Call("add", 1), Call("add", 2)]
        raise LookupError("of the source")

    jobs = client.enqueue_many(broken())
    found = [await anext(jobs), await anext(jobs)]
    with pytest.raises(LookupError):
        await anext(jobs)
    assert [await job.result() for job in found] == [2, 3]


@pytest.mark.parametrize(
    "wrong", [lambda: Call("add", 1, _jobid="a"), lambda: Call("add", _max_tries=0), lambda: Call("")]
)
def test_a_call_is_checked_where_it_is_made(wrong: Any) -> None:
    with pytest.raises(InvalidOption):
        wrong()


async def test_results_come_in_order_or_as_they_are_ready(client: Client) -> None:
    assert [n async for n in client.map(add, range(50), concurrency=7)] == list(range(1, 51))
    found = [n async for n in client.map("add", range(50), concurrency=7, ordered=False)]
    assert sorted(found) == list(range(1, 51))
    assert [n async for n in client.map("add", iter([]))] == []
    times = [0.5, 0.0, 0.0]
    echo = client.map(sleep, times, ordered=False)
    assert [word async for word in echo] == ["slept"] * 3


async def test_failures_are_raised_or_yielded(client: Client) -> None:
    found = [one async for one in client.map("fail", ["a", "b"], return_exceptions=True)]
    assert [(type(one), one.message) for one in found] == [(JobFailed, "a"), (JobFailed, "b")]
    assert found[0].job is not None
    with pytest.raises(JobFailed):
        _ = [one async for one in client.map("fail", ["a", "b"])]
    waits = client.with_options(timeout=0.2)
    (late,) = [one async for one in waits.map("sleep", [5], return_exceptions=True)]
    assert isinstance(late, ResultTimeout)
    with pytest.raises(InvalidOption):
        _ = [one async for one in client.with_options(defer_by=1).map("add", [1])]
    with pytest.raises(InvalidOption):
        _ = [one async for one in client.map("add", [1], concurrency=0)]


@pytest.mark.parametrize("ordered", [True, False])
async def test_map_takes_items_as_there_is_room(client: Client, ordered: bool) -> None:
    pulled: list[int] = []

    def items() -> Iterator[int]:
        for number in itertools.count():
            pulled.append(number)
            yield number

    results = client.map("add", items(), concurrency=4, ordered=ordered)
    async with aclosing(results):
        for yielded in range(1, 20):
            await anext(results)
            # One more is taken from the source before there is room for it.
            assert len(pulled) <= yielded + 4 + 1
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [one for one in left if "window" in repr(one) or "feed" in repr(one)]


async def test_a_map_that_is_cancelled_ends(client: Client) -> None:
    started = asyncio.Event()

    async def items() -> AsyncIterator[float]:
        try:
            yield 0.0
            started.set()
            yield 60.0
            await asyncio.Event().wait()
        finally:
            started.set()

    async def consume() -> None:
        async for _ in client.map("sleep", items()):
            pass

    consuming = asyncio.create_task(consume())
    await started.wait()
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(consuming, 10)


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_no_job_is_made_twice_or_lost_when_messages_are_lost(redis_url: str, lost: Loss) -> None:
    async with running_gateway(redis_url) as gateway, proxy_to(gateway.port) as proxy:
        url = proxy.url.replace("redis://", "http://")
        async with Client(url, request_timeout=60, registry=CollectorRegistry()) as client:

            async def lose() -> None:
                while True:
                    proxy.lose(lost, 2)
                    while not proxy.lost:
                        await asyncio.sleep(0.001)

            losing = asyncio.create_task(lose())
            calls = (Call("add", number, _queue=IDLE) for number in range(1200))
            jobs = [job async for job in client.enqueue_many(calls)]
            own = [Call("add", n, _queue=IDLE, _job_id=f"own{n}", _keep_result=0) for n in range(600)]
            jobs += [job async for job in client.enqueue_many(own)]
            losing.cancel()
            assert proxy.requests
    with redis.Redis.from_url(redis_url) as stored:
        assert {one.decode() for one in stored.zrange(IDLE, 0, -1)} == {job.id for job in jobs}
    assert len({job.id for job in jobs}) == 1800


Result = dict[str, Any]


@asynccontextmanager
async def answering(*replies: Callable[[list[Any]], list[Result] | int]) -> AsyncIterator[Client]:
    """Serve a gateway that answers batches as the test says, the last way again and again."""
    left = list(replies)

    async def reply(request: web.BaseRequest) -> web.StreamResponse:
        jobs = [json.loads(line) for line in (await request.read()).splitlines()]
        results = (left.pop(0) if len(left) > 1 else left[0])(jobs)
        if isinstance(results, int):
            problem = {"status": results, "code": "x", "detail": "why", "retryable": results >= 500}
            return web.json_response(problem, status=results, content_type="application/problem+json")
        body = "".join(f"{json.dumps(result)}\n" for result in results)
        return web.Response(text=body, content_type="application/x-ndjson")

    runner = web.ServerRunner(web.Server(reply, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with Client(url, request_timeout=0.5, registry=CollectorRegistry()) as client:
            yield client
    finally:
        await runner.cleanup()


def accepted(job: Any) -> Result:
    return {"status": 202, "job": {"job_id": job["job_id"], "queue": "q"}}


def refused(status: int, code: str, **members: Any) -> Result:
    detail = {"detail": f"detail of {code}", "retryable": status >= 500 or status == 429}
    return {"status": status, "problem": {"status": status, "code": code, **detail, **members}}


async def enqueued(client: Client, calls: int = 3) -> list[JobHandle[Any] | JobgateError]:
    made = [Call("add", number) for number in range(calls)]
    return [one async for one in client.enqueue_many(made, return_exceptions=True)]


async def test_only_jobs_that_were_not_answered_for_good_are_sent_again() -> None:
    sent: list[list[int]] = []

    def noted(jobs: list[Any]) -> list[Any]:
        sent.append([job["args"][0] for job in jobs])
        return jobs

    end = refused(503, "shutting-down", next_line=2)
    async with answering(
        lambda jobs: [accepted(noted(jobs)[0]), refused(429, "rate-limited", retry_after=0), end],
        lambda jobs: [accepted(job) for job in noted(jobs)][:1],
        lambda jobs: [accepted(job) for job in noted(jobs)],
    ) as client:
        found = await enqueued(client)
        assert [one.queue for one in found if isinstance(one, JobHandle)] == ["q"] * 3
    assert sent[0] == [0, 1, 2]
    assert sorted(sent[1]) == [1, 2]
    assert len(sent[2]) == 1


async def test_a_job_that_may_have_been_enqueued_is_never_reported_as_not_enqueued() -> None:
    cut = iter(range(100))

    def reply(jobs: list[Any]) -> list[Result] | int:
        return 503 if next(cut) else [accepted(jobs[0])]

    async with answering(reply) as client:
        kinds = [type(one) for one in await enqueued(client)]
    assert kinds == [JobHandle, OutcomeUnknown, OutcomeUnknown]


EACH = [refused(503, "outcome-unknown"), refused(403, "forbidden"), refused(503, "queue-full")]


@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        (lambda jobs: 401, [Unauthorized] * 3),
        (lambda jobs: 503, [GatewayUnavailable] * 3),
        (lambda jobs: [{}] * 3, [UnexpectedAnswer] * 3),
        (lambda jobs: [], [OutcomeUnknown] * 3),
        (lambda jobs: [accepted(jobs[0])] * 4, [UnexpectedAnswer] * 3),
        (lambda jobs: [refused(409, "job-exists") for _ in jobs], [JobHandle] * 3),
        (
            lambda jobs: [EACH[job["args"][0]] for job in jobs],
            [OutcomeUnknown, Forbidden, GatewayUnavailable],
        ),
    ],
    ids=["refused", "unavailable", "nonsense", "cut", "too-many", "ours", "each"],
)
async def test_bad_answers(reply: Any, kinds: list[type]) -> None:
    async with answering(reply) as client:
        found = await enqueued(client)
    assert [type(one) for one in found] == kinds


@pytest.fixture(params=["http", "redis"])
def blocking(request: pytest.FixtureRequest, urls: dict[str, str]) -> Iterator[BlockingClient]:
    with BlockingClient(urls[request.param], registry=CollectorRegistry()) as client:
        yield client


def test_a_blocking_caller_enqueues_many(blocking: BlockingClient) -> None:
    jobs = list(blocking.enqueue_many(Call("add", number, _queue=IDLE) for number in range(1200)))
    assert len({job.id for job in jobs}) == 1200
    assert jobs[-1].status() is JobStatus.QUEUED
    assert [job.result() for job in blocking.enqueue_many([Call(add, 1), Call(add, 2)])] == [2, 3]
    calls = [Call("add", 1), Call("ad", 1), Call("add", 2)]
    found = list(blocking.enqueue_many(calls, return_exceptions=True))
    assert [type(one) for one in found] == [BlockingJobHandle, UnknownFunction, BlockingJobHandle]
    assert isinstance(found[1], UnknownFunction)
    assert isinstance(found[1].job, BlockingJobHandle)
    with pytest.raises(UnknownFunction) as caught:
        list(blocking.enqueue_many(calls))
    assert isinstance(caught.value.job, BlockingJobHandle)


def test_a_blocking_caller_maps_what_its_own_thread_reads(blocking: BlockingClient) -> None:
    read: list[int] = []

    def source() -> Iterator[int]:
        home = threading.get_ident()
        for number in range(100):
            assert threading.get_ident() == home
            read.append(blocking.call(add, number))
            yield number

    results = blocking.map(add, source(), concurrency=5)
    assert [next(results) for _ in range(3)] == [1, 2, 3]
    assert len(read) <= 3 + 5 + 1
    assert [*results] == list(range(4, 101))
    assert sorted(blocking.map(add, range(100), ordered=False)) == list(range(1, 101))
    assert list(blocking.map(add, [])) == []
    with pytest.raises(JobFailed) as caught:
        list(blocking.map("fail", ["a"]))
    assert caught.value.job.info().success is False


def test_a_source_that_fails_ends_the_map_of_a_blocking_caller(blocking: BlockingClient) -> None:
    def source() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    results = blocking.map(add, source())
    assert next(results) == 2
    with pytest.raises(LookupError, match="no more"):
        next(results)
    for result in blocking.map(add, itertools.count()):
        if result == 50:
            break
    assert blocking.call(add, 1) == 2


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
async def test_no_job_is_made_twice_or_lost_when_gateways_end(
    processes: Processes, redis_url: str, sign: signal.Signals
) -> None:
    port = free_port()
    gateways = [processes.gateway(redis_url, "--drain", "0", port=port)]
    restarted = asyncio.Event()

    def replace() -> None:
        if sign is signal.SIGKILL:
            gateways[-1].kill()
        else:
            gateways[-1].terminate()
        gateways.append(processes.gateway(redis_url, port=port))

    async def calls() -> AsyncIterator[Call]:
        for number in itertools.count():
            await asyncio.sleep(0)
            yield Call("add", number, _queue=IDLE)
            if restarted.is_set() and number > 3000:
                return

    async with Client(gateways[0].url, request_timeout=60, registry=CollectorRegistry()) as client:
        jobs = client.enqueue_many(calls())
        found = [await anext(jobs)]
        replacing = asyncio.create_task(asyncio.to_thread(replace))
        replacing.add_done_callback(lambda _: restarted.set())
        found += [job async for job in jobs]
        await replacing
    with redis.Redis.from_url(redis_url) as stored:
        assert {one.decode() for one in stored.zrange(IDLE, 0, -1)} == {job.id for job in found}
    assert len({job.id for job in found}) == len(found)
