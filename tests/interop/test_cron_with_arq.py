"""Cron jobs that real arq states, under jobgate, and on one queue with a stock arq worker."""

from collections import Counter
from pathlib import Path

import pytest

from harness.arq.stock import arq_packages
from harness.arq.versions import arq_program
from harness.processes.commands import Process, Processes
from harness.waiting import eventually

JOBS = """
import os
from arq import Retry, cron
from arq.connections import RedisSettings

def write(*words):
    file = os.open(os.environ["HISTORY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, (" ".join(map(str, words)) + "\\n").encode())
    os.close(file)

async def second(ctx):
    write(ctx["job_id"], os.environ["WHO"], round(ctx["enqueue_time"].timestamp() * 1000))

async def flaky(ctx):
    write(f"flaky:{ctx['job_try']}", os.environ["WHO"])
    if ctx["job_try"] < 3:
        raise Retry(defer=0.1)

class Startup:
    cron_jobs = [cron("jobs.flaky", name="flaky", weekday="mon", hour={3}, run_at_startup=True, max_tries=3)]

class Seconds:
    cron_jobs = [cron(second, name="second", second=set(range(60)))]
    redis_settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])
    serializer = "pickle"  # jobgate's own setting, to share a queue with stock arq
"""


class Fleet:
    """Workers of both kinds that share a module and a history."""

    def __init__(self, processes: Processes, folder: Path, url: str) -> None:
        (folder / "jobs.py").write_text(JOBS)
        self._history = folder / "history"
        self._processes, self._folder, self._url = processes, folder, url

    def history(self) -> list[list[str]]:
        lines = self._history.read_text().splitlines() if self._history.exists() else []
        return [line.split() for line in lines]

    def _environment(self, who: str) -> dict[str, str]:
        paths = f"{self._folder}:{arq_packages()}" if who == "jobgate" else str(self._folder)
        return {
            "HISTORY": str(self._history), "WHO": who, "REDIS_URL": self._url, "PYTHONPATH": paths
        }  # fmt: skip

    def jobgate(self, settings: str, *options: str) -> Process:
        words = ("worker", f"jobs.{settings}", "--redis", self._url, *options)
        return self._processes.start(*words, cwd=self._folder, env=self._environment("jobgate"))

    def arq(self, settings: str) -> Process:
        program = arq_program("arq")
        return self._processes.start(
            f"jobs.{settings}", program=program, cwd=self._folder, env=self._environment("arq")
        )


@pytest.fixture
def fleet(processes: Processes, tmp_path: Path, redis_url: str) -> Fleet:
    return Fleet(processes, tmp_path, redis_url)


def test_arqs_own_cron_job_and_retry_run_under_jobgate(fleet: Fleet) -> None:
    assert fleet.jobgate("Startup", "--burst").wait() == 0
    assert fleet.history() == [[f"flaky:{number}", "jobgate"] for number in (1, 2, 3)]


def due_ms(job_id: str) -> int:
    return int(job_id.split(":")[1])


def test_workers_of_both_kinds_run_each_time_once(fleet: Fleet) -> None:
    """But for arq #196: a stock worker that is late enqueues again what has ended."""
    workers = [fleet.arq("Seconds"), fleet.jobgate("Seconds")]
    for worker in workers:
        worker.wait_for_log("Starting worker")
    before = len(fleet.history())
    eventually(lambda: len(fleet.history()) >= before + 6, timeout=60, what="six seconds")
    for worker in workers:
        worker.terminate()
    runs = Counter(due_ms(job_id) for job_id, _, _ in fleet.history())
    assert sorted(runs) == list(range(min(runs), max(runs) + 1000, 1000)), "no second is left out"
    late = {due_ms(job_id) for job_id, _, enqueued in fleet.history() if int(enqueued) >= due_ms(job_id)}
    assert {due for due, times in runs.items() if times > 1} <= late, "each once, but for arq #196"
