"""Paused queues, as callers and workers see them; each script alone is in test_transitions.py."""

import asyncio

from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, busy, enqueue, outcome, working
from jobgate.broker import Broker


async def add(ctx: dict[str, object], a: int) -> int:
    return a + 1


async def sleep(ctx: dict[str, object], seconds: float) -> None:
    await asyncio.sleep(seconds)


ALL = [add, sleep]


async def test_a_pause_leaves_running_jobs_and_ends_with_a_wake_token(server: RedisServer) -> None:
    async with Broker(server.url) as broker, working(ALL, server.url, poll_delay=60) as worker:
        running = await enqueue(broker, "sleep", 0.5)
        await busy(worker)
        await broker.pause()
        assert await broker.is_paused()
        waiting = await enqueue(broker, "add", 1)
        assert (await outcome(broker, running)).success
        depth = await broker.queue_depth()
        assert (depth.queued, depth.in_progress, depth.is_paused) == (1, 0, True)
        await broker.resume()
        assert (await outcome(broker, waiting)).result == 2
        assert not await broker.is_paused()
        assert not (await broker.queue_depth()).is_paused


async def test_a_claim_whose_answer_was_lost_brings_its_jobs_although_the_queue_is_paused_now(
    server: RedisServer,
) -> None:
    async with Broker(server.url) as broker:
        job_id = await enqueue(broker, "add", 1)
        for _ in range(2):
            (job,) = (await broker.claim("arq:queue", 1, worker_id="w", token="w:1")).jobs
            assert (job.lease.job_id, job.lease.tries) == (job_id, 1)
            await broker.pause()


async def test_other_queues_go_on(redis_url: str) -> None:
    async with Broker(redis_url) as broker, working(ALL, redis_url, queues=["mail", "urgent"]):
        await broker.pause("mail")
        waiting = await enqueue(broker, "add", 1, queue="mail")
        assert (await outcome(broker, await enqueue(broker, "add", 2, queue="urgent"))).result == 3
        assert await broker.result(waiting) is None
        await broker.resume("mail")
        assert (await outcome(broker, waiting)).result == 2


async def test_burst_does_not_wait_for_the_end_of_a_pause(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        await broker.pause()
        job_id = await enqueue(broker, "add", 1)
        worker = await burst(ALL, redis_url)
        assert worker.jobs_complete == 0
        view = await broker.view(job_id)
        assert view is not None
        assert (view.status, view.tries) == ("queued", 0)


async def test_queues_are_found_and_nothing_else(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        assert await broker.queues() == ["arq:queue"]
        await enqueue(broker, "add", 1, queue="mail")
        await broker.pause("quiet")
        with server.client() as client:
            client.zadd("scores", {"somebody": 5})
            client.zadd("arq:abort", {"x": 5})
            client.zadd("idle:workers", {"w": 5})
            client.set("arq:result:somebody:paused", "{}")
        assert await broker.queues() == ["arq:queue", "idle", "mail", "quiet"]


async def test_depths_of_many_queues_are_read_in_steps(server: RedisServer) -> None:
    names = [f"q{number}" for number in range(45)]
    with server.client() as client:
        for number, name in enumerate(names):
            client.zadd(name, {f"job{each}": 1.0 for each in range(number * 40)} | {"later": 4e12})
        client.delete("q7")
        client.rpush("q7", "x")
    async with Broker(server.url) as broker:
        found = await broker.queue_depths(names)
        assert [one and one.queue for one in found] == [name if name != "q7" else None for name in names]
        assert [one.queued for one in found if one] == [each * 40 for each in range(45) if each != 7]
        assert {one.deferred for one in found if one} == {1}
        assert await broker.queue_depths([]) == []
