"""`async for event in client.events()`: what happens to all jobs, the same over HTTP and over Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from prometheus_client import CollectorRegistry

from harness.http.fake_gateway import Gateway, problem
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.tools import free_port
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.client import (
    BlockingClient,
    Client,
    Forbidden,
    GatewayUnavailable,
    InvalidRequest,
    QueueEvent,
    QueueEventKind,
)


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url) as running:
        yield running


@pytest.fixture(params=["http", "redis"])
async def url(request: pytest.FixtureRequest, gateway: RunningGateway, redis_url: str) -> str:
    return gateway.url if request.param == "http" else redis_url


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[PlayedWorker]:
    async with Broker(redis_url) as broker:
        yield PlayedWorker(broker)


async def listened_to(worker: PlayedWorker, queue: str = "arq:queue") -> None:
    """Return when somebody looks on."""

    async def is_listened_to() -> bool:
        command = worker.broker._core.link.command
        return bool(await command("EXISTS", worker.broker.keys.listeners(queue)))

    await eventually_async(is_listened_to, what=f"somebody who listens to {queue}")


async def jobs(events: AsyncIterator[QueueEvent], count: int) -> list[QueueEvent]:
    """Return the next events of jobs; a gap in between, such as on a slow machine, does not count."""
    found: list[QueueEvent] = []
    while len(found) < count:
        event = await anext(events)
        if event.kind is not QueueEventKind.GAP:
            found.append(event)
    return found


async def test_what_happens_to_jobs(url: str, worker: PlayedWorker) -> None:
    async with (
        Client(url, registry=CollectorRegistry()) as client,
        asyncio.timeout(60),
        aclosing(client.events()) as events,
    ):
        reading = asyncio.create_task(jobs(events, 3))
        await listened_to(worker)
        await client.enqueue("f", _job_id="a")
        await worker.run_one(1)
        seen = await reading
        assert [(event.kind.value, event.job_id) for event in seen] == [
            ("enqueued", "a"),
            ("started", "a"),
            ("finished", "a"),
        ]
        assert {(event.function, event.queue) for event in seen} == {("f", "arq:queue")}
        assert [event.success for event in seen] == [None, None, True]
        info = await client.job("a").info()
        assert seen[0].time == info.enqueue_time
        assert seen[2].time is not None


async def test_one_function_of_one_queue(url: str, worker: PlayedWorker) -> None:
    async with (
        Client(url, registry=CollectorRegistry()) as client,
        asyncio.timeout(60),
        aclosing(client.events(queue="mail:queue", function="f")) as events,
    ):
        reading = asyncio.create_task(jobs(events, 2))
        await listened_to(worker, "mail:queue")
        for number, (function, queue) in enumerate(
            [("f", "arq:queue"), ("g", "mail:queue"), ("f", "mail:queue"), ("f", "mail:queue")]
        ):
            await client.enqueue(function, _queue=queue, _job_id=f"j{number}")
        assert [event.job_id for event in await reading] == ["j2", "j3"]


async def test_blocking_callers_see_the_same(url: str, worker: PlayedWorker) -> None:
    def follow() -> str:
        with BlockingClient(url, registry=CollectorRegistry()) as client:
            for event in client.events():
                if event.kind is QueueEventKind.ENQUEUED:
                    return event.job_id
        return ""

    following = asyncio.create_task(asyncio.to_thread(follow))
    await listened_to(worker)
    async with Client(url, registry=CollectorRegistry()) as client:
        await client.enqueue("f", _job_id="a")
    assert await asyncio.wait_for(following, 60) == "a"


async def test_names_that_no_queue_has(url: str) -> None:
    async with Client(url, registry=CollectorRegistry()) as client:
        with pytest.raises(InvalidRequest):
            await anext(client.events(queue="arq:abort"))


async def test_nobody_answers() -> None:
    for scheme in ("http", "redis"):
        url = f"{scheme}://127.0.0.1:{free_port()}"
        async with Client(url, request_timeout=0.3, registry=CollectorRegistry()) as client:
            with pytest.raises(GatewayUnavailable):
                await anext(client.events())


async def test_a_refusal() -> None:
    gateway = Gateway(problem(403, "forbidden"))
    async with gateway.client() as client:
        with pytest.raises(Forbidden):
            await anext(client.events(queue="a b", function="f&g"))
    ((_, path, _, _),) = gateway.requests
    assert path == "/events?queue=a+b&function=f%26g"
