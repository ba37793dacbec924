"""A message between broker and Redis is lost: nothing is lost, doubled or misreported for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from harness.jobs.database import Content, Expiring, about, content, seed
from harness.jobs.leases import let_run_out
from harness.jobs.records import QUEUE, first_result, request_of
from harness.servers.losing_proxy import Loss, Proxy, proxy_to
from harness.servers.redis_server import RedisServer
from jobgate.broker import (
    AbortAnswer,
    Broker,
    BrokerFull,
    BrokerUnavailable,
    ClaimedJob,
    Enqueued,
    IdempotencyKey,
    JobBody,
    JobOptions,
    JobRequest,
    JobResult,
    Transition,
    WriteInDoubt,
)

#: Every message of a short exchange: the handshake of a connection, EVALSHA, EVAL.
POSITIONS = range(1, 6)
LOSSES: list[Loss] = ["request", "answer"]

every_loss = pytest.mark.parametrize("loss", LOSSES)
every_position = pytest.mark.parametrize("position", POSITIONS)


async def running_job(broker: Broker, proxy: Proxy, loss: Loss, position: int) -> Any:
    await broker.enqueue(JobRequest(function="add", job_id="a"))
    (job,) = (await broker.claim(QUEUE, 1, worker_id="w", token="w:1")).jobs
    proxy.lose(loss, position)
    return job


@every_loss
@every_position
async def test_enqueue_creates_one_job(redis_server: RedisServer, loss: Loss, position: int) -> None:
    redis_server.reset()
    async with proxy_to(redis_server.port) as proxy, Broker(proxy.url) as broker:
        proxy.lose(loss, position)
        answers = [await broker.enqueue(JobRequest(function="add", job_id=f"a{n}")) for n in range(5)]
        assert proxy.lost
    assert all(answer.created for answer in answers)
    with redis_server.client() as client:
        assert client.zcard(QUEUE) == 5
        assert len(client.keys("arq:job:*")) == 5


@asynccontextmanager
async def enqueue_without_answer(
    server: RedisServer, **options: Any
) -> AsyncIterator[tuple[Broker, Broker, "asyncio.Task[Enqueued]", ClaimedJob]]:
    """An enqueue whose first answer is lost, while another broker has claimed its job already."""
    server.reset()
    async with (
        Broker(server.url) as worker,
        proxy_to(server.port) as proxy,
        Broker(proxy.url) as broker,
    ):
        await broker.enqueue(JobRequest(function="add", job_id="warm"))
        await worker.claim(QUEUE, 1, worker_id="w", token="w:1")
        proxy.lose("answer", 1)
        enqueue = asyncio.create_task(broker.enqueue(request_of("add", job_id="a", **options)))
        claim = await worker.claim(QUEUE, 1, worker_id="w", token="w:2")
        while not claim.jobs:
            claim = await worker.claim(QUEUE, 1, worker_id="w", token="w:2")
        yield broker, worker, enqueue, claim.jobs[0]


def result_of(body: JobBody) -> JobResult:
    """Return what a worker stores when it has run a job."""
    options = JobOptions(request_token=body.options.request_token)
    return replace(
        first_result(options=options), function=body.function, enqueue_time_ms=body.enqueue_time_ms
    )


async def test_enqueue_is_known_again_when_the_job_has_ended_meanwhile(redis_server: RedisServer) -> None:
    """The answer is lost, a worker runs the job to its end, then the repeated call finds its result."""
    async with enqueue_without_answer(redis_server) as (_, worker, enqueue, job):
        await worker.finish(job.lease, result_of(worker.decode_job(job.body or b"")), keep=60)
        assert (await enqueue).created


async def test_enqueue_is_known_again_when_the_job_has_ended_and_nothing_was_kept(
    redis_server: RedisServer,
) -> None:
    async with enqueue_without_answer(redis_server) as (broker, worker, enqueue, job):
        await worker.finish(job.lease, first_result(), keep=0)
        assert (await enqueue).created
        assert not (await worker.claim(QUEUE, 1, worker_id="w", token="w:3")).jobs
        assert (await broker.enqueue(JobRequest(function="add", job_id="a"))).created, "another request may"


@pytest.mark.parametrize("state", ["running", "ended", "ended, nothing kept"])
async def test_enqueue_under_an_idempotency_key_whose_answer_was_lost_has_created_its_job(
    redis_server: RedisServer, state: str
) -> None:
    key = IdempotencyKey(digest="k", request_digest="d")
    async with enqueue_without_answer(redis_server, idempotency=key) as (broker, worker, enqueue, job):
        if state != "running":
            result = result_of(worker.decode_job(job.body or b""))
            await worker.finish(job.lease, result, keep=60 if state == "ended" else 0)
        first = await enqueue
        assert (first.created, first.replayed) == (True, False)
        second = await broker.enqueue(JobRequest(function="add", job_id="a", idempotency=key))
        assert (second.created, second.replayed, second.job_id) == (False, True, "a")


async def test_enqueue_whose_answer_was_lost_is_known_again_by_a_full_redis(
    redis_server: RedisServer,
) -> None:
    redis_server.reset()
    async with proxy_to(redis_server.port) as proxy, Broker(proxy.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="warm"))
        proxy.lose("answer", 1)
        enqueue = asyncio.create_task(broker.enqueue(JobRequest(function="add", job_id="a")))
        with redis_server.client() as client:
            while not client.exists("arq:job:a"):
                await asyncio.sleep(0)
            client.config_set("maxmemory", "1")
            assert (await enqueue).created


async def test_a_renewal_under_way_does_not_revive_the_lease_of_a_retried_job(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        (job,) = (await broker.claim(QUEUE, 1, worker_id="w", token="w:1")).jobs
        await broker.retry(job.lease, defer=None, score_ms=job.score_ms)
        renewer = broker.lease_renewer()
        assert renewer.renew([job.lease], lease=10).lost == ["a"]
        renewer.close()
        (again,) = (await broker.claim(QUEUE, 1, worker_id="v", token="v:1")).jobs
        assert again.lease.tries == 2


@every_loss
@every_position
async def test_claim_costs_no_try_and_no_job(redis_server: RedisServer, loss: Loss, position: int) -> None:
    redis_server.reset()
    async with proxy_to(redis_server.port) as proxy, Broker(proxy.url) as broker:
        for n in range(5):
            await broker.enqueue(JobRequest(function="add", job_id=f"a{n}"))
        proxy.lose(loss, position)
        claimed: list[ClaimedJob] = []
        for n in range(5):
            try:
                claim = await broker.claim(QUEUE, 1, worker_id="w", token=f"w:{n}")
            except BrokerUnavailable:
                claim = await broker.claim(QUEUE, 1, worker_id="w", token=f"w:{n}")
            claimed += claim.jobs
        assert proxy.lost
    assert sorted(job.lease.job_id for job in claimed) == [f"a{n}" for n in range(5)]
    assert {job.lease.tries for job in claimed} == {1}


async def test_claim_whose_answer_was_lost_is_not_repeated_by_itself(redis_server: RedisServer) -> None:
    redis_server.reset()
    async with proxy_to(redis_server.port) as proxy, Broker(proxy.url) as broker:
        await broker.claim(QUEUE, 1, worker_id="w", token="w:1")
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        proxy.lose("answer", 1)
        with pytest.raises(WriteInDoubt):
            await broker.claim(QUEUE, 1, worker_id="w", token="w:2")
        assert proxy.requests == 1


async def test_claim_is_taken_up_again_after_its_lease_ran_out(redis_server: RedisServer) -> None:
    redis_server.reset()
    async with Broker(redis_server.url) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="a"))
        await broker.claim(QUEUE, 1, worker_id="w", token="w:1", lease=0.001)
        await asyncio.to_thread(_until_due, redis_server)
        (job,) = (await broker.claim(QUEUE, 1, worker_id="w", token="w:1")).jobs
        assert job.lease.tries == 1


async def test_a_claim_that_is_answered_again_begins_a_whole_lease(redis_server: RedisServer) -> None:
    redis_server.reset()
    async with Broker(redis_server.url) as broker:
        for job_id in "ab":
            await broker.enqueue(JobRequest(function="add", job_id=job_id))
        await broker.claim(QUEUE, 2, worker_id="w", token="w:1", lease=20)  # its answer is lost
        with redis_server.client() as client:
            let_run_out(client, "a")  # b is still under its first lease
            claim = await broker.claim(QUEUE, 2, worker_id="w", token="w:1", lease=200)
            assert [job.lease.job_id for job in claim.jobs] == ["a", "b"]
            for job_id in "ab":
                assert client.get(f"arq:in-progress:{job_id}") == b"w:1"
                assert 100 < client.ttl(f"arq:in-progress:{job_id}") <= 200
                assert client.zscore(QUEUE, job_id) > claim.now_ms + 100_000


def _until_due(server: RedisServer) -> None:
    with server.client() as client:
        while client.exists("arq:in-progress:a"):
            pass


@every_loss
@every_position
async def test_finish_ends_the_job_once(redis_server: RedisServer, loss: Loss, position: int) -> None:
    redis_server.reset()
    async with proxy_to(redis_server.port) as proxy, Broker(proxy.url) as broker:
        job = await running_job(broker, proxy, loss, position)
        assert await broker.finish(job.lease, first_result(result=1), keep=60) is Transition.DONE
        # A lost answer to this very call leaves open whether it was done.
        stale = (Transition.STALE, Transition.UNCONFIRMED)
        assert await broker.finish(job.lease, first_result(result=2), keep=60) in stale
    with redis_server.client() as client:
        assert [key for key in client.scan_iter() if not key.startswith(b"arq:queue")] == [b"arq:result:a"]
        assert b'"r":1' in (client.get("arq:result:a") or b"")


@every_loss
@every_position
async def test_retry_release_and_abort(redis_server: RedisServer, loss: Loss, position: int) -> None:
    redis_server.reset()
    async with proxy_to(redis_server.port) as proxy, Broker(proxy.url) as broker:
        job = await running_job(broker, proxy, loss, position)
        assert await broker.retry(job.lease, defer=100, score_ms=job.score_ms) is Transition.DONE
        assert (await broker.view("a")).tries == 1  # type: ignore[union-attr]
        proxy.lose(loss, position)
        assert await broker.abort("a") is AbortAnswer.ABORTED

        proxy.lose("answer", 100)
        await broker.enqueue(JobRequest(function="add", job_id="b"))
        (second,) = (await broker.claim(QUEUE, 1, worker_id="w", token="w:2")).jobs
        proxy.lose(loss, position)
        await broker.release([second])
        view = await broker.view("b")
        assert view is not None
        assert (view.tries, view.due_time_ms) == (0, second.score_ms)


async def test_a_server_that_never_answers_is_an_unknown_outcome(redis_server: RedisServer) -> None:
    redis_server.reset()
    async with Broker(redis_server.url, deadline=1.5) as broker:
        await broker.enqueue(JobRequest(function="add", job_id="warm"))
        redis_server.pause()
        try:
            with pytest.raises(WriteInDoubt):
                await broker.enqueue(JobRequest(function="add", job_id="a"))
        finally:
            redis_server.resume()
        assert (await broker.enqueue(JobRequest(function="add", job_id="b"))).created


async def test_a_server_that_is_not_there_is_no_unknown_outcome(redis_server: RedisServer) -> None:
    redis_server.reset()
    async with Broker(redis_server.url, deadline=1.5) as broker:
        redis_server.kill()
        await asyncio.sleep(0)  # the loop sees that its connections have ended
        with pytest.raises(BrokerUnavailable) as caught:
            await broker.enqueue(JobRequest(function="add", job_id="a"))
        assert not isinstance(caught.value, WriteInDoubt)
        redis_server.start()
        assert (await broker.enqueue(JobRequest(function="add", job_id="a"))).created


async def test_scripts_that_redis_has_forgotten_are_sent_again(redis_server: RedisServer) -> None:
    redis_server.reset()
    async with Broker(redis_server.url) as broker:
        with redis_server.client() as client:
            for n in range(50):
                client.script_flush()
                assert (await broker.enqueue(JobRequest(function="add", job_id=f"a{n}"))).created


async def test_a_full_redis_refuses_new_jobs_and_lets_the_others_end(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        for job_id in "ab":
            await broker.enqueue(JobRequest(function="add", job_id=job_id))
        renewer = broker.lease_renewer()
        with server.client() as client:
            client.config_set("maxmemory", "1")
            before: Content = content(client, 0)
            with pytest.raises(BrokerFull):
                await broker.enqueue(JobRequest(function="add", job_id="c"))
            assert content(client, 0) == about(before)

            first, second = (await broker.claim(QUEUE, 2, worker_id="w", token="w:1")).jobs
            assert not renewer.renew([first.lease, second.lease], lease=10).lost
            assert await broker.finish(first.lease, first_result(), keep=60) is Transition.DONE
            assert await broker.retry(second.lease, defer=5, score_ms=second.score_ms) is Transition.DONE
            assert await broker.abort("b") is AbortAnswer.ABORTED
        renewer.close()


async def test_cancelled_callers_never_see_each_others_answers(redis_server: RedisServer) -> None:
    redis_server.reset()
    with redis_server.client() as client:
        seed(client, {f"arq:result:{n}": Expiring(_stored(n), 60) for n in range(20)})
    async with Broker(redis_server.url) as broker:

        async def read(n: int, after: int) -> None:
            task = asyncio.ensure_future(broker.result(str(n)))
            for _ in range(after):
                await asyncio.sleep(0)
            if after % 3:
                task.cancel()
            (answer,) = await asyncio.gather(task, return_exceptions=True)
            if not isinstance(answer, asyncio.CancelledError):
                assert isinstance(answer, JobResult)
                assert answer.result == n

        for after in range(40):
            await asyncio.gather(*(read(n, after) for n in range(20)))


def _stored(n: int) -> str:
    return f'{{"t":1,"f":"add","a":[],"k":{{}},"et":1,"s":true,"r":{n},"st":2,"ft":3}}'
