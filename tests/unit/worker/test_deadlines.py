"""One timer serves the deadlines of all running jobs."""

import asyncio
import time
from typing import Any

import pytest

from harness.systems.runs import running_job
from jobgate.worker.functions import RunLimits
from jobgate.worker.jobs.deadlines import Deadlines
from jobgate.worker.jobs.running_job import RunningJob


def begun(job_id: str, timeout: float | None) -> RunningJob:
    job = running_job(job_id)
    job.limits = RunLimits(timeout=timeout, max_tries=1, keep=None)
    job.enter_running()
    return job


async def test_jobs_reach_their_deadlines_in_order_whatever_their_timeouts() -> None:
    reached: asyncio.Queue[str] = asyncio.Queue()
    deadlines = Deadlines(lambda job: reached.put_nowait(job.job_id))
    jobs = [begun(f"job-{timeout}", timeout) for timeout in (0.06, 0.02, None, 0.04, 300.0)]
    for job in (*jobs, ended := begun("ended", 0.02)):
        deadlines.watch(job)
    deadlines.forget(ended)
    time.sleep(0.05)  # noqa: ASYNC251 (a loop that is held up comes to several at once)
    async with asyncio.timeout(10):
        assert [await reached.get() for _ in range(3)] == ["job-0.02", "job-0.04", "job-0.06"]
    for job in jobs:
        deadlines.forget(job)
    deadlines.close()
    assert reached.empty()


async def test_jobs_that_end_in_time_need_no_timers_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, timers = asyncio.get_running_loop(), 0
    set_timer = loop.call_later

    def counted(*args: Any, **options: Any) -> asyncio.TimerHandle:
        nonlocal timers
        timers += 1
        return set_timer(*args, **options)

    monkeypatch.setattr(loop, "call_later", counted)
    reached: asyncio.Queue[RunningJob] = asyncio.Queue()
    deadlines = Deadlines(reached.put_nowait)
    for number in range(100):
        deadlines.watch(job := begun(f"job-{number}", 0.02))
        deadlines.forget(job)
    assert timers == 1
    monkeypatch.undo()
    last = begun("last", 0.02)
    deadlines.watch(last)
    assert await asyncio.wait_for(reached.get(), 10) is last
    deadlines.close()
