"""Coroutines that block the event loop of their worker: each job runs once, and no outcome is dropped.

Nobody is killed here. Functions note each start, as in test_worker_faults.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.processes.commands import Processes
from harness.systems.fleet import Fleet
from harness.systems.workers import enqueue, outcome, working
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker, Claim, JobRequest

LEASE = 1.5
#: A due time before all others, unix ms.
FIRST = 1_000_000
JOBS = f"""
import asyncio, os, time
from jobgate.worker.jobs import running_job as running

def note(word, ctx):
    with open(os.environ["HISTORY"], "a") as file:
        file.write(f"{{word}} {{ctx['job_id']}} {{ctx['job_try']}} {{os.getpid()}}\\n")

async def block(ctx, seconds):
    note("start", ctx)
    time.sleep(seconds)
    return os.getpid()

async def stay(ctx, file):
    note("start", ctx)
    time.sleep(0.1)
    while not os.path.exists(file):
        time.sleep(0.01)

async def end_soon(ctx):
    note("start", ctx)
    await asyncio.sleep(0.05)

async def wait(ctx, file):
    note("start", ctx)
    while not os.path.exists(file):
        await asyncio.sleep(0.01)

async def end_before_a_block(ctx, seconds):
    note("start", ctx)
    asyncio.get_running_loop().call_soon(time.sleep, seconds)  # before the outcome can be written

running.SHORT_WORK = {LEASE} / 3  # else it is a minute

class WorkerSettings:
    functions = [block, stay, end_soon, wait, end_before_a_block]
    lease = {LEASE}
    max_tries = 1
"""


class Workers(Fleet):
    """Workers whose functions write down each start."""

    def starts(self) -> Counter[str]:
        return Counter(line.split()[1] for line in self.history.read_text().splitlines())

    def wait_for_start(self, job_id: str, count: int = 1) -> None:
        eventually(lambda: self.starts()[job_id] >= count, what=f"start {count} of {job_id}")


@pytest.fixture
def fleet(processes: Processes, tmp_path: Path, redis_url: str) -> Workers:
    return Workers(processes, tmp_path, redis_url, JOBS)


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def test_jobs_that_block_for_longer_than_a_lease_run_once(fleet: Workers, broker: Broker) -> None:
    workers = [fleet.start(), fleet.start()]
    requests = [JobRequest(function="block", args=[2 * LEASE / 3]) for _ in range(6)]
    ids = [answer.job_id for answer in await broker.enqueue_many(requests)]  # type: ignore[union-attr]
    results = [await outcome(broker, job_id) for job_id in ids]
    assert all(result.success for result in results), [result.failure for result in results]
    assert fleet.starts() == Counter(ids)
    for worker in workers:
        assert worker.terminate() == 0
        assert "outcome dropped" not in worker.log


async def test_what_has_not_begun_is_given_back_while_the_loop_is_blocked(
    fleet: Workers, broker: Broker, tmp_path: Path
) -> None:
    blocker = await enqueue(broker, "stay", str(tmp_path / "go-on"), defer_until_ms=FIRST)
    others = [await enqueue(broker, "end_soon") for _ in range(5)]
    first = fleet.start()
    fleet.wait_for_start(blocker)
    second = fleet.start()
    for job_id in others:
        assert (await outcome(broker, job_id)).tries == 1
    (tmp_path / "go-on").touch()
    assert (await outcome(broker, blocker)).success
    assert fleet.starts() == Counter([blocker, *others])
    assert "5 claimed jobs given back: the event loop is blocked" in first.log
    assert (first.terminate(), second.terminate()) == (0, 0)


async def test_an_outcome_is_written_before_the_next_job_blocks_the_loop(
    fleet: Workers, broker: Broker, tmp_path: Path
) -> None:
    files = [tmp_path / str(number) for number in range(3)]
    ids = [
        await enqueue(broker, "stay", str(file), defer_until_ms=FIRST + number)
        for number, file in enumerate(files)
    ]
    worker = fleet.start()
    for job_id, file in zip(ids, files, strict=True):
        fleet.wait_for_start(job_id)
        file.touch()
        assert (await outcome(broker, job_id)).success
    assert fleet.starts() == Counter(ids)
    assert worker.terminate() == 0


async def test_an_outcome_that_cannot_be_written_keeps_its_lease_while_the_loop_is_blocked(
    fleet: Workers, broker: Broker, tmp_path: Path
) -> None:
    first = fleet.start()
    waiting = await enqueue(broker, "wait", str(tmp_path / "go-on"))
    fleet.wait_for_start(waiting)
    ended = await enqueue(broker, "end_before_a_block", 3 * LEASE)
    fleet.wait_for_start(ended)
    second = fleet.start()
    assert (await outcome(broker, ended)).success
    (tmp_path / "go-on").touch()
    assert (await outcome(broker, waiting)).success
    assert fleet.starts() == Counter([waiting, ended])
    assert (first.terminate(), second.terminate()) == (0, 0)


async def claim_as_another(url: str) -> None:
    """Take the job whose lease runs out."""
    async with Broker(url) as broker:
        while not (await broker.claim("arq:queue", 1, worker_id="another", token="another:1", lease=60)).jobs:
            await asyncio.sleep(0.01)


async def test_a_job_whose_lease_has_run_out_before_its_start_does_not_begin(
    broker: Broker, redis_url: str
) -> None:
    started = []

    async def note(ctx: dict[str, Any]) -> None:
        started.append(ctx["job_id"])

    async with working([note], redis_url, lease=1.0) as worker:
        claim = worker.broker.claim

        async def answered_late(*args: Any, **options: Any) -> Claim:
            answer = await claim(*args, **options)
            if answer.jobs and not started:  # the loop stands still between the answer and its use
                thread = threading.Thread(target=asyncio.run, args=[claim_as_another(redis_url)])
                thread.start()
                thread.join()
                started.append("late")
            return answer

        worker.broker.claim = answered_late  # type: ignore[method-assign]
        late = await enqueue(broker, note.__qualname__)

        async def is_anothers() -> bool:
            return (view := await broker.view(late)) is not None and view.worker == "another"

        await eventually_async(is_anothers, what="the job under another's lease")
        other = await enqueue(broker, note.__qualname__)
        await outcome(broker, other)
        view = await broker.view(late)
    assert started == ["late", other]
    assert view is not None
    assert (view.worker, view.tries) == ("another", 2)
