"""A cron job on workers that are killed and that come late: each time runs once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.processes.commands import Process, Processes
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker

JOBS = """
import os
from jobgate.worker import cron

async def note(ctx):
    file = os.open(os.environ["HISTORY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{ctx['job_id']} {os.getpid()}\\n".encode())
    os.close(file)

class WorkerSettings:
    cron_jobs = [
        cron(note, name="second", second=None),
        cron(note, name="start", month=2, day=29, run_at_startup="once"),
    ]
"""


class History:
    """What ran where: id and process of each run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def runs(self, name: str) -> list[tuple[str, int]]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        pairs = [line.split() for line in lines if line.startswith(f"{name}:")]
        return [(job_id, int(pid)) for job_id, pid in pairs]

    def wait_for(self, count: int) -> list[tuple[str, int]]:
        """Wait for so many further seconds, and return what ran in them."""
        before = len(self.runs("second"))
        eventually(lambda: len(self.runs("second")) >= before + count, timeout=60, what=f"{count} runs more")
        return self.runs("second")[before:]


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def test_each_time_runs_once_whatever_becomes_of_the_workers(
    processes: Processes, tmp_path: Path, redis_url: str, broker: Broker
) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    history = History(tmp_path / "history")

    def start() -> Process:
        environment = {"HISTORY": str(tmp_path / "history")}
        return processes.worker("jobs.WorkerSettings", redis_url, cwd=tmp_path, env=environment)

    first, second, third = start(), start(), start()
    last_id, _ = (await asyncio.to_thread(history.wait_for, 2))[-1]

    async def ended() -> bool:
        return await broker.view(last_id) is None

    await eventually_async(ended, what=f"the end of {last_id}: what dies in a run would be lost by right")
    first.kill()
    await asyncio.to_thread(history.wait_for, 2)
    late = start()
    assert second.terminate() == 0, second.log
    await asyncio.to_thread(history.wait_for, 3)
    for worker in (third, late):
        assert worker.terminate() == 0, worker.log
    dues = sorted(int(job_id.split(":")[1]) for job_id, _ in history.runs("second"))
    assert dues == list(range(dues[0], dues[-1] + 1000, 1000)), "each second, each once"
    assert [job_id for job_id, _ in history.runs("start")] == ["start:startup"]
