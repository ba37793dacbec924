"""What workers publish of their functions, and how soon gateways know of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis

from harness.systems.gateways import PlayedWorker, RunningGateway, functions_known, running_gateway
from harness.systems.workers import working
from harness.waiting import eventually_async, fast_enough
from jobgate.broker import Availability, Broker, LiveFunctions, WorkerRecord
from jobgate.broker.catalogue import LONGEST_CATALOGUE
from jobgate.worker import Worker, func

#: Seconds within which a gateway knows of a change.
SOON = 2.0
RECORDS, CATALOGUES = "arq:queue:worker:*", "arq:queue:catalogue:*"


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


async def other_add(ctx: dict[str, Any], a: int, b: int, c: int) -> int:
    return a + b + c


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[LiveFunctions]:
    """What a gateway knows that reads only now and then, never because of a request."""
    async with Broker(redis_url) as broker:
        found = broker.live_functions
        found.begin_to_watch(["arq:queue"])
        watching = asyncio.create_task(found.watch())
        yield found
        watching.cancel()


async def seconds_until(probe: Any) -> float:
    start = time.monotonic()

    async def is_true() -> bool:
        return bool(probe())

    await eventually_async(is_true)
    return time.monotonic() - start


def names_of(live: LiveFunctions, function: str = "add") -> list[list[str]]:
    """The names of the parameters in each version of a function."""
    documents = live.documents(function, "arq:queue")
    return sorted([each.name for each in one.parameters or ()] for one in documents)


async def test_a_start_a_change_and_a_stop_are_known_soon(live: LiveFunctions, redis_url: str) -> None:
    async def slowest() -> float:
        took = []
        async with working([func(add, name="add")], redis_url) as first:
            await eventually_async(lambda: announced(redis_url, first))
            took.append(await seconds_until(lambda: names_of(live) == [["a", "b"]]))
            async with working([func(other_add, name="add")], redis_url) as second:
                await eventually_async(lambda: announced(redis_url, second))
                took.append(await seconds_until(lambda: names_of(live) == [["a", "b"], ["a", "b", "c"]]))
            took.append(await seconds_until(lambda: names_of(live) == [["a", "b"]]))
        took.append(await seconds_until(lambda: not live.names))
        return max(took)

    await fast_enough(slowest, SOON, what="the way of a change to a gateway")


async def announced(url: str, worker: Worker) -> bool:
    with redis.Redis.from_url(url) as client:
        return bool(client.exists(f"arq:queue:worker:{worker.worker_id}"))


async def status(gateway: RunningGateway) -> int:
    return (await gateway.post("/jobs/add", {"args": [1, 2]}))[0]


async def test_requests_are_refused_soon_after_the_last_worker_with_a_function_stops(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, working([func(add, name="sub")], redis_url):
        await functions_known(gateway)
        assert await status(gateway) == 404

        async def seconds_until_refused() -> float:
            async with working([func(add, name="add")], redis_url) as worker:
                await eventually_async(lambda: announced(redis_url, worker))
                assert await status(gateway) == 202, "at once: Redis is asked before a refusal"
            start = time.monotonic()
            while await status(gateway) != 404:
                await asyncio.sleep(0.01)
            return time.monotonic() - start

        await fast_enough(seconds_until_refused, SOON, what="the first refusal")


async def test_a_heartbeat_does_not_grow_with_the_number_of_functions(redis_url: str) -> None:
    sizes = []
    with redis.Redis.from_url(redis_url) as client:
        for count in (1, 500):
            functions = [func(add, name=f"add_{number}") for number in range(count)]
            async with working(functions, redis_url) as worker:
                await eventually_async(lambda worker=worker: announced(redis_url, worker))  # type: ignore[misc]
                (record,) = client.scan_iter(RECORDS, count=1000)
                sizes.append(len(client.get(record)))
        assert sizes[0] == sizes[1] < 550
        assert len(list(client.scan_iter(CATALOGUES, count=1000))) == 2


async def test_workers_that_run_the_same_code_publish_one_catalogue(redis_url: str) -> None:
    async with working([func(add, name="add")], redis_url), working([func(add, name="add")], redis_url):
        with redis.Redis.from_url(redis_url) as client:

            async def both() -> bool:
                return len(list(client.scan_iter(RECORDS, count=1000))) == 2

            await eventually_async(both)
            (key,) = client.scan_iter(CATALOGUES, count=1000)
            assert 100_000 < client.pttl(key) <= 120_000


async def test_whoever_reads_the_first_record_finds_what_it_names(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []
    announce = Broker.announce

    async def seen(broker: Broker, record: WorkerRecord, **options: Any) -> Any:
        found.append(await broker.catalogue(record.catalogue or "") is not None)
        return await announce(broker, record, **options)

    monkeypatch.setattr(Broker, "announce", seen)
    async with working([func(add, name="add")], redis_url) as worker:
        await eventually_async(lambda: announced(redis_url, worker))
    assert found[0]


@pytest.mark.parametrize("loss", ["all data", "the catalogue", "another type", "other content"])
async def test_a_catalogue_that_is_lost_is_published_again(
    redis_url: str, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.worker.vitals.announcer._INTERVAL", 0.05)
    async with working([func(add, name="add")], redis_url) as worker:
        await eventually_async(lambda: announced(redis_url, worker))
        with redis.Redis.from_url(redis_url) as client:
            (key,) = client.scan_iter(CATALOGUES, count=1000)
            stored = client.get(key)
            if loss == "all data":
                client.flushall()
            client.delete(key)
            if loss == "another type":
                client.rpush(key, "x")
            elif loss == "other content":
                client.set(key, "x")

            async def is_back() -> bool:
                return bool(client.type(key) == b"string" and client.get(key) == stored)

            await eventually_async(is_back)


@asynccontextmanager
async def spoilt(redis_url: str) -> AsyncIterator[tuple[Broker, redis.Redis, str]]:
    """A worker, and the key of its catalogue."""
    async with Broker(redis_url) as broker:
        worker = PlayedWorker(broker, "add")
        await worker.announce()
        with redis.Redis.from_url(redis_url) as client:
            yield broker, client, broker.keys.catalogue(worker.catalogue.encode()[0])


#: What may be in place of a catalogue.
OTHERS: dict[str, Any] = {
    "nothing": lambda client, key: client.delete(key),
    "a list": lambda client, key: client.delete(key) and client.rpush(key, "x"),
    "10 MB": lambda client, key: client.setrange(key, 10_000_000, "x"),
    "one byte too many": lambda client, key: client.setrange(key, LONGEST_CATALOGUE, "x"),
    "other content": lambda client, key: client.set(key, '{"name":"f"}'),
    "nothing in it": lambda client, key: client.set(key, ""),
    "zeros": lambda client, key: client.setrange(key, LONGEST_CATALOGUE - 1, "x"),
}


@pytest.mark.parametrize("name", OTHERS)
async def test_nothing_is_refused_because_of_a_catalogue_that_cannot_be_read(
    redis_url: str, name: str
) -> None:
    async with spoilt(redis_url) as (broker, client, key):
        OTHERS[name](client, key)
        sent = client.info("stats")["total_net_output_bytes"]
        assert await broker.live_functions.find("nope", "arq:queue") is Availability.POSSIBLE
        if name in ("10 MB", "one byte too many"):
            assert client.info("stats")["total_net_output_bytes"] - sent < 1_000_000, "it is not transferred"
        async with running_gateway(redis_url) as gateway:
            assert (await gateway.post("/jobs/nope"))[0] == 202
            wait = await gateway.post("/jobs/add", headers={"Prefer": "wait=0.1"})
            assert wait[0] == 202, "a live worker may run it: not `no-worker`"


async def test_one_worker_s_catalogue_spoils_no_other(redis_url: str) -> None:
    async with spoilt(redis_url) as (broker, client, key):
        await PlayedWorker(broker, "sub", name="other").announce()
        client.set(key, "x")
        assert await broker.live_functions.find("sub", "arq:queue") is Availability.OFFERED
        assert await broker.live_functions.find("add", "arq:queue") is Availability.POSSIBLE
