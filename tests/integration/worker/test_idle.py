"""Idle workers: one of each queue polls for jobs that wake nobody, the others sleep."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from harness.jobs.silent import enqueue_silently
from harness.servers.redis_server import RedisServer
from harness.systems.held import Held
from harness.systems.workers import burst, busy, enqueue, outcome, working
from harness.waiting import eventually_async
from jobgate.arq import Worker
from jobgate.broker import Broker
from jobgate.broker.scripts import script
from jobgate.worker import func

QUEUE = "arq:queue"
#: Seconds within which a job that wakes nobody must start on a busy machine; a sleeping worker takes 45.
SOON = 15.0


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


ADD = func(add, name="add")


@pytest.fixture
def client(server: RedisServer) -> redis.Redis:
    return server.client()


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[Broker]:
    async with Broker(server.url) as made:
        yield made


def poller(client: redis.Redis, queue: str = QUEUE) -> str:
    """Return the id of the worker that polls a queue; empty if none does."""
    found: Any = client.get(f"{queue}:job-poller")
    return (found or b"").decode().partition(" ")[0]


async def polled_by(client: redis.Redis, *workers: Worker, queue: str = QUEUE) -> Worker:
    """Wait until one of these workers polls a queue, and return it."""

    async def found() -> list[Worker]:
        return [one for one in workers if one.worker_id == poller(client, queue)]

    (worker,) = await eventually_async(found, what=f"a worker that polls {queue}")
    return worker


async def found_by(client: redis.Redis, *workers: Worker) -> Worker:
    """Enqueue a job that runs until it may end; return the worker that found it."""
    await polled_by(client, *workers)
    enqueue_silently(client, "long", "hold")

    async def found() -> list[Worker]:
        return [one for one in workers if len(one.jobs)]

    (worker,) = await eventually_async(found, what="the worker that runs the job")
    return worker


def calls(client: redis.Redis, command: str) -> int:
    stats: Any = client.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


async def test_the_outcome_of_a_short_job_leaves_before_the_worker_waits_for_more(
    server: RedisServer, client: redis.Redis, broker: Broker
) -> None:
    names = {script(name).sha: name for name in ("claim", "finish")}
    async with (
        working([ADD], server.url, poll_delay=30) as worker,
        Redis.from_url(server.url) as watching,
        watching.monitor() as monitor,
    ):
        await polled_by(client, worker)
        job_id = await enqueue(broker, "add", 1, 2)
        assert (await outcome(broker, job_id)).result == 3
        sent: list[str] = []
        while sent[-1:] != ["finish"]:
            entry = await monitor.next_command()
            command, first, *_ = f"{entry['command']} ".split(" ")
            if command == "BLPOP" or (command == "EVALSHA" and first in names):
                sent.append(names.get(first, command))
    assert sent[-2:] == ["claim", "finish"]


async def test_a_fleet_polls_no_more_than_one_worker_does(server: RedisServer, client: redis.Redis) -> None:
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(working([ADD], server.url, poll_delay=0.2)) for _ in range(20)
        ]

        async def asleep() -> bool:
            blocked: Any = client.info("clients")
            return bool(blocked["blocked_clients"] == len(workers))

        await eventually_async(asleep, what="20 workers that wait")
        before = calls(client, "blpop")
        await asyncio.sleep(2)
        polls = calls(client, "blpop") - before
        # One worker polls 10 times in 2 s, and 20 do so 200 times.
        assert 4 <= polls <= 30


async def test_a_silent_job_is_found_and_many_of_them_wake_the_others(
    server: RedisServer, client: redis.Redis, broker: Broker
) -> None:
    held = Held()
    async with (
        working(held.functions, server.url, max_jobs=2) as first,
        working(held.functions, server.url, max_jobs=2) as second,
    ):
        await polled_by(client, first, second)
        for number in range(4):
            enqueue_silently(client, f"j{number}", "hold")
        async with asyncio.timeout(SOON):
            await busy(first, 2)
            await busy(second, 2)
        held.may_end.set()
        for number in range(4):
            assert (await outcome(broker, f"j{number}")).success


async def test_a_poller_without_room_is_replaced(
    server: RedisServer, client: redis.Redis, broker: Broker
) -> None:
    held = Held()
    functions = [*held.functions, ADD]
    async with (
        working(functions, server.url, max_jobs=1) as first,
        working(functions, server.url, max_jobs=1) as second,
    ):
        full = await found_by(client, first, second)
        free = second if full is first else first
        await polled_by(client, free)
        enqueue_silently(client, "short", "add", 1, 2)
        assert (await outcome(broker, "short", SOON)).result == 3
        held.may_end.set()


async def test_a_poller_that_stops_is_replaced(
    server: RedisServer, client: redis.Redis, broker: Broker
) -> None:
    held = Held()
    functions = [*held.functions, ADD]
    async with (
        working(functions, server.url, job_completion_wait=60, max_jobs=2) as first,
        working(functions, server.url, job_completion_wait=60, max_jobs=2) as second,
    ):
        ended = await found_by(client, first, second)
        ended.stop()
        await polled_by(client, second if ended is first else first)
        enqueue_silently(client, "short", "add", 1, 2)
        assert (await outcome(broker, "short", SOON)).result == 3
        held.may_end.set()


async def test_each_queue_has_a_poller_and_a_sleeper_is_woken(
    server: RedisServer, client: redis.Redis, broker: Broker
) -> None:
    async with working([ADD], server.url, queues=["a", "b"]) as both:
        await polled_by(client, both, queue="a")
        async with working([ADD], server.url, queues=["b", "c"]) as other:
            await polled_by(client, other, queue="c")
            assert poller(client, "b")
            for queue in ("a", "b", "c"):
                enqueue_silently(client, queue, "add", 1, 2, queue=queue)
                assert (await outcome(broker, queue, SOON)).result == 3
        await polled_by(client, both, queue="b")
        enqueue_silently(client, "again", "add", 1, 2, queue="b")
        assert (await outcome(broker, "again", SOON)).result == 3


async def test_who_looks_earlier_polls(server: RedisServer, client: redis.Redis, broker: Broker) -> None:
    async with working([ADD], server.url, poll_delay=40) as patient:
        await polled_by(client, patient)
        async with working([ADD], server.url, poll_delay=0.2) as eager:
            await polled_by(client, eager)
            enqueue_silently(client, "j", "add", 1, 2)
            assert (await outcome(broker, "j", SOON)).result == 3


async def test_a_sleeper_takes_the_place_of_a_poller_that_looks_later(
    server: RedisServer, client: redis.Redis
) -> None:
    async with working([ADD], server.url, poll_delay=0.2) as eager:
        await polled_by(client, eager)
        # As if others were named: first one that looks earlier, so that this worker sleeps.
        client.set(f"{QUEUE}:job-poller", "x 1", px=60_000)
        before = calls(client, "evalsha")

        async def asleep() -> bool:
            return calls(client, "evalsha") >= before + 2  # a claim, and a heartbeat

        await eventually_async(asleep, what="a claim")
        client.set(f"{QUEUE}:job-poller", "x 4100000000000", px=60_000)
        async with asyncio.timeout(SOON):
            await polled_by(client, eager)


async def test_a_deferred_job_is_not_late_because_another_worker_polls(
    server: RedisServer, client: redis.Redis, broker: Broker
) -> None:
    async with working([ADD], server.url, poll_delay=40) as first:
        await polled_by(client, first)
        async with working([ADD], server.url, poll_delay=40):
            job_id = await enqueue(broker, "add", 1, 2, defer_by=0.5)
            assert (await outcome(broker, job_id, SOON)).result == 3


async def test_a_burst_worker_is_no_poller(server: RedisServer, client: redis.Redis, broker: Broker) -> None:
    job_id = await enqueue(broker, "add", 1, 2, defer_by=0.5)
    await burst([ADD], server.url)
    assert (await outcome(broker, job_id)).result == 3
    assert not poller(client)


async def test_a_paused_queue_is_polled(server: RedisServer, client: redis.Redis, broker: Broker) -> None:
    await broker.pause()
    async with working([ADD], server.url) as first, working([ADD], server.url) as second:
        await polled_by(client, first, second)
        enqueue_silently(client, "j", "add", 1, 2)
        await broker.resume()
        assert (await outcome(broker, "j", SOON)).result == 3


async def test_a_lost_name_is_replaced(server: RedisServer, client: redis.Redis, broker: Broker) -> None:
    """A worker that was killed leaves a name that expires, and the next heartbeat of another notices."""
    client.set(f"{QUEUE}:job-poller", "dead 1700000000000", px=1500)
    async with working([ADD], server.url) as worker:
        await polled_by(client, worker)
        enqueue_silently(client, "j", "add", 1, 2)
        assert (await outcome(broker, "j", SOON)).result == 3
