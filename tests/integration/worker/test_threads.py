"""Plain functions in threads, which nobody can stop."""

import asyncio
import functools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.processes.commands import Processes
from harness.systems.workers import enqueue, outcome, working
from harness.waiting import eventually, eventually_async, fast_enough
from jobgate.broker import Broker, FailureCode, JobBody
from jobgate.worker import Settings, func
from jobgate.worker.invocation import Invoker

Ctx = dict[str, Any]


async def test_threads_that_cannot_be_stopped_starve_no_later_job(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, starts = threading.Event(), []

    def hang(ctx: Ctx) -> bool:
        return go_on.wait(60)

    def brief(ctx: Ctx) -> int:
        starts.append(ctx["job_id"])
        return 1

    functions = [func(hang, name="hang", timeout=0.3), func(brief, name="brief")]
    async with Broker(redis_url) as broker, working(functions, redis_url, max_jobs=2):
        stuck = [await enqueue(broker, "hang") for _ in range(4)]
        ids = [await enqueue(broker, "brief") for _ in range(4)]
        failures = [(await outcome(broker, job_id)).failure for job_id in stuck]
        assert {failure.code for failure in failures if failure} == {FailureCode.TIMEOUT}
        assert [(await outcome(broker, job_id)).result for job_id in ids] == [1] * 4
        assert sorted(starts) == sorted(ids)

        async def told() -> bool:
            return "(4 such threads)" in caplog.text

        await eventually_async(told, what="a word of the four")
        assert all(
            f"job {job_id}:hang was stopped, but its function still runs" in caplog.text for job_id in stuck
        )
        go_on.set()


async def test_a_call_that_is_stopped_before_its_thread_begins_never_begins() -> None:
    go_on = threading.Event()
    calls: list[Any] = []
    [function] = Settings.of([func(calls.append, name="note")]).resolved().values()
    invoker = Invoker(max_processes=1, max_jobs=1, on_abandoned=lambda *_: None)
    invoker._threads = ThreadPoolExecutor(1)
    blocker = invoker._threads.submit(go_on.wait, 30)
    body = JobBody(function="note", args=(), kwargs={}, enqueue_time_ms=0)
    call = asyncio.ensure_future(invoker.invoke(function, {}, body))
    await asyncio.sleep(0)
    assert invoker.busy_threads == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()
    blocker.result()
    invoker._threads.submit(int).result()  # all before it is done
    assert calls == []

    async def none_is_busy() -> bool:
        return invoker.busy_threads == 0

    await eventually_async(none_is_busy, what="no busy thread")
    invoker.close()


JOBS = """
import os, time

def block(ctx, seconds):
    with open(os.environ["HISTORY"], "a") as file:
        print(time.monotonic(), ctx["job_try"], file=file)
    time.sleep(seconds)

async def hang(ctx):
    import asyncio
    await asyncio.sleep(100)

class WorkerSettings:
    functions = [block, hang]
"""


async def test_sigterm_moves_jobs_in_threads_within_a_second(
    processes: Processes, tmp_path: Path, redis_url: str
) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    history = tmp_path / "history"
    history.touch()
    start = functools.partial(
        processes.worker, "jobs.WorkerSettings", redis_url, cwd=tmp_path, env={"HISTORY": str(history)}
    )
    running = start()

    def lines(count: int) -> list[str] | None:
        return found if len(found := history.read_text().splitlines()) >= count else None

    async def move() -> float:
        nonlocal running
        before = len(history.read_text().splitlines())
        stopping, running = running, start()
        asked = time.monotonic()
        stopping.signal(signal.SIGTERM)
        again = eventually(lambda: lines(before + 3), what="three more starts")
        assert again is not None
        assert stopping.wait() == 0
        starts = [line.split() for line in again[before:]]
        assert [number for _, number in starts] == ["1", "1", "1"], "no try burnt"
        return max(float(at) for at, _ in starts) - asked

    async with Broker(redis_url) as broker:
        for _ in range(3):
            await enqueue(broker, "block", 100)
        await enqueue(broker, "hang")
        eventually(lambda: lines(3), what="three starts")
        await fast_enough(move, 1.0, what="the move of three jobs")
