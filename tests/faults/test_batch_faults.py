"""Batches while Redis is killed, and operations on many jobs while others do the same."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from harness.forms import LONG
from harness.http.line_streams import LineStream, line, line_stream
from harness.http.operations import end_due, enqueue_many, result_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, running_gateway
from jobgate.broker import Broker

LINES, KILLS = (20_000, 10) if LONG else (3_000, 2)


async def results_of(stream: LineStream, server: RedisServer) -> list[dict[str, Any]]:
    """Send lines while Redis is killed now and then; return what is answered of each."""

    async def send() -> None:
        for first in range(0, LINES, 100):
            await stream.send(*(line(job_id=f"j{one}") for one in range(first, first + 100)))
            await asyncio.sleep(0.002)
        await stream.finish()

    sending = asyncio.create_task(send())
    for kill in range(KILLS):
        while len(stream.results) < LINES * (kill + 1) // (KILLS + 2):
            await stream.result()
        server.kill()
        while (await stream.result())["status"] == 202:
            pass
        await asyncio.to_thread(server.start)
    results = await stream.rest()
    await sending
    return results


async def test_what_a_batch_answers_is_true_although_redis_is_killed(
    make_server: Callable[[], RedisServer],
) -> None:
    server = make_server()
    async with (
        running_gateway(server.url, redis_deadline=0.3) as gateway,
        line_stream(gateway.port) as stream,
    ):
        results = await results_of(stream, server)
    assert len(results) == LINES
    with server.client() as client:
        stored = {job_id.decode() for job_id in client.zrange("arq:queue", 0, -1)}
    told: Counter[str] = Counter()
    for number, result in enumerate(results):
        code = result["problem"]["code"] if "problem" in result else "accepted"
        told[code] += 1
        if code == "accepted":
            assert f"j{number}" in stored, "it was acknowledged"
        elif code != "outcome-unknown":
            assert f"j{number}" not in stored, code
    assert KILLS <= LINES - told["accepted"] < LINES


async def test_two_operations_on_two_gateways_retry_each_job_once(redis_url: str) -> None:
    number = 5_000 if LONG else 150
    async with (
        Broker(redis_url) as broker,
        running_gateway(redis_url, bulk_at_once=3) as one,
        running_gateway(redis_url, bulk_at_once=3) as other,
    ):
        ids = await enqueue_many(broker, (f"job-{one:04}" for one in range(number)))
        await end_due(PlayedWorker(broker))
        document = {"filter": {"function": "add"}}
        answers = await asyncio.gather(*(each.post("/bulk/retry", document) for each in (one, other) * 2))
        results = [await result_of(one, answer) for answer in answers]
        assert sum(result["retried"] for result in results) == number
        assert all(
            result["retried"] + result["skipped"].get("already-retried", 0) == number for result in results
        )
        again = await end_due(PlayedWorker(broker))
        views = [await broker.view(job.lease.job_id) for job in again]
        assert sorted(str(view.retry_of) for view in views if view) == ids
