"""Workers of stock arq and of jobgate on one queue, killed and restarted, with producers of both kinds.

Every job is executed, none twice but those in flight at a signal, and both sides see right statuses always.
The long form takes thousands of jobs for each version of arq.
"""

import asyncio
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.arq.mixed_history import Figures, MixedHistory, Signal, Worker
from harness.arq.versions import ARQ_VERSIONS, RUNNING_VERSIONS, arq_program
from harness.forms import LONG
from harness.processes.commands import Process, Processes
from harness.waiting import eventually

pytestmark = pytest.mark.early

HERE = Path(__file__).parent
KILL, STOP = signal.SIGKILL, signal.SIGTERM


class MixedFleet:
    """Workers of both kinds on one queue.

    Args:
        processes: starts them.
        folder: where the history goes.
        url: of Redis.
        arqs: versions of the stock arq workers.
        jobgates: how many workers of jobgate.
    """

    def __init__(
        self, processes: Processes, folder: Path, url: str, *, arqs: Sequence[str], jobgates: int
    ) -> None:
        self._processes, self._url = processes, url
        self.lines = folder / "history"
        self.signals: list[Signal] = []
        self.workers: list[Worker] = []
        self.alive: list[tuple[str, Process]] = []
        for kind in (*arqs, *["jobgate"] * jobgates):
            self._start(kind)
        for _, process in self.alive:
            process.wait_for_log("Starting worker", timeout=30)
        self.gateway = processes.gateway(url, "--serializer", "pickle")

    def signal(self, sign: signal.Signals, *kinds: str) -> None:
        """Send a signal to a worker of one of these kinds while it runs a job, and start another."""
        kind, process = victim = random.choice([one for one in self.alive if one[0] in kinds])
        eventually(lambda: self._runs_job(process.pid), timeout=60, what=f"a job in {kind}")
        sent = time.time()
        if sign is KILL:
            process.kill()
        else:
            code = process.terminate()  # stock arq ends with 1 when it is stopped while it claims
            assert code == 0 or (code == 1 and kind in ARQ_VERSIONS), process.log[-2000:]
        self.signals.append(Signal(sent, time.time(), process.pid, f"{sign.name} to {kind}"))
        self.alive.remove(victim)
        self._start(kind)

    def end(self) -> None:
        """Stop all workers, which have nothing more to do."""
        for _, process in self.alive:
            assert process.terminate() == 0, process.log[-2000:]

    def _start(self, kind: str) -> None:
        environment = {
            "HISTORY": str(self.lines),
            "REDIS_URL": self._url,
            "PYTHONPATH": str(HERE),
            "IS_ARQ": "" if kind == "jobgate" else "1",
        }
        words, program = ["mixed_functions.WorkerSettings"], ""
        if kind == "jobgate":
            words = ["worker", *words, "--redis", self._url]
        else:
            program = arq_program("arq", kind)
        process = self._processes.start(*words, program=program, cwd=HERE, env=environment)
        self.workers.append(Worker(process.pid, kind))
        self.alive.append((kind, process))

    def _runs_job(self, pid: int) -> bool:
        lines = self.lines.read_text().splitlines() if self.lines.exists() else []
        balance = sum((" start " in line) * 2 - 1 for line in lines if line.endswith(f" {pid}"))
        return balance > 0


async def mixed(
    fleet: MixedFleet, processes: Processes, url: str, *, jobs: int, rate: float, lookers: int, rounds: int
) -> Figures:
    """Let producers and workers work, send `rounds` of four signals, and return what came of it.

    There are at least so many jobs, and as many more as come until all signals were sent.
    """
    words = [
        str(HERE / "mixed_client.py"),
        url,
        fleet.gateway.url,
        *map(str, (jobs, rate, lookers, 0.02 if LONG else 0.05)),
    ]
    arqs = {kind for kind, _ in fleet.alive} - {"jobgate"}
    client = processes.start(*words, program=arq_program())
    for _ in range(rounds):
        for sign, kinds in ((KILL, ["jobgate"]), (KILL, arqs), (STOP, ["jobgate"]), (STOP, arqs)):
            await asyncio.to_thread(fleet.signal, sign, *kinds)
    client.signal(signal.SIGUSR1)
    assert await asyncio.to_thread(client.wait, 300) == 0, client.log[-3000:]
    fleet.end()
    figures = MixedHistory(fleet.lines, client.log_file, fleet.workers, fleet.signals).check()
    if LONG:
        sys.stderr.write(f"\n{figures}\n")
    return figures


@pytest.mark.timeout(180)
async def test_a_mixed_fleet_loses_nothing(processes: Processes, tmp_path: Path, redis_url: str) -> None:
    fleet = MixedFleet(processes, tmp_path, redis_url, arqs=RUNNING_VERSIONS, jobgates=2)
    figures = await mixed(fleet, processes, redis_url, jobs=200, rate=60, lookers=2, rounds=1)
    assert not figures.wrong, "\n".join(figures.wrong[:9])
    assert figures.jobs >= 200
    assert len(figures.by) == 1 + len(RUNNING_VERSIONS), "all kinds of workers took part"
    assert figures.agreed > 150


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("arqs", [*([version] * 2 for version in ARQ_VERSIONS), ARQ_VERSIONS], ids="+".join)
async def test_thousands_of_jobs_of_a_mixed_fleet(
    processes: Processes, tmp_path: Path, redis_url: str, arqs: Sequence[str]
) -> None:
    fleet = MixedFleet(processes, tmp_path, redis_url, arqs=arqs, jobgates=2)
    figures = await mixed(fleet, processes, redis_url, jobs=4000, rate=80, lookers=8, rounds=8)
    assert not figures.wrong, "\n".join(figures.wrong[:9])
    assert figures.jobs >= 4000
