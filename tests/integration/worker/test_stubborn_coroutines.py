"""Coroutines that ignore the cancellation at their timeout: their jobs end all the same."""

import asyncio
import signal
from pathlib import Path

import pytest

from harness.processes.commands import Processes
from harness.systems.workers import enqueue, outcome
from jobgate.broker import Broker

JOBS = """
import asyncio
from jobgate.worker import func

async def stubborn(ctx, file):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            with open(file, "a") as cancelled:
                cancelled.write("x")

async def slow_to_stop(ctx):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        await asyncio.sleep(0.5)
        return "cleaned up"

async def add(ctx, a, b):
    return a + b

class WorkerSettings:
    functions = [func(stubborn, timeout=0.2), func(slow_to_stop, timeout=0.2), add]
    max_jobs = 1
    max_tries = 3
    lease = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "jobs.py").write_text(JOBS)
    return folder


async def test_its_job_times_out_once_and_holds_up_nobody(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=folder)
    async with Broker(redis_url) as broker:
        stubborn = await enqueue(broker, "stubborn", str(folder / "cancelled"))
        result = await outcome(broker, stubborn)
        assert result.failure is not None
        assert (result.failure.code, result.tries) == ("timeout", 1)
        assert (await outcome(broker, await enqueue(broker, "add", 1, 2))).result == 3
        worker.signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait) == 0
        view = await broker.view(stubborn)
    assert "ignores its cancellation and still runs" in worker.log
    assert view is not None
    assert view.result is not None
    assert view.result.failure == result.failure
    assert worker.log.count("stubborn(") == 1


async def test_one_that_cleans_up_in_time_ends_by_itself(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=folder)
    async with Broker(redis_url) as broker:
        assert (await outcome(broker, await enqueue(broker, "slow_to_stop"))).result == "cleaned up"
    assert "ignores" not in worker.log
