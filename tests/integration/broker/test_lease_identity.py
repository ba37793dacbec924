"""A lease that has run out stands until somebody moves the job, and never stands for another job.

Each test is a way to mistake one lease, or one job, for another.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.workers import busy, outcome, working
from jobgate.broker import Broker, ClaimedJob, JobRequest, JobResult, Transition

QUEUE = "arq:queue"
SHORT = 0.05


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[Broker]:
    async with Broker(server.url) as made:
        yield made


async def claimed(broker: Broker, token: str, *, lease: float = 10, queue: str = QUEUE) -> ClaimedJob:
    worker = token.partition(":")[0]
    async with asyncio.timeout(30):
        while not (jobs := (await broker.claim(queue, 1, worker_id=worker, token=token, lease=lease)).jobs):
            await asyncio.sleep(0.001)  # until it is due
    return jobs[0]


def run_out(server: RedisServer, job: ClaimedJob) -> None:
    """Wait for the end of a lease."""
    with server.client() as client:
        while client.exists(f"arq:in-progress:{job.lease.job_id}"):
            time.sleep(0.005)
        time.sleep(0.005)  # the score ends in the same millisecond


def result(job: ClaimedJob, returned: Any, *, success: bool = True) -> JobResult:
    return JobResult(
        job_id=job.lease.job_id,
        function="f",
        args=[],
        kwargs={},
        tries=job.lease.tries,
        success=success,
        result=returned,
        enqueue_time_ms=1,
        start_time_ms=2,
        finish_time_ms=3,
        queue=job.lease.queue,
    )


async def enqueue(broker: Broker, **options: Any) -> bool:
    return (await broker.enqueue(request_of("f", job_id="a", **options))).created


async def test_a_lease_that_has_run_out_still_stands_while_nobody_has_moved_the_job(
    server: RedisServer, broker: Broker
) -> None:
    await enqueue(broker)
    job = await claimed(broker, "w:1", lease=SHORT)
    run_out(server, job)
    assert await broker.finish(job.lease, result(job, 1), keep=60) is Transition.DONE


async def test_a_late_finish_does_not_end_another_job_of_the_same_id(
    server: RedisServer, broker: Broker
) -> None:
    await enqueue(broker)
    frozen = await claimed(broker, "frozen:1", lease=SHORT)
    run_out(server, frozen)
    second = await claimed(broker, "second:1")
    assert await broker.finish(second.lease, result(second, "first job"), keep=0) is Transition.DONE

    assert await enqueue(broker)
    died = await claimed(broker, "second:2", lease=SHORT)
    assert died.lease.tries == frozen.lease.tries
    run_out(server, died)
    assert await broker.finish(frozen.lease, result(frozen, "first job"), keep=60) is Transition.STALE
    assert await broker.result("a") is None
    assert (await claimed(broker, "third:1")).lease.tries == 2


async def test_a_repeated_finish_does_not_end_a_job_that_counts_from_its_tries_on(broker: Broker) -> None:
    await enqueue(broker)
    job = await claimed(broker, "w:1")
    assert await broker.finish(job.lease, result(job, 1), keep=0) is Transition.DONE
    assert await enqueue(broker, first_try=2)
    assert await broker.finish(job.lease, result(job, 1), keep=0) is Transition.DONE, "as the first time"
    assert (await claimed(broker, "w:2")).lease.tries == 2


async def test_a_repeated_retry_does_not_move_a_job_that_was_given_back_since(broker: Broker) -> None:
    await enqueue(broker)
    job = await claimed(broker, "w:1")
    assert await broker.retry(job.lease, defer=0, score_ms=job.score_ms) is Transition.DONE
    again = await claimed(broker, "v:1")
    await broker.release([again])
    renewer = broker.lease_renewer()
    assert renewer.renew([job.lease], lease=10).lost == ["a"]
    renewer.close()
    await broker.retry(job.lease, defer=100, score_ms=job.score_ms)
    assert (await claimed(broker, "v:2")).lease.tries == 2


async def test_a_job_that_has_ended_elsewhere_keeps_its_result(server: RedisServer, broker: Broker) -> None:
    """Its id lies in two queues: the body of the first job expired, the second was enqueued elsewhere."""
    await enqueue(broker, queue="old")
    with server.client() as client:
        client.delete("arq:job:a")  # as at the end of `expires`
    assert await enqueue(broker, queue="new")
    job = await claimed(broker, "w:1", queue="new")
    assert await broker.finish(job.lease, result(job, "kept"), keep=60) is Transition.DONE
    assert (await broker.claim("old", 1, worker_id="w", token="w:2")).jobs == []
    with server.client() as client:
        assert client.exists("old", "arq:in-progress:a", "arq:retry:a") == 0
    kept = await broker.result("a")
    assert kept is not None
    assert kept.result == "kept"


async def hang(ctx: dict[str, Any]) -> int:
    if ctx["enqueue_time"].timestamp() + 1.5 > time.time():
        await asyncio.Event().wait()
    return int(ctx["job_try"])


async def test_a_job_that_began_in_time_does_not_expire_by_being_given_back(
    server: RedisServer, broker: Broker
) -> None:
    async with working([hang], server.url) as worker:
        enqueued = await broker.enqueue(JobRequest(function="hang", expires=1))
        await busy(worker)
        await asyncio.sleep(1.6)  # beyond `expires`
    view = await broker.view(enqueued.job_id)
    assert view is not None
    assert (view.body is not None, view.tries) == (True, 0)
    async with working([hang], server.url):
        assert (await outcome(broker, enqueued.job_id)).result == 1


async def test_the_next_due_time_is_never_told_too_early(server: RedisServer, broker: Broker) -> None:
    """A worker that wakes too early finds nothing, and waits for `poll_delay` once more."""
    score = round(time.time() * 1000) + 50_000.5
    with server.client() as client:
        client.zadd(QUEUE, {"a": score})
    claim = await broker.claim(QUEUE, 1, worker_id="w", token="w:1")
    assert claim.next_due_in is not None
    assert claim.now_ms + round(claim.next_due_in * 1000) >= score
