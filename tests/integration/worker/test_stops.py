"""How a worker stops, and how it lives through a Redis that is unavailable or full."""

import asyncio
import itertools
import logging
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from harness.servers.redis_server import RedisServer
from harness.systems.held import Held
from harness.systems.workers import burst, busy, enqueue, outcome, working
from harness.tools import free_port
from harness.waiting import eventually_async
from jobgate.broker import Broker, BrokerFull, BrokerUnavailable, Claim, JobStatus, RedisSettings
from jobgate.worker import Worker, WorkerError
from jobgate.worker.vitals.liveness import LOOP_STALL

Ctx = dict[str, Any]


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


async def sleep(ctx: Ctx, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return int(ctx["job_try"])


async def clean_up(ctx: Ctx) -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(0.2)
        return "cleaned up"
    return "slept"


ALL = [add, sleep, clean_up]


async def test_stopping_gives_running_jobs_back_with_their_try(server: RedisServer) -> None:
    async with Broker(server.url) as broker:
        async with working(ALL, server.url) as worker:
            ids = [await enqueue(broker, "sleep", 60) for _ in range(5)]
            await busy(worker, 5)
            began = time.monotonic()
        assert time.monotonic() - began < 30, "the jobs take twice as long"
        with server.client() as client:
            assert client.exists(*(f"arq:retry:{job_id}" for job_id in ids)) == 0
            assert client.exists(*(f"arq:in-progress:{job_id}" for job_id in ids)) == 0
        for job_id in ids:
            view = await broker.view(job_id)
            assert view is not None
            assert (view.status, view.tries) == (JobStatus.QUEUED, 0)
            assert await broker.abort(job_id)
        assert worker.jobs_retried == 5


async def test_a_worker_without_room_stops_at_once_too(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        async with working(ALL, redis_url, max_jobs=2) as worker:
            ids = [await enqueue(broker, "sleep", 60) for _ in range(3)]
            await busy(worker, 2)
            await asyncio.sleep(0.1)  # it has come to wait for room
            began = time.monotonic()
        assert time.monotonic() - began < 30, "room would be in a minute"
        for job_id in ids:
            await broker.abort(job_id)


async def test_jobs_of_a_claim_that_is_answered_after_the_stop_are_given_back(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, has_claimed, may_answer = Broker.claim, asyncio.Event(), asyncio.Event()

    async def held_back(broker: Broker, *args: Any, **options: Any) -> Claim:
        answer = await claim(broker, *args, **options)
        if answer.jobs:
            has_claimed.set()
            await may_answer.wait()
        return answer

    monkeypatch.setattr(Broker, "claim", held_back)
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, "add", 1)
        async with working(ALL, redis_url) as worker:
            await has_claimed.wait()
            worker.stop()
            may_answer.set()
        view = await broker.view(job_id)
        assert view is not None
        assert (view.status, view.tries) == (JobStatus.QUEUED, 0)


async def test_another_worker_starts_them_at_once(redis_url: str) -> None:
    go_on = asyncio.Event()

    async def gated(ctx: Ctx) -> int:
        await go_on.wait()
        return int(ctx["job_try"])

    options = {"redis_settings": redis_url, "handle_signals": False, "lease": 300, "poll_delay": 60}
    async with Broker(redis_url) as broker:
        first, second = (Worker([gated], **options) for _ in range(2))
        runs = [asyncio.create_task(first.async_run())]
        job_id = await enqueue(broker, gated.__qualname__)
        await busy(first)
        runs.append(asyncio.create_task(second.async_run()))
        first.stop()
        await busy(second)  # sooner than a poll, or the end of the lease, would let it
        go_on.set()
        assert (await outcome(broker, job_id)).result == 1, "the first try was given back"
        second.stop()
        await asyncio.gather(*runs)


async def test_job_completion_wait_lets_jobs_end(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        async with working(ALL, redis_url, job_completion_wait=10) as worker:
            job_id = await enqueue(broker, "sleep", 0.4)
            await busy(worker)
        assert (await outcome(broker, job_id)).success
        assert worker.jobs_complete == 1


async def test_progress_is_written_as_long_as_a_job_may_end(redis_url: str) -> None:
    may_end = asyncio.Event()

    async def report(ctx: Ctx) -> None:
        for number in itertools.count(1):
            ctx["progress"](number / 1_000_000)
            if may_end.is_set():
                return
            await asyncio.sleep(0.01)

    async with Broker(redis_url) as broker:
        written: set[float] = set()

        async def go_on() -> bool:
            view = await broker.view(job_id)
            written.update([view.progress.fraction] if view and view.progress else [])
            return len(written) > 4

        async with working([report], redis_url, job_completion_wait=60) as worker:
            job_id = await enqueue(broker, report.__qualname__)
            await busy(worker)
            worker.stop()
            await eventually_async(go_on, what="further reports after the stop")
            may_end.set()
            assert (await outcome(broker, job_id)).success


async def test_leases_are_renewed_as_long_as_jobs_may_end(server: RedisServer) -> None:
    held = Held()
    running = working(held.functions, server.url, lease=1, job_completion_wait=60)
    async with Broker(server.url) as broker, running as worker:
        job_id = await enqueue(broker, "hold")
        await busy(worker)
        worker.stop()
        with server.client() as client:

            async def end_of_lease() -> float:
                score = client.zscore("arq:queue", job_id)
                assert isinstance(score, float)
                return score

            first = await end_of_lease()

            async def is_renewed() -> bool:
                return await end_of_lease() > first + 1500

            await eventually_async(is_renewed, what="several renewals after the stop")
        held.may_end.set()
        assert (await outcome(broker, job_id)).success


async def _is(value: bool) -> bool:
    return value


async def test_no_connection_outlives_a_run(server: RedisServer) -> None:
    async def on_shutdown(ctx: Ctx) -> None:
        await ctx["redis"].ping()

    with server.client() as client:
        before = len(client.client_list())
        async with working(ALL, server.url, on_shutdown=on_shutdown) as worker:
            await eventually_async(lambda: _is(worker.liveness.consuming()), what="a worker that consumes")
            assert len(client.client_list()) > before

        async def as_before() -> bool:
            return len(client.client_list()) == before

        await eventually_async(as_before, what="the end of all connections")


async def test_a_second_stop_hurries(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        began = time.monotonic()
        async with working(ALL, redis_url, job_completion_wait=60) as worker:
            job_id = await enqueue(broker, "sleep", 60)
            await busy(worker)
            worker.stop()
            asyncio.get_running_loop().call_later(0.1, worker.stop)
        assert time.monotonic() - began < 40
        await broker.abort(job_id)


async def test_a_job_that_cleans_up_may_end_although_the_stop_is_in_a_hurry(redis_url: str) -> None:
    """The second stop ends the wait for jobs, not the grace of those that are cancelled."""
    ends: list[str] = []

    async def clean_up_then_note(ctx: Ctx) -> None:
        await clean_up(ctx)
        ends.append("job")

    async def on_shutdown(ctx: Ctx) -> None:
        ends.append("worker")

    options = {"job_completion_wait": 60, "on_shutdown": on_shutdown}
    async with Broker(redis_url) as broker:
        async with working([clean_up_then_note], redis_url, **options) as worker:
            job_id = await enqueue(broker, clean_up_then_note.__qualname__)
            await busy(worker)
            await asyncio.sleep(0)
            worker.stop()
            worker.stop()
        assert ends == ["job", "worker"]
        assert (await outcome(broker, job_id)).success


async def test_a_job_that_cleans_up_when_cancelled_may_end(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        async with working(ALL, redis_url) as worker:
            job_id = await enqueue(broker, "clean_up")
            await busy(worker)
        assert (await outcome(broker, job_id)).result == "cleaned up"


async def test_without_retry_jobs_a_cancelled_job_fails(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        async with working(ALL, redis_url, retry_jobs=False) as worker:
            job_id = await enqueue(broker, "sleep", 60)
            await busy(worker)
        assert not (await outcome(broker, job_id)).success


async def test_a_job_in_a_thread_keeps_its_lease_while_the_thread_runs(server: RedisServer) -> None:
    go_on = threading.Event()

    def plain(ctx: Ctx) -> bool:
        return go_on.wait(30)

    async with Broker(server.url) as broker:
        async with working([plain], server.url) as worker:
            job_id = await enqueue(broker, plain.__qualname__)
            await busy(worker)
            worker.stop()
            await asyncio.sleep(0)
            with server.client() as client:
                assert client.exists(f"arq:in-progress:{job_id}")
            go_on.set()
        assert (await outcome(broker, job_id)).result is True


async def test_a_lost_lease_cancels_the_job_and_drops_its_outcome(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Broker(server.url) as broker, working(ALL, server.url, lease=1.0) as worker:
        job_id = await enqueue(broker, "sleep", 60)
        await busy(worker)
        with server.client() as client, caplog.at_level(logging.WARNING, "jobgate.worker"):
            client.set(f"arq:in-progress:{job_id}", "somebody-else", px=60_000)
            await idle(worker)
            assert client.get(f"arq:in-progress:{job_id}") == b"somebody-else"
        assert worker.metrics.exposition().count(b"jobgate_worker_leases_lost_total 1.0") == 1
        assert "lost its lease" in caplog.text
        assert await broker.result(job_id) is None


async def test_an_outcome_that_comes_too_late_is_dropped_and_counted(server: RedisServer) -> None:
    go_on = asyncio.Event()

    async def gated(ctx: Ctx) -> None:
        await go_on.wait()

    async with Broker(server.url) as broker, working([gated], server.url, lease=300) as worker:
        job_id = await enqueue(broker, gated.__qualname__)
        await busy(worker)
        with server.client() as client:
            client.set(f"arq:in-progress:{job_id}", "somebody-else", px=60_000)
        go_on.set()
        await idle(worker)
        assert b"jobgate_worker_stale_finishes_total 1.0" in worker.metrics.exposition()
        assert b"jobgate_worker_leases_lost_total 1.0" in worker.metrics.exposition()
        assert await broker.result(job_id) is None


async def test_a_worker_lives_through_a_restart_of_redis(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    async with Broker(server.url) as broker, working(ALL, server.url, lease=2.0) as worker:
        during = await enqueue(broker, "sleep", 1.0)
        await busy(worker)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(1.2)  # the function ends while nothing can be written

        async def told() -> bool:
            return "no jobs can be claimed, still retrying" in caplog.text

        await eventually_async(told, what="a word of the outage")
        await asyncio.to_thread(server.start)
        assert (await outcome(broker, during)).result == 1
        assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2
    assert "jobs can be claimed again" in caplog.text
    assert "Traceback" not in caplog.text


async def test_jobs_run_and_end_while_redis_is_full(server: RedisServer) -> None:
    async def blob(ctx: Ctx) -> str:
        return "x" * 100_000

    async with Broker(server.url) as broker:
        ids = [await enqueue(broker, blob.__qualname__) for _ in range(10)]
        with server.client() as client:
            client.config_set("maxmemory", "1mb")
            with pytest.raises(BrokerFull):
                await enqueue(broker, blob.__qualname__)
            async with working([blob], server.url):
                results = [await outcome(broker, job_id) for job_id in ids]
    assert {(result.success, result.tries) for result in results} == {(True, 1)}


async def test_the_lease_is_kept_while_the_outcome_cannot_be_written(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """For however long that takes: the first minute is over here."""
    with server.client() as client:
        # ZREM is what ends a job; all else goes on.
        client.execute_command("ACL", "SETUSER", "w", "reset", "on", ">p", "~*", "&*", "+@all", "-zrem")
        try:
            async with Broker(server.url) as broker:
                job_id = await enqueue(broker, "add", 1)
                async with working(ALL, server.url.replace("//", "//w:p@")) as worker:

                    async def is_refused() -> bool:
                        return f"job {job_id}:add: outcome not written yet" in caplog.text

                    async def is_kept() -> bool:
                        return job.renew_until > time.monotonic()

                    await eventually_async(is_refused, what="a refused outcome")
                    (job,) = worker.jobs.snapshot()
                    job.renew_until = time.monotonic() - 1
                    await eventually_async(is_kept, what="a lease that is kept")
                    client.execute_command("ACL", "SETUSER", "w", "+zrem")
                    assert (await outcome(broker, job_id)).result == 2
        finally:
            client.execute_command("ACL", "DELUSER", "w")


async def test_a_worker_without_redis_says_so_and_ends() -> None:
    settings = RedisSettings(port=free_port(), conn_retries=0, conn_retry_delay=0)
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        await Worker(ALL, redis_settings=settings).async_run()


async def idle(worker: Worker) -> None:
    async def runs_nothing() -> bool:
        return not len(worker.jobs)

    await eventually_async(runs_nothing, what="a worker without jobs")


async def serving(worker: Worker) -> int:
    async def port() -> int | None:
        return worker.metrics_port

    found = await eventually_async(port, what="a metrics port")
    assert found is not None
    return found


def get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_metrics_and_livez(redis_url: str) -> None:
    async with Broker(redis_url) as broker, working(ALL, redis_url, metrics_port=0) as worker:
        await outcome(broker, await enqueue(broker, "add", 1))
        await idle(worker)
        status, text = await asyncio.to_thread(get, worker.metrics_port, "/metrics")
        assert status == 200
        for line in (
            'jobgate_worker_jobs_total{function="add",outcome="success"} 1.0',
            'jobgate_worker_run_seconds_count{function="add"} 1.0',
            'jobgate_worker_queue_wait_seconds_bucket{function="add",le="1800.0"} 1.0',
            "jobgate_worker_in_progress 0.0",
            "jobgate_worker_leases_lost_total 0.0",
            "jobgate_worker_loop_lag_seconds ",
        ):
            assert line in text
        assert await asyncio.to_thread(get, worker.metrics_port, "/livez") == (200, "consuming\n")
        assert (await asyncio.to_thread(get, worker.metrics_port, "/other"))[0] == 404


async def test_jobs_whose_function_has_ended_are_not_in_progress(redis_url: str) -> None:
    may_end = asyncio.Event()

    async def hold(ctx: Ctx) -> None:
        await may_end.wait()

    settings = {"max_jobs": 2, "metrics_port": 0, "on_job_end": hold}
    async with Broker(redis_url) as broker, working([add, sleep], redis_url, **settings) as worker:
        for _ in range(2):
            await enqueue(broker, "add", 1)
        await busy(worker, 2)
        for _ in range(2):
            await enqueue(broker, "sleep", 60)
        await busy(worker, 4)
        _, text = await asyncio.to_thread(get, worker.metrics_port, "/metrics")
        may_end.set()
        assert "jobgate_worker_in_progress 2.0\n" in text


async def test_a_blocked_loop_is_seen_from_outside(redis_url: str) -> None:
    async with working(ALL, redis_url, metrics_port=0) as worker:
        port = await serving(worker)

        async def is_consuming() -> bool:  # while it starts it may block the loop
            return worker.liveness.consuming()

        await eventually_async(is_consuming, what="a worker that consumes")
        worker.liveness.pulse.stop()
        worker.liveness.pulse.last_beat -= LOOP_STALL + 1
        # This very thread is the loop's: the answer comes from another one while it is blocked here.
        status, text = get(port, "/livez")
        assert (status, "has been blocked" in text) == (503, True)


async def test_a_port_that_is_taken_is_named(redis_url: str) -> None:
    async with working(ALL, redis_url, metrics_port=0) as worker:
        port = await serving(worker)
        with pytest.raises(WorkerError, match=f"port {port} on 127.0.0.1"):
            await burst(ALL, redis_url, metrics_port=port)
