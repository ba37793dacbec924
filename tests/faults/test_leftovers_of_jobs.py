"""A coroutine that is cancelled at a stop may leave a call or a program behind: none may run twice at once.

Functions write a line when their work outside of the event loop begins.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.processes.commands import Processes
from harness.systems.fleet import Fleet
from harness.systems.workers import busy, enqueue, working
from harness.waiting import eventually, fast_enough
from jobgate.broker import Broker

JOBS = """
import asyncio, concurrent.futures, os, sys, threading, time
import jobgate.worker.worker

def note(*words):
    with open(os.environ["HISTORY"], "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

def work(number):
    note("begin", number, os.getpid())
    time.sleep(600)
    note("end", number, os.getpid())

async def startup(ctx):
    ctx["pool"] = concurrent.futures.ProcessPoolExecutor(2)

async def in_pool(ctx):
    await asyncio.get_running_loop().run_in_executor(ctx["pool"], work, ctx["job_try"])

async def in_thread(ctx):
    await asyncio.gather(asyncio.to_thread(work, ctx["job_try"]))

async def in_program(ctx):
    code = f"import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    program = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=-1)
    note("begin", ctx["job_try"], int(await program.stdout.readline()))
    await program.wait()

async def leaves_a_thread(ctx):
    # No need to wait for all of it: the thread does not end.
    jobgate.worker.worker.STOP_GRACE = 0.5
    threading.Thread(target=work, args=[1]).start()

async def hang(ctx):
    note("begin", ctx["job_try"], os.getpid())
    await asyncio.sleep(600)

class WorkerSettings:
    functions = [in_pool, in_thread, in_program, leaves_a_thread, hang]
    on_startup = startup
"""


class Workers(Fleet):
    """Workers whose functions write down what they do."""

    def begun(self, count: int) -> list[tuple[int, int]]:
        """Wait for so many beginnings; return the number of the try and the process of each."""

        def lines() -> list[str]:
            found = self.history.read_text().splitlines()
            return found if len(found) >= count else []

        words = [line.split() for line in eventually(lines, what=f"{count} beginnings")]
        return [(int(number), int(pid)) for _, number, pid in words]


@pytest.fixture
def fleet(processes: Processes, tmp_path: Path, redis_url: str) -> Workers:
    return Workers(processes, tmp_path, redis_url, JOBS)


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("function", ["in_pool", "in_thread", "in_program"])
async def test_work_outside_of_the_loop_has_ended_before_its_job_runs_elsewhere(
    fleet: Workers, broker: Broker, function: str
) -> None:
    running = fleet.start()
    await enqueue(broker, function)
    await enqueue(broker, "hang")
    fleet.begun(2)

    async def move() -> float:
        nonlocal running
        before = fleet.begun(2)
        stopping, running = running, fleet.start()
        asked = time.monotonic()
        stopping.signal(signal.SIGTERM)
        after = fleet.begun(len(before) + 2)
        took = time.monotonic() - asked
        assert not [pid for _, pid in before if pid != stopping.pid and lives(pid)], "it still runs"
        assert {number for number, _ in after} == {1}, "no try is used up"
        assert stopping.wait() == 0
        return took

    await fast_enough(move, 1.0, what="the move of two jobs")


async def test_a_thread_that_a_job_has_left_does_not_keep_the_process(fleet: Workers, broker: Broker) -> None:
    worker = fleet.start()
    await enqueue(broker, "leaves_a_thread")
    fleet.begun(1)
    assert worker.terminate() == 0
    assert "they end with this process" in worker.log


async def test_a_call_that_outlives_its_worker_keeps_the_try(
    broker: Broker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a program of the user's own neither the call nor the process can be ended."""
    monkeypatch.setattr("jobgate.worker.runs.shutdown.STOP_GRACE", 0.5)
    may_end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result()

    async def in_thread(ctx: dict[str, Any]) -> None:
        await asyncio.to_thread(wait)

    async with working([in_thread], redis_url) as worker:
        job_id = await enqueue(broker, in_thread.__qualname__)
        await busy(worker)
    view = await broker.view(job_id)
    may_end.set()
    assert view is not None
    assert (view.status, view.tries) == ("in_progress", 1)
