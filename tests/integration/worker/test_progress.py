"""Progress that running jobs report: who can read it, how often it is written, and what harms no job."""

import asyncio
import math
import pickle
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import running_gateway
from harness.systems.workers import burst, enqueue, outcome, working
from harness.waiting import eventually_async
from jobgate.broker import Broker, Progress
from jobgate.client import Client, JobProgress
from jobgate.worker import Deadline, ProgressReporter, Retry
from jobgate.worker.invocation.progress_writer import INTERVAL

Ctx = dict[str, Any]


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


class Gate:
    """Functions that report, then stay until the gate is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.seen = threading.Event()

    async def report(self, ctx: Ctx, fraction: float, message: str | None = None) -> str:
        await ctx["progress"](fraction, message)
        self.entered.set()
        await asyncio.to_thread(self.opened.wait, 100)
        return "done"

    def report_in_thread(self, ctx: Ctx, fraction: float) -> None:
        ctx["progress"](fraction, "from a thread")
        self.opened.wait(100)

    async def report_often(self, ctx: Ctx, times: int) -> None:
        for number in range(times):
            await ctx["progress"]((number + 1) / times, f"{number + 1}")
            await asyncio.sleep(0.001)
        self.entered.set()
        await asyncio.to_thread(self.opened.wait, 100)

    async def report_once_then_retry(self, ctx: Ctx) -> None:
        if ctx["job_try"] == 1:
            await ctx["progress"](0.9)
            await asyncio.to_thread(self.seen.wait, 100)
            raise Retry(0)
        await asyncio.to_thread(self.opened.wait, 100)

    def functions(self) -> dict[str, Any]:
        names = ("report", "report_in_thread", "report_often", "report_once_then_retry")
        return {"functions": [getattr(self, name) for name in names]}


async def said(broker: Broker, job_id: str, fraction: float) -> Progress:
    """Wait for a report."""
    found: list[Progress] = []

    async def reported() -> bool:
        view = await broker.view(job_id)
        if view is not None and view.progress is not None and view.progress.fraction == fraction:
            found.append(view.progress)
        return bool(found)

    await eventually_async(reported, what=f"progress {fraction}")
    return found[0]


@pytest.mark.parametrize("function", ["report", "report_in_thread"])
async def test_progress_is_there_while_the_job_runs_and_gone_with_it(
    broker: Broker, server: RedisServer, function: str
) -> None:
    gate, before = Gate(), time.time() * 1000 - 1000
    async with Broker(server.url) as own, working(gate.functions(), server.url):
        job_id = await enqueue(own, f"Gate.{function}", 0.4)
        progress = await said(own, job_id, 0.4)
        assert before < progress.time_ms < before + 60_000
        assert progress.message == ("from a thread" if function == "report_in_thread" else None)
        with server.client() as client:
            assert client.ttl(f"arq:queue:progress:{job_id}") > 80_000
        gate.opened.set()
        assert (await outcome(own, job_id)).success
        view = await own.view(job_id)
        assert view is not None
        assert view.progress is None
        with server.client() as client:
            assert client.keys("*progress*") == []


async def test_clients_read_it_over_http_and_over_redis(redis_url: str) -> None:
    gate = Gate()
    async with working(gate.functions(), redis_url), running_gateway(redis_url) as gateway:
        for address in (gateway.url, redis_url):
            async with Client(address) as client:
                job = await client.enqueue("Gate.report", 0.25, "page 1 of 4", _job_id=f"job-{len(address)}")

                async def reported() -> JobProgress | None:
                    return await job.progress()  # noqa: B023 - it is awaited in this very round

                progress = await eventually_async(reported, what="progress")
                assert progress is not None
                assert (progress.fraction, progress.message) == (0.25, "page 1 of 4")
                assert progress.time.utcoffset() is not None
                assert (await job.info()).progress == progress
        status, document, _ = await gateway.get(f"/jobs/{job.id}/status")
        assert status == 200
        assert (document["progress"]["fraction"], document["progress"]["message"]) == (0.25, "page 1 of 4")
        gate.opened.set()
        async with Client(redis_url) as client:
            await client.job(job.id).result()
            assert await client.job(job.id).progress() is None


async def test_of_many_reports_a_few_are_written_and_always_the_last(
    broker: Broker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    report = Broker.report_progress

    async def counted(own: Broker, lease: Any, fraction: float, message: str | None = None) -> bool:
        written.append(fraction)
        return await report(own, lease, fraction, message)

    monkeypatch.setattr(Broker, "report_progress", counted)
    gate = Gate()
    async with working(gate.functions(), redis_url):
        began = time.monotonic()
        job_id = await enqueue(broker, "Gate.report_often", 200)
        assert (await said(broker, job_id, 1.0)).message == "200"
        assert len(written) <= 2 + (time.monotonic() - began) / INTERVAL
        gate.opened.set()
        assert (await outcome(broker, job_id)).success


async def test_progress_of_an_earlier_try_counts_no_longer(broker: Broker, redis_url: str) -> None:
    gate = Gate()
    async with working(gate.functions(), redis_url):
        job_id = await enqueue(broker, "Gate.report_once_then_retry")
        await said(broker, job_id, 0.9)
        gate.seen.set()

        async def second_try() -> bool:
            view = await broker.view(job_id)
            return view is not None and view.tries == 2

        await eventually_async(second_try, what="the second try")
        view = await broker.view(job_id)
        assert view is not None
        assert view.progress is None
        gate.opened.set()
        assert (await outcome(broker, job_id)).success


async def test_no_job_fails_because_redis_is_away(
    broker: Broker, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    async with Broker(server.url) as own, working(gate.functions(), server.url):
        job_id = await enqueue(own, "Gate.report_often", 1000)
        await said_something(own, job_id)
        server.kill()
        assert await asyncio.to_thread(gate.entered.wait, 60)
        gate.opened.set()
        server.start()
        assert (await outcome(own, job_id)).success


async def said_something(broker: Broker, job_id: str) -> None:
    async def reported() -> bool:
        view = await broker.view(job_id)
        return view is not None and view.progress is not None

    await eventually_async(reported, what="progress")


async def test_a_job_reads_its_own_deadline(broker: Broker, redis_url: str) -> None:
    async def left(ctx: Ctx) -> str:
        return str(ctx["deadline"].remaining())

    limited = await enqueue(broker, left.__qualname__, timeout=100)
    await burst([left], redis_url)
    assert 60 < float((await outcome(broker, limited)).result) <= 100
    free = await enqueue(broker, left.__qualname__)
    await burst({"functions": [left], "job_timeout": None}, redis_url)
    assert (await outcome(broker, free)).result == "inf"


def test_a_deadline_passes_and_travels() -> None:
    assert Deadline(time.monotonic() - 1).remaining() == 0
    on_its_way = pickle.dumps(Deadline.after(50))
    time.sleep(0.3)
    assert 30 < pickle.loads(on_its_way).remaining() < 49.8, "the way counts"
    assert pickle.loads(pickle.dumps(Deadline(math.inf))).remaining() == math.inf


async def test_what_is_reported_is_made_to_fit() -> None:
    sent: list[tuple[float, str | None]] = []
    report = ProgressReporter(lambda *said: sent.append(said))
    await report(1.0000001)
    report(-3, "x" * 999)
    report(0, "\ud800")
    assert sent == [(1.0, None), (0.0, "x" * 200), (0.0, "?")]
    with pytest.raises(ValueError, match="NaN"):
        report(math.nan)
    with pytest.raises(ValueError, match="could not convert"):
        report("half")  # type: ignore[arg-type]
