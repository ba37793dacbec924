"""A worker that claims a job which it still runs, because its lease ran out: the job goes on, once."""

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest

from harness.jobs.leases import let_run_out
from harness.servers.redis_server import RedisServer
from harness.systems.workers import busy, enqueue, outcome, working
from harness.waiting import PATIENCE, eventually_async
from jobgate.broker import Broker, BrokerUnavailable
from jobgate.broker.transitions import LeaseRenewer
from jobgate.worker import Retry, Worker, func

Ctx = dict[str, Any]
LEASE = 1.0


def let_leases_run_out(server: RedisServer, *ids: str) -> None:
    """Make jobs look to Redis as after a pause that was longer than their leases."""
    with server.client() as client:
        let_run_out(client, *ids)
        client.rpush("arq:queue:wake", "1")


async def claimed_anew(server: RedisServer, job_id: str, tries: int = 2) -> None:
    async def counted() -> bool:
        with server.client() as client:
            return bool(client.get(f"arq:retry:{job_id}") == str(tries).encode())

    await eventually_async(counted, what=f"claim {tries} of {job_id}")


async def noted_as_begun(server: RedisServer, job_id: str) -> None:
    async def noted() -> bool:
        with server.client() as client:
            return str(client.get(f"arq:queue:suspect:{job_id}")).endswith(" 1'")

    await eventually_async(noted, what=f"a note that {job_id} has begun")


async def test_a_job_that_outlives_a_pause_of_redis_runs_once(server: RedisServer) -> None:
    starts: Counter[int] = Counter()

    async def patient(ctx: Ctx, number: int) -> int:
        starts[number] += 1
        await asyncio.sleep(5)
        return int(ctx["job_try"])

    def plain(ctx: Ctx, number: int) -> int:
        starts[number] += 1
        asyncio.run(asyncio.sleep(5))
        return int(ctx["job_try"])

    functions = [func(patient, name="patient", max_tries=1), func(plain, name="plain", max_tries=1)]
    async with Broker(server.url) as broker, working(functions, server.url, lease=LEASE) as worker:
        ids = [await enqueue(broker, ("patient", "plain")[number % 2], number) for number in range(6)]
        await busy(worker, 6)
        server.pause()
        await asyncio.sleep(2.5)  # longer than the lease
        server.resume()
        for job_id in ids:
            result = await outcome(broker, job_id)
            assert (result.success, result.result) == (True, 1), result.failure
    assert starts == Counter(range(6))
    assert b"jobgate_worker_stale_finishes_total 0.0" in worker.metrics.exposition()


async def test_a_job_that_could_not_be_given_back_begins_after_all(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop goes on while nobody knows yet whether the job is given back."""
    starts: Counter[int] = Counter()
    is_tried, is_over = threading.Event(), threading.Event()

    def unanswered(_: LeaseRenewer, claimed: object) -> None:
        is_tried.set()
        assert is_over.wait(PATIENCE)
        raise BrokerUnavailable

    async def block(ctx: Ctx) -> bool:
        return is_tried.wait(PATIENCE)

    async def brief(ctx: Ctx, number: int) -> int:
        starts[number] += 1
        return int(ctx["job_try"])

    monkeypatch.setattr(LeaseRenewer, "release", unanswered)
    functions = [func(block, name="block", max_tries=1), func(brief, name="brief", max_tries=1)]
    async with Broker(server.url) as broker:
        # Of one millisecond, they are claimed by the order of their ids.
        blocking = await enqueue(broker, "block", job_id="0")
        ids = [await enqueue(broker, "brief", number, job_id=f"{number + 1}") for number in range(3)]
        async with working(functions, server.url, lease=LEASE):
            assert (await outcome(broker, blocking)).result is True
            is_over.set()
            results = [await outcome(broker, job_id) for job_id in ids]
    assert [(one.success, one.result) for one in results] == [(True, 1)] * 3, results
    assert starts == Counter(range(3))


async def test_a_job_that_ends_during_a_pause_keeps_its_outcome(server: RedisServer) -> None:
    starts: Counter[int] = Counter()

    async def brief(ctx: Ctx, number: int) -> int:
        starts[number] += 1
        await asyncio.sleep(0.1 * number)
        return number

    functions = [func(brief, name="brief", max_tries=1)]
    async with Broker(server.url) as broker, working(functions, server.url, lease=LEASE) as worker:
        ids = [await enqueue(broker, "brief", number) for number in range(10, 16)]
        await busy(worker, 6)
        server.pause()
        await asyncio.sleep(3)
        server.resume()
        results = [(await outcome(broker, job_id)).result for job_id in ids]
    assert results == list(range(10, 16))
    assert starts == Counter(range(10, 16))


async def test_an_adopted_job_is_given_back_with_all_that_was_not_begun(server: RedisServer) -> None:
    async def hang(ctx: Ctx) -> None:
        await asyncio.Event().wait()

    async with Broker(server.url) as broker:
        async with working([func(hang, name="hang")], server.url, lease=5.0) as worker:
            job_id = await enqueue(broker, "hang")
            await busy(worker)
            for tries in (2, 3):
                let_leases_run_out(server, job_id)
                await claimed_anew(server, job_id, tries)
                await noted_as_begun(server, job_id)
            await adopted(worker, 3)
            assert len(worker.jobs) == 1
        view = await broker.view(job_id)
        assert view is not None
        assert view.tries == 0
        await broker.abort(job_id)


async def test_an_adopted_job_that_asks_for_a_retry_has_used_one_try(server: RedisServer) -> None:
    go_on, tries = asyncio.Event(), []

    async def again(ctx: Ctx) -> int:
        tries.append(ctx["job_try"])
        await go_on.wait()
        if ctx["job_try"] == 1:
            raise Retry
        return int(ctx["job_try"])

    async with Broker(server.url) as broker:
        functions = [func(again, name="again", max_tries=2)]
        async with working(functions, server.url, lease=5.0) as worker:
            job_id = await enqueue(broker, "again")
            await busy(worker)
            let_leases_run_out(server, job_id)
            await adopted(worker, 2)
            go_on.set()
            assert (await outcome(broker, job_id)).result == 2
    assert tries == [1, 2]


async def test_an_adopted_job_still_reports_progress(server: RedisServer) -> None:
    go_on, end = asyncio.Event(), asyncio.Event()

    async def report(ctx: Ctx) -> None:
        await go_on.wait()
        await ctx["progress"](0.5)
        await end.wait()

    functions = [func(report, name="report")]
    async with Broker(server.url) as broker, working(functions, server.url, lease=5.0) as worker:
        job_id = await enqueue(broker, "report")
        await busy(worker)
        let_leases_run_out(server, job_id)
        await adopted(worker, 2)
        go_on.set()

        async def told() -> bool:
            view = await broker.view(job_id)
            return view is not None and view.progress is not None and view.progress.fraction == 0.5

        await eventually_async(told, what="progress")
        end.set()
        assert (await outcome(broker, job_id)).success


async def test_another_job_of_the_same_id_is_not_adopted(server: RedisServer) -> None:
    starts: list[int] = []

    async def number(ctx: Ctx, which: int) -> int:
        starts.append(which)
        if which == 1:
            await asyncio.Event().wait()
        return which

    functions = [func(number, name="number")]
    async with Broker(server.url) as broker, working(functions, server.url, lease=5.0) as worker:
        await enqueue(broker, "number", 1, job_id="same")
        await busy(worker)
        with server.client() as client:  # somebody else took it and ended it
            client.delete("arq:in-progress:same", "arq:retry:same", "arq:job:same")
            client.zrem("arq:queue", "same")
        await enqueue(broker, "number", 2, job_id="same")
        assert (await outcome(broker, "same")).result == 2
    assert starts == [1, 2]


@pytest.mark.parametrize("defer", [None, 0.01])
async def test_a_retried_job_is_a_new_try_however_fast_it_comes_back(
    server: RedisServer, defer: float | None
) -> None:
    tries: Counter[str] = Counter()

    async def again(ctx: Ctx) -> int:
        tries[ctx["job_id"]] += 1
        assert ctx["job_try"] == tries[ctx["job_id"]]
        if ctx["job_try"] < 20:
            raise Retry(defer)
        return int(ctx["job_try"])

    functions = [func(again, name="again", max_tries=20)]
    async with Broker(server.url) as broker, working(functions, server.url, max_jobs=20):
        ids = [await enqueue(broker, "again") for _ in range(20)]
        assert [(await outcome(broker, job_id)).result for job_id in ids] == [20] * 20


async def test_a_renewal_that_meets_the_workers_own_new_claim_is_no_loss(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        job_id = await enqueue(broker, "any")
        first = await broker.claim("arq:queue", 1, worker_id="w", token="w:1")
        let_leases_run_out(server, job_id)
        second = await broker.claim("arq:queue", 1, worker_id="w", token="w:2")
        assert second.jobs[0].lease.tries == 2
        renewer = broker.lease_renewer()
        try:
            assert renewer.renew([first.jobs[0].lease], lease=10).lost == []
            let_leases_run_out(server, job_id)
            await broker.claim("arq:queue", 1, worker_id="other", token="other:1")
            assert renewer.renew([first.jobs[0].lease], lease=10).lost == [job_id]
        finally:
            renewer.close()


async def adopted(worker: Worker, tries: int) -> None:
    async def has_new_lease() -> bool:
        return [job.claimed.lease.tries for job in worker.jobs.snapshot()] == [tries]

    await eventually_async(has_new_lease, what=f"a job under lease {tries}")
