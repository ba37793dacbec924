"""Workers that are killed, stopped, frozen and blocked: no job is lost, none runs twice without need.

Functions append one line to a history file for each start and each end (O_APPEND, one write), so that
what happened is known whatever process died. The `long` form kills many workers under load.
"""

import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.jobs.records import request_of
from harness.processes.commands import Process, Processes
from harness.servers.losing_proxy import Loss, Proxy, proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, empty, enqueue, outcome
from harness.waiting import PATIENCE, eventually, eventually_async, fast_enough
from jobgate.broker import Broker, BrokerUnavailable, JobRequest

JOBS = """
import asyncio, os, threading, time

def note(*words):
    line = " ".join(map(str, words)) + "\\n"
    file = os.open(os.environ["HISTORY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)

async def wait(ctx, seconds):
    note("start", ctx["job_id"], ctx["job_try"], os.getpid())
    await asyncio.sleep(seconds)
    note("end", ctx["job_id"], ctx["job_try"], os.getpid())
    return os.getpid()

async def stay(ctx, file):
    note("start", ctx["job_id"], ctx["job_try"], os.getpid())
    while not os.path.exists(file):
        await asyncio.sleep(0.01)
    note("end", ctx["job_id"], ctx["job_try"], os.getpid())

async def block(ctx, seconds):
    note("start", ctx["job_id"], ctx["job_try"], os.getpid())
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    note("end", ctx["job_id"], ctx["job_try"], os.getpid())

async def dead_lock(ctx):
    note("start", ctx["job_id"], ctx["job_try"], os.getpid())
    if ctx["job_try"] == 1:
        threading.Lock().acquire() and threading.Event().wait()

async def kill_worker(ctx):
    note("start", ctx["job_id"], ctx["job_try"], os.getpid())
    os.kill(os.getpid(), 9)

async def dead_lock_in_a_task(ctx):
    await asyncio.gather(dead_lock(ctx))

class WorkerSettings:
    functions = [wait, stay, block, dead_lock, dead_lock_in_a_task, kill_worker]
    max_jobs = 20
    max_tries = 3
    lease = float(os.environ.get("LEASE", "10"))
"""


#: Before Python 3.12 nobody can say which job has made a task.
DEAD_LOCKS = ["dead_lock", "dead_lock_in_a_task"] if sys.version_info >= (3, 12) else ["dead_lock"]


class History:
    """What the functions wrote, as (what, job id, try, pid)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[tuple[str, str, int, int]]:
        if not self.path.exists():
            return []
        words = [line.split() for line in self.path.read_text().splitlines()]
        return [(what, job_id, int(number), int(pid)) for what, job_id, number, pid in words]

    def starts(self, job_id: str) -> list[tuple[int, int]]:
        """Tries and process ids of the starts of one job."""
        return [(number, pid) for what, one, number, pid in self.lines() if (what, one) == ("start", job_id)]

    def wait_for_starts(
        self, job_id: str, count: int = 1, timeout: float = PATIENCE
    ) -> list[tuple[int, int]]:
        return (
            eventually(
                lambda: found if len(found := self.starts(job_id)) >= count else None,
                timeout=timeout,
                what=f"start {count} of {job_id}",
            )
            or []
        )


class Fleet:
    """Worker processes on one queue that share a history."""

    def __init__(self, processes: Processes, folder: Path, url: str) -> None:
        self.history = History(folder / "history")
        self._processes = processes
        self._folder = folder
        self._url = url

    def start(self, *, lease: float = 10.0) -> Process:
        """Start a worker and return when it answers."""
        environment = self._environment(lease)
        return self._processes.worker("jobs.WorkerSettings", self._url, cwd=self._folder, env=environment)

    def launch(self, *, lease: float) -> Process:
        """Start a worker that may not live long enough to answer."""
        words = ("worker", "jobs.WorkerSettings", "--redis", self._url)
        return self._processes.start(*words, cwd=self._folder, env=self._environment(lease))

    def _environment(self, lease: float) -> dict[str, str]:
        return {"HISTORY": str(self.history.path), "LEASE": str(lease)}


@pytest.fixture
def fleet(processes: Processes, tmp_path: Path, redis_url: str) -> Fleet:
    (tmp_path / "jobs.py").write_text(JOBS)
    return Fleet(processes, tmp_path, redis_url)


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def test_a_job_of_a_killed_worker_starts_again_within_15_s(
    fleet: Fleet, broker: Broker, tmp_path: Path
) -> None:
    first = fleet.start()
    job_id = await enqueue(broker, "stay", str(tmp_path / "go-on"))
    fleet.history.wait_for_starts(job_id)
    second = fleet.start()
    first.kill()
    killed = time.monotonic()
    starts = await asyncio.to_thread(fleet.history.wait_for_starts, job_id, 2)
    assert time.monotonic() - killed < 15
    assert [number for number, _ in starts] == [1, 2]
    (tmp_path / "go-on").touch()
    result = await outcome(broker, job_id)
    assert (result.success, result.tries) == (True, 2)
    assert second.terminate() == 0


async def test_sigterm_moves_jobs_within_a_second_and_burns_no_try(
    fleet: Fleet, broker: Broker, tmp_path: Path
) -> None:
    running = fleet.start()
    ids = [await enqueue(broker, "stay", str(tmp_path / "go-on")) for _ in range(5)]
    moves = 0

    async def move() -> float:
        nonlocal running, moves
        stopping, running, moves = running, fleet.start(), moves + 1
        stopping.signal(signal.SIGTERM)
        asked = time.monotonic()
        for job_id in ids:
            starts = fleet.history.wait_for_starts(job_id, moves + 1)
            assert [number for number, _ in starts] == [1] * (moves + 1)
        took = time.monotonic() - asked
        assert stopping.wait() == 0
        return took

    for job_id in ids:
        fleet.history.wait_for_starts(job_id)
    await fast_enough(move, 1.0, what="the move of five jobs")
    (tmp_path / "go-on").touch()
    for job_id in ids:
        result = await outcome(broker, job_id)
        assert (result.success, result.tries) == (True, 1)
    assert running.terminate() == 0


async def test_of_a_frozen_worker_and_its_successor_one_wins(fleet: Fleet, broker: Broker) -> None:
    first = fleet.start(lease=2.0)
    job_id = await enqueue(broker, "wait", 3)
    fleet.history.wait_for_starts(job_id)
    first.signal(signal.SIGSTOP)
    second = fleet.start(lease=2.0)
    starts = await asyncio.to_thread(fleet.history.wait_for_starts, job_id, 2)
    first.signal(signal.SIGCONT)
    result = await outcome(broker, job_id)
    assert (result.result, result.tries) == (starts[1][1], 2), "the last lease wins"
    await asyncio.to_thread(first.wait_for_log, "lost its lease|came too late")
    assert first.running, "a process that was frozen as a whole is not wedged"
    await empty(broker)
    assert (first.terminate(), second.terminate()) == (0, 0)


async def test_a_blocked_loop_keeps_its_lease(fleet: Fleet, broker: Broker) -> None:
    first = fleet.start(lease=2.0)
    job_id = await enqueue(broker, "block", 5)
    fleet.history.wait_for_starts(job_id)
    second = fleet.start(lease=2.0)
    assert (await outcome(broker, job_id)).success
    assert len(fleet.history.starts(job_id)) == 1
    first.wait_for_log(r"event loop was blocked for ([4-9]|\d\d)\.\d s")
    assert (first.terminate(), second.terminate()) == (0, 0)


async def test_a_wedged_worker_ends_and_its_job_runs_elsewhere(fleet: Fleet, broker: Broker) -> None:
    first = fleet.start(lease=2.0)
    job_id = await enqueue(broker, "dead_lock", timeout=1)
    fleet.history.wait_for_starts(job_id)
    second = fleet.start(lease=2.0)
    assert await asyncio.to_thread(first.wait, 60) == 70
    assert "the event loop has been stuck" in first.log
    assert "this process ends with exit code 70, its supervisor must start it again" in first.log
    result = await outcome(broker, job_id)
    assert (result.success, result.tries) == (True, 2)
    assert second.terminate() == 0


@pytest.mark.parametrize("function", DEAD_LOCKS)
async def test_a_wedged_worker_ends_although_other_jobs_still_have_time(
    fleet: Fleet, broker: Broker, function: str
) -> None:
    first = fleet.start(lease=2.0)
    others = [await enqueue(broker, "stay", "never", timeout=timeout) for timeout in (60, 300)]
    for each in others:
        fleet.history.wait_for_starts(each)
    job_id = await enqueue(broker, function, timeout=1)
    assert await asyncio.to_thread(first.wait, 30) == 70
    assert f"beyond the timeout of job {job_id}:{function}" in first.log


async def test_a_job_that_kills_its_worker_is_given_up(fleet: Fleet, broker: Broker) -> None:
    job_id = await enqueue(broker, "kill_worker")
    for _ in range(3):
        worker = fleet.launch(lease=1.0)
        assert await asyncio.to_thread(worker.wait, 60) == -signal.SIGKILL
    last = fleet.start(lease=1.0)
    failure = (await outcome(broker, job_id)).failure
    assert failure is not None
    assert failure.code == "max-tries"
    assert failure.message == "max 3 retries exceeded", "as arq says it"
    assert len(fleet.history.starts(job_id)) == 3
    assert last.terminate() == 0
    told = "max retries 3 exceeded (its last try never finished; its worker probably died)"
    assert last.log.count(told) == 1


async def reign_of_terror(fleet: Fleet, broker: Broker, *, jobs: int, rounds: int, pause: float) -> None:
    """Kill, stop and freeze workers under load, then hold the history against what was asked for."""
    workers = [fleet.start(lease=2.0) for _ in range(3)]
    frozen = 0
    requests = [request_of("wait", args=[0.05], max_tries=1000) for _ in range(jobs)]
    enqueued = [answer for answer in await broker.enqueue_many(requests) if not isinstance(answer, Exception)]
    for number in range(rounds):
        await asyncio.sleep(pause)  # the load itself is what is waited for
        index = random.randrange(len(workers))
        how = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)[number % 3]
        victim = workers[index]
        victim.signal(how)
        workers[index] = await asyncio.to_thread(fleet.start, lease=2.0)
        if how is signal.SIGSTOP:
            frozen += 1
            victim.signal(signal.SIGCONT)
            workers.append(victim)
    await eventually_async(lambda: is_empty(broker), timeout=300, what="a drained queue")
    check_history(fleet.history, {answer.job_id for answer in enqueued}, kills=rounds, room=20)
    for answer in enqueued:
        result = await broker.result(answer.job_id)
        assert result is not None
        assert result.success
    for worker in workers:
        assert worker.terminate() == 0


async def is_empty(broker: Broker) -> bool:
    try:
        depth = await broker.queue_depth()
    except BrokerUnavailable:  # hundreds of workers may keep Redis busy
        return False
    return depth.queued + depth.deferred + depth.in_progress == 0


def check_history(history: History, asked: set[str], *, kills: int, room: int) -> None:
    """Nothing lost, nothing unexpected, and no more repeated than killed workers had in hand."""
    ends = Counter(job_id for what, job_id, _, _ in history.lines() if what == "end")
    assert asked - ends.keys() == set(), "lost"
    assert ends.keys() - asked == set(), "unexpected"
    repeated = sum(count - 1 for count in ends.values())
    assert repeated <= kills * room, f"{repeated} repeated"


async def test_workers_that_come_and_go_lose_nothing(fleet: Fleet, broker: Broker) -> None:
    await reign_of_terror(fleet, broker, jobs=1500, rounds=3, pause=0.3)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_200_workers_that_come_and_go_lose_nothing(fleet: Fleet, broker: Broker) -> None:
    await reign_of_terror(fleet, broker, jobs=120_000, rounds=200, pause=0.3)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_worker_frozen_beyond_a_whole_lease_of_10_s(fleet: Fleet, broker: Broker) -> None:
    first = fleet.start()
    job_id = await enqueue(broker, "wait", 8)
    fleet.history.wait_for_starts(job_id)
    first.signal(signal.SIGSTOP)
    second = fleet.start()
    starts = await asyncio.to_thread(fleet.history.wait_for_starts, job_id, 2)
    first.signal(signal.SIGCONT)
    result = await outcome(broker, job_id, 30)
    assert (result.result, result.tries) == (starts[1][1], 2)
    assert (first.terminate(), second.terminate()) == (0, 0)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_loop_blocked_for_60_s_keeps_its_lease_of_10_s(fleet: Fleet, broker: Broker) -> None:
    first = fleet.start()
    job_id = await enqueue(broker, "block", 60)
    fleet.history.wait_for_starts(job_id)
    second = fleet.start()
    assert (await outcome(broker, job_id, 90)).success
    assert len(fleet.history.starts(job_id)) == 1
    assert (first.terminate(), second.terminate()) == (0, 0)


@pytest.mark.parametrize("loss", ["request", "answer"])
async def test_lost_messages_cost_neither_a_try_nor_a_second_run(server: RedisServer, loss: Loss) -> None:
    runs: Counter[tuple[int, int]] = Counter()

    async def note(ctx: dict[str, Any], number: int) -> None:
        runs[number, ctx["job_try"]] += 1

    async def keep_losing(proxy: Proxy) -> None:
        while True:
            proxy.lose(loss, 5)
            while not proxy.lost:
                await asyncio.sleep(0.002)
            losses.append(loss)

    losses: list[Loss] = []
    async with Broker(server.url) as broker, proxy_to(server.port) as proxy:
        requests = [JobRequest(function=note.__qualname__, args=[number]) for number in range(300)]
        await broker.enqueue_many(requests)
        losing = asyncio.create_task(keep_losing(proxy))
        await burst([note], proxy.url, max_jobs=5)
        losing.cancel()
    assert runs == Counter({(number, 1): 1 for number in range(300)})
    assert len(losses) > 5
