"""One idle worker polls for jobs that wake nobody. Whatever happens to it, they start within a bound."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from harness.forms import LONG
from harness.jobs.silent import enqueue_silently
from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.systems.fleet import Fleet
from harness.waiting import eventually

QUEUE = "arq:queue"
JOBS = """
import os

async def note(ctx, number):
    with open(os.environ["HISTORY"], "a") as history:
        history.write(f"{number}\\n")

class WorkerSettings:
    functions = [note]
    poll_delay = 0.5
"""
#: Seconds until a job that wakes nobody has run: `poll_delay` + 4 (docs/worker.md), and some if the machine
#: is busy.
BOUND = 4.5 + 5.0


class Idlers:
    """Worker processes that are idle, and jobs that wake none of them."""

    def __init__(self, processes: Processes, folder: Path, server: RedisServer, workers: int) -> None:
        self.server = server
        self.fleet = Fleet(processes, folder, server.url, JOBS)
        self.alive = [self.fleet.start() for _ in range(workers)]
        self.client = server.client()
        self._number = 0
        eventually(lambda: self.client.zcard(f"{QUEUE}:workers") == workers, what="the workers")

    def poller(self) -> Process:
        """Wait until one of the workers polls, and return it."""
        (found,) = eventually(self._named, what="a worker that polls")
        return found

    def run_one(self) -> float:
        """Enqueue a job that wakes nobody; return the seconds until it has run."""
        self._number += 1
        began = time.monotonic()
        enqueue_silently(self.client, f"j{self._number}", "note", self._number)
        eventually(lambda: self.runs()[str(self._number)], what=f"job {self._number}")
        return time.monotonic() - began

    def runs(self) -> Counter[str]:
        """Return how often each job has run."""
        return Counter(self.fleet.history.read_text().split())

    def every_job_ran_once(self) -> bool:
        """Whether no job was lost and none ran twice."""
        return self.runs() == Counter({str(number): 1 for number in range(1, self._number + 1)})

    def _named(self) -> list[Process]:
        name: bytes = self.client.get(f"{QUEUE}:job-poller") or b""  # type: ignore[assignment]
        record: bytes = self.client.get(f"{QUEUE}:worker:{name.decode().partition(' ')[0]}") or b""  # type: ignore[assignment]
        pid = json.loads(record.partition(b" ")[2])["pid"] if record else None
        return [one for one in self.alive if one.pid == pid]


@pytest.fixture
def idlers(processes: Processes, tmp_path: Path, server: RedisServer) -> Iterator[Idlers]:
    made = Idlers(processes, tmp_path, server, 4)
    yield made
    made.client.close()


@pytest.mark.timeout(180)
def test_a_killed_poller_is_replaced_until_one_worker_is_left(idlers: Idlers) -> None:
    waits = [idlers.run_one()]
    for _ in range(3):
        victim = idlers.poller()
        victim.kill()
        idlers.alive.remove(victim)
        waits.append(idlers.run_one())
    assert max(waits) < BOUND, waits
    assert idlers.every_job_ran_once()


@pytest.mark.timeout(180)
def test_a_frozen_poller_is_replaced_and_may_come_back(idlers: Idlers) -> None:
    waits, frozen = [], []
    for _ in range(3):
        victim = idlers.poller()
        victim.signal(signal.SIGSTOP)
        idlers.alive.remove(victim)
        frozen.append(victim)
        waits.append(idlers.run_one())
    for victim in frozen:
        victim.signal(signal.SIGCONT)
    waits += [idlers.run_one() for _ in range(3)]
    assert max(waits) < BOUND, waits
    assert idlers.every_job_ran_once()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_restart_of_redis_leaves_a_poller(idlers: Idlers, how: signal.Signals) -> None:
    waits = []
    for _ in range(3 if LONG else 1):
        idlers.server.restart(how)
        waits.append(idlers.run_one())
    assert max(waits) < BOUND, waits
    assert idlers.every_job_ran_once()


@pytest.mark.timeout(180)
def test_a_frozen_redis_leaves_a_poller(idlers: Idlers) -> None:
    idlers.server.pause()
    time.sleep(4)  # longer than the wait of a poller
    idlers.server.resume()
    assert idlers.run_one() < BOUND
    assert idlers.every_job_ran_once()


@pytest.mark.timeout(180)
def test_a_job_that_is_announced_wakes_a_worker_although_the_poller_is_frozen(idlers: Idlers) -> None:
    """The token goes to the worker that has waited longest, and the one that polls has not."""
    idlers.poller().signal(signal.SIGSTOP)
    with idlers.server.client() as client:
        assert isinstance(client, redis.Redis)
        began = time.monotonic()
        enqueue_silently(client, "j1", "note", 1)
        client.rpush(f"{QUEUE}:wake", "1")
        eventually(lambda: idlers.runs()["1"], what="the job")
    assert time.monotonic() - began < BOUND - 3
