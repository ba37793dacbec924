"""Lists of jobs and of results: complete whatever else is going on, and spoilt by nothing that they find."""

from typing import Any

import pytest
import redis

from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from jobgate.broker import Broker, QueuedJob
from jobgate.broker.views.lists import ResultPage

BODY = b'{"t":null,"f":"add","a":[%d],"k":{},"et":1000}'
RESULT = b'{"t":1,"f":"add","a":[],"k":{},"et":1000,"s":true,"st":2000,"ft":3000,"r":%d}'


async def all_jobs(broker: Broker, queue: str | None = None, limit: int = 100) -> list[QueuedJob]:
    jobs: list[QueuedJob] = []
    page = await broker.queued_jobs(queue, limit=limit)
    while True:
        jobs += page.jobs
        if not page.cursor:
            return jobs
        page = await broker.queued_jobs(queue, cursor=page.cursor, limit=limit)


async def all_pages(broker: Broker, limit: int = 1000) -> list[ResultPage]:
    pages = [await broker.results(limit=limit)]
    while pages[-1].cursor:
        pages.append(await broker.results(cursor=pages[-1].cursor, limit=limit))
    return pages


def used(client: redis.Redis, command: str) -> bool:
    """Whether the server has ever run `command`."""
    stats: Any = client.info("commandstats")
    return f"cmdstat_{command}" in stats


async def test_a_long_queue_comes_in_pages(server: RedisServer) -> None:
    with server.client() as client:
        client.zadd("arq:queue", {f"job-{number}": 1000 + number for number in range(1000)})
        client.mset({f"arq:job:job-{number}": BODY % number for number in range(1000)})
    async with Broker(server.url) as broker:
        first = await broker.queued_jobs(limit=50)
        jobs = await all_jobs(broker, limit=50)
    assert first.cursor
    assert len(first.jobs) < 300
    assert {job.job_id: (job.score_ms, job.body.args) for job in jobs if job.body} == {
        f"job-{number}": (1000 + number, [number]) for number in range(1000)
    }


async def test_bodies_that_are_missing_or_unreadable_spoil_no_list(server: RedisServer) -> None:
    with server.client() as client:
        client.zadd("arq:queue", {"good": 1.5, "lost": 2, "bad": -3})
        client.set("arq:job:good", BODY % 7)
        client.set("arq:job:bad", b"{")
    async with Broker(server.url) as broker:
        jobs = {job.job_id: job for job in await all_jobs(broker)}
        assert await all_jobs(broker, "other") == []
    assert {job_id: (job.score_ms, job.is_lost) for job_id, job in jobs.items()} == {
        "good": (1, False),
        "lost": (2, True),
        "bad": (-3, False),
    }
    assert [job_id for job_id, job in jobs.items() if job.body is not None] == ["good"]


async def test_results_are_scanned_for(server: RedisServer) -> None:
    with server.client() as client:
        client.config_resetstat()
        client.mset({f"arq:result:job-{number}": RESULT % number for number in range(1000)})
        client.mset({f"other:{number}": "x" for number in range(1000)})
        client.set("arq:result:bad", b"{")
        client.rpush("arq:result:list", "x")
        async with Broker(server.url) as broker:
            pages = await all_pages(broker, limit=100)
        assert not used(client, "keys")
        assert used(client, "scan")
    assert len(pages) > 5
    assert max(len(page.results) for page in pages) < 300
    found = {result.job_id: result.result for page in pages for result in page.results}
    assert found == {f"job-{number}": number for number in range(1000)}
    assert {job_id for page in pages for job_id in page.unreadable} == {"bad"}


async def test_a_namespace_is_no_pattern(redis_url: str) -> None:
    async with Broker(redis_url, namespace="[ab]*?\\") as broker, Broker(redis_url, namespace="a") as other:
        for one in (broker, other):
            await one.enqueue(request_of("add", job_id="x", keep_result=60))
            await one.abort("x")
        assert [result.job_id for page in await all_pages(broker) for result in page.results] == ["x"]
        assert [result.job_id for page in await all_pages(other) for result in page.results] == ["x"]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 86_400),
        ({"defer_by": 100.0}, 86_500),
        ({"expires": 10.0, "defer_by": 100.0}, 110),
        ({"expires": 10.0, "defer_by": 100.0, "expires_from_now": True}, 10),
        ({"expires": 10.0, "defer_until_ms": 1, "expires_from_now": True}, 10),
    ],
)
async def test_expiry_counts_from_the_due_time_or_from_now(
    server: RedisServer, options: dict[str, Any], seconds: float
) -> None:
    async with Broker(server.url) as broker:
        await broker.enqueue(request_of("add", job_id="a", **options))
    with server.client() as client:
        left: Any = client.pttl("arq:job:a")
        assert left / 1000 == pytest.approx(seconds, abs=2)
