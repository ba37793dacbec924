"""Jobs that kill their worker: they are found within their own tries, and their neighbours lose none."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.processes.commands import Process, Processes
from harness.systems.fleet import Fleet
from harness.systems.workers import busy, enqueue, outcome, working
from harness.waiting import eventually_async
from jobgate.broker import Broker, JobRequest

JOBS = """
import asyncio, os

def note(ctx):
    with open(os.environ["HISTORY"], "a") as file:
        file.write(f"{ctx['job_id']}\\n")

async def work(ctx, seconds):
    note(ctx)
    await asyncio.sleep(seconds)

async def poison(ctx):
    note(ctx)
    await asyncio.sleep(0.01)
    os.kill(os.getpid(), 9)

class WorkerSettings:
    functions = [work, poison]
    max_jobs = 10
    max_tries = 3
    lease = 1
"""


class Workers(Fleet):
    """Workers that are started again whenever they die."""

    def start(self) -> Process:
        words = ("worker", "jobs.WorkerSettings", "--redis", self._url)
        return self._processes.start(*words, cwd=self._folder, env=self.environment)

    def starts(self) -> Counter[str]:
        return Counter(self.history.read_text().splitlines())


@pytest.fixture
def fleet(processes: Processes, tmp_path: Path, redis_url: str) -> Workers:
    return Workers(processes, tmp_path, redis_url, JOBS)


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def drain(fleet: Workers, broker: Broker, workers: int) -> None:
    """Keep so many workers running until the queue is empty."""
    running = [fleet.start() for _ in range(workers)]

    async def is_empty() -> bool:
        running[:] = [one if one.running else fleet.start() for one in running]
        depth = await broker.queue_depth()
        return depth.queued + depth.deferred + depth.in_progress == 0

    await eventually_async(is_empty, timeout=280, what="an empty queue")
    for worker in running:
        worker.kill()


async def check(fleet: Workers, broker: Broker, *, healthy: int, poisons: int, workers: int) -> None:
    requests = [JobRequest(function="work", args=[0.02], job_id=f"healthy{n}") for n in range(healthy)]
    for number in range(poisons):
        place = number * healthy // poisons
        requests.insert(place + number, JobRequest(function="poison", job_id=f"poison{number}"))
    await broker.enqueue_many(requests)
    await drain(fleet, broker, workers)
    failures = {}
    for request in requests:
        result = await outcome(broker, str(request.job_id))
        if result.failure is not None:
            failures[result.job_id] = result.failure.code
    assert failures == {f"poison{number}": "max-tries" for number in range(poisons)}
    assert all(1 <= fleet.starts()[job_id] <= 3 for job_id in failures)  # some die beside their like


@pytest.mark.timeout(300)
async def test_healthy_jobs_beside_poison_do_not_fail(fleet: Workers, broker: Broker) -> None:
    await check(fleet, broker, healthy=12, poisons=1, workers=1)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_150_healthy_jobs_beside_20_poisons_do_not_fail(fleet: Workers, broker: Broker) -> None:
    await check(fleet, broker, healthy=150, poisons=20, workers=2)


async def long(ctx: dict[str, Any]) -> None:
    await ctx["may_end"].wait()


async def short(ctx: dict[str, Any]) -> str:
    return "done"


async def test_a_long_job_whose_worker_died_holds_up_others_for_a_while_only(
    broker: Broker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.worker.jobs.turns._PATIENCE_APART", 0.2)
    may_end = asyncio.Event()
    suspect = await enqueue(broker, "long")
    await broker.claim("arq:queue", 1, worker_id="dead", token="dead:1", lease=0.1)
    async with working({"functions": [long, short]}, redis_url, ctx={"may_end": may_end}) as worker:
        await busy(worker)
        result = await outcome(broker, await enqueue(broker, "short"))
        assert result.success
        may_end.set()
        assert (await outcome(broker, suspect)).tries == 2
