"""`async for event in job.events()`: the same over HTTP and over Redis, through cuts, to the end."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from harness.http.fake_gateway import JOB, Gateway, Reply, answer, hang_up, page, problem
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.tools import free_port
from jobgate.broker import Broker
from jobgate.client import (
    BlockingClient,
    Client,
    Forbidden,
    GatewayUnavailable,
    JobEvent,
    JobEventKind,
    JobLost,
    JobNotFound,
    ResultGone,
    Unauthorized,
    UnexpectedAnswer,
)

Brief = tuple[str, str, int]


def brief(event: JobEvent) -> Brief:
    return event.kind.value, event.job.status.value, event.job.tries


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url) as running:
        yield running


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[PlayedWorker]:
    async with Broker(redis_url) as broker:
        yield PlayedWorker(broker)


@pytest.fixture(params=["http", "redis"])
async def client(
    request: pytest.FixtureRequest, gateway: RunningGateway, redis_url: str
) -> AsyncIterator[Client]:
    url = gateway.url if request.param == "http" else redis_url
    async with Client(url, registry=CollectorRegistry()) as opened:
        yield opened


async def test_a_job_is_followed_to_its_end(client: Client, worker: PlayedWorker) -> None:
    job = await client.enqueue("f", _job_id="a")
    async with asyncio.timeout(60), aclosing(job.events()) as events:
        assert brief(await anext(events)) == ("status", "queued", 0)
        claimed = await worker.claim()
        started = await anext(events)
        assert brief(started) == ("status", "in_progress", 1)
        assert started.time == started.job.start_time
        await worker.broker.report_progress(claimed.lease, 0.5, "half")
        progress = await anext(events)
        assert brief(progress) == ("progress", "in_progress", 1)
        assert progress.job.progress
        assert (progress.job.progress.fraction, progress.time) == (0.5, progress.job.progress.time)
        await worker.broker.retry(claimed.lease, defer=None, score_ms=claimed.score_ms)
        assert brief(await anext(events)) == ("status", "queued", 1)
        await worker.run_one(7)
        *_, last = [event async for event in events]
    assert brief(last) == ("finished", "complete", 2)
    assert (last.job.success, last.time) == (True, last.job.finish_time)
    assert await job.result() == 7
    assert [brief(event) async for event in job.events()] == [("finished", "complete", 2)]


async def test_jobs_that_are_gone(client: Client, worker: PlayedWorker) -> None:
    async def follow(job_id: str) -> None:
        async for event in client.job(job_id).events():
            assert event.kind is JobEventKind.STATUS
            await worker.broker._core.link.command(*remove)

    remove: tuple[str, ...] = ("DEL", "arq:job:a", "arq:queue")
    with pytest.raises(JobNotFound) as caught:
        await follow("unknown")
    assert caught.value.job is not None
    await client.enqueue("f", _job_id="a")
    with pytest.raises(ResultGone):
        await follow("a")
    remove = ("FLUSHALL",)
    await client.enqueue("f", _job_id="a")
    with pytest.raises(JobLost):
        await follow("a")


async def test_an_outcome_that_is_not_kept_is_seen(client: Client, worker: PlayedWorker) -> None:
    job = await client.enqueue("f", _job_id="a", _keep_result=0)
    async with asyncio.timeout(60), aclosing(job.events()) as events:
        await anext(events)
        claimed = await worker.claim()
        await worker.finish(claimed, 1, keep=0)
        *_, last = [event async for event in events]
    assert (last.kind, last.job.success) == (JobEventKind.FINISHED, True)


async def test_events_go_on_after_redis_was_away(
    valkey_server: RedisServer, client: Client, worker: PlayedWorker
) -> None:
    job = await client.enqueue("f", _job_id="a")
    async with asyncio.timeout(60), aclosing(job.events()) as events:
        await anext(events)
        valkey_server.restart()
        async with Broker(valkey_server.url) as broker:
            await PlayedWorker(broker).run_one(1)
        *_, last = [event async for event in events]
    assert brief(last) == ("finished", "complete", 1)


async def test_redis_that_stays_away_is_reported(valkey_server: RedisServer, redis_url: str) -> None:
    async with Client(redis_url, registry=CollectorRegistry(), request_timeout=1) as client:
        job = await client.enqueue("f", _job_id="a")
        async with aclosing(job.events()) as events:
            await anext(events)
            valkey_server.stop()
            try:
                with pytest.raises(GatewayUnavailable) as caught:
                    await asyncio.wait_for(anext(events), 60)
            finally:
                valkey_server.start()
        assert caught.value.job is job


async def test_blocking_callers_see_the_same(
    gateway: RunningGateway, redis_url: str, worker: PlayedWorker
) -> None:
    def follow(url: str) -> list[Brief]:
        with BlockingClient(url, registry=CollectorRegistry()) as client:
            job = client.enqueue("f")
            for event in job.events():
                assert brief(event) == ("status", "queued", 0)
                break
            begun.set()
            return [brief(event) for event in job.events()]

    for url in (gateway.url, redis_url):
        begun = threading.Event()
        following = asyncio.create_task(asyncio.to_thread(follow, url))
        await asyncio.to_thread(begun.wait, 30)
        await worker.run_one(1)
        assert (await following)[-1] == ("finished", "complete", 1)


def streamed(*events: tuple[str, str, Any], cut: bool = False, tail: str = "") -> Reply:
    """Events, and a comment; then the connection is cut, or the stream ends."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        text = "".join(f"event: {kind}\nid: {cursor}\ndata: {data}\n\n" for kind, cursor, data in events)
        await response.write(f"retry: 10\n\n:\n\n{text}{tail}".encode())
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    return reply


def state(status: str, tries: int) -> str:
    return str(JOB | {"status": status, "try": tries}).replace("'", '"').replace("None", "null")


async def test_a_lost_connection_is_resumed_with_the_last_cursor() -> None:
    gateway = Gateway(
        hang_up,
        problem(503, "unavailable", retryable=True),
        streamed(("status", "1", state("queued", 0)), cut=True),
        streamed(),
        streamed(("new-kind", "2", "{}"), ("status", "3", state("in_progress", 1)), tail="id: 4\ndata: {"),
        page(502),
        streamed(("finished", "5", state("complete", 1)), ("status", "6", state("queued", 0))),
    )
    async with gateway.client(key="k3y") as client:
        seen = [brief(event) async for event in client.job("a").events()]
    assert seen == [("status", "queued", 0), ("status", "in_progress", 1), ("finished", "complete", 1)]
    asked = [headers.get("Last-Event-ID") for *_, headers, _ in gateway.requests]
    assert asked == [None, None, None, "1", "1", "3", "3"]
    assert {path for _, path, *_ in gateway.requests} == {"/jobs/a/events"}
    assert {headers["Authorization"] for *_, headers, _ in gateway.requests} == {"Bearer k3y"}
    assert gateway.retries("connection") >= 3


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (problem(401, "unauthorized"), Unauthorized),
        (problem(403, "forbidden"), Forbidden),
        (problem(404, "job-not-found"), JobNotFound),
        (problem(503, "unavailable", retryable=True), GatewayUnavailable),
        (problem(503, "misconfigured"), GatewayUnavailable),
        (page(200), GatewayUnavailable),
        (page(404), UnexpectedAnswer),
        (answer(302, {}), UnexpectedAnswer),
        (streamed(), GatewayUnavailable),
        (streamed(("status", "1", "nonsense")), UnexpectedAnswer),
        (streamed(("gone", "1", '{"status": 410, "code": "result-not-kept"}')), ResultGone),
        (hang_up, GatewayUnavailable),
    ],
)
async def test_errors(reply: Reply, error: type[Exception]) -> None:
    gateway = Gateway(reply)
    async with gateway.client(request_timeout=0.3) as client:
        with pytest.raises(error):
            async for _ in client.job("a").events():
                pass


async def test_there_is_no_gateway() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with Client(url, request_timeout=0.2, registry=CollectorRegistry()) as client:
        with pytest.raises(GatewayUnavailable, match="cannot be reached"):
            await anext(client.job("a").events())
