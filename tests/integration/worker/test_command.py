"""`jobgate worker` as a user starts it."""

import asyncio
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from harness.processes.commands import Processes
from harness.systems.workers import enqueue, outcome
from harness.waiting import eventually_async
from jobgate.broker import Broker

JOBS = """
import asyncio

async def add(ctx, a, b=1):
    return a + b

async def sleep(ctx, seconds):
    await asyncio.sleep(seconds)

async def stubborn(ctx):
    for _ in range(600):
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            pass

class WorkerSettings:
    functions = [add, sleep, stubborn]

class Patient(WorkerSettings):
    job_completion_wait = 60

class Wrong:
    functions = [add]
    max_jobs = 0
"""


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs.py").write_text(JOBS)
    return tmp_path


async def test_it_runs_jobs_and_ends_with_0_at_sigterm(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.worker("jobs.WorkerSettings", redis_url, "-v", cwd=folder)
    async with Broker(redis_url) as broker:
        assert (await outcome(broker, await enqueue(broker, "add", 2))).result == 3

    async def counted() -> bool:  # after the result is stored
        metrics = await asyncio.to_thread(read, worker.url + "/metrics")
        return 'jobgate_worker_jobs_total{function="add",outcome="success"} 1.0' in metrics

    await eventually_async(counted, what="one success")
    metrics = await asyncio.to_thread(read, worker.url + "/metrics")
    assert "\njobgate_worker_max_jobs 10.0\n" in metrics
    assert "\nprocess_open_fds " in metrics
    assert "\npython_info{" in metrics
    assert worker.terminate() == 0
    assert re.match(r"\d{4}-\d\d-\d\d [\d:,]+ INFO jobgate.worker: Starting worker", worker.log)
    lines = [line.partition(" jobgate.worker: ")[2].strip() for line in worker.log.splitlines()]
    assert lines[0] == "Starting worker for 3 functions: add, sleep, stubborn"
    assert lines[1] == f"{redis_url}/0 ◆ queue arq:queue ◆ max_jobs 10"
    assert re.fullmatch(
        r"redis_version=[\d.]+ mem_usage=[\d.]+[BKMG] clients_connected=\d+ db_keys=\d+"
        r"( valkey_version=[\d.]+)?",
        lines[2],
    )
    assert "shutdown on SIGTERM ◆ 1 jobs complete ◆ 0 failed ◆ 0 retries ◆ 0 ongoing to cancel" in lines
    assert any(line.endswith(":add ● 3") for line in lines)


async def test_burst_and_the_environment(processes: Processes, folder: Path, redis_url: str) -> None:
    async with Broker(redis_url, namespace="mail", codec="msgpack") as broker:
        job_id = await enqueue(broker, "add", 1, queue="letters")
        names = {"REDIS_URL": redis_url, "QUEUE": "letters", "SERIALIZER": "msgpack", "NAMESPACE": "mail"}
        environment = {f"JOBGATE_{name}": value for name, value in names.items()}
        worker = processes.start("worker", "jobs.WorkerSettings", "--burst", cwd=folder, env=environment)
        assert worker.wait() == 0
        assert (await outcome(broker, job_id)).result == 2


async def test_a_function_that_ignores_its_cancellation_does_not_keep_the_process(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=folder)
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, "stubborn")
        worker.wait_for_log("→")
        worker.signal(signal.SIGINT)
        worker.wait_for_log("shutdown on SIGINT")
        worker.signal(signal.SIGINT)
        assert worker.wait() == 0
        view = await broker.view(job_id)
    assert "ignored its cancellation" in worker.log
    assert view is not None
    assert (view.status, view.tries) == ("queued", 0)


async def test_a_second_sigterm_ends_the_patience(processes: Processes, folder: Path, redis_url: str) -> None:
    worker = processes.worker("jobs.Patient", redis_url, cwd=folder)
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, "sleep", 50)
        worker.wait_for_log("→")
        for count in (1, 2):
            worker.signal(signal.SIGTERM)
            worker.wait_for_log("(?s)" + "shutdown on SIGTERM.*" * count)
        assert worker.wait() == 0
        view = await broker.view(job_id)
    assert view is not None
    assert (view.status, view.tries) == ("queued", 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing.WorkerSettings"], "no module 'nothing'"),
        (["jobs.WorkerSetting"], "did you mean 'WorkerSettings'"),
        (["jobs"], "MODULE.NAME"),
        (["jobs.Wrong"], "max_jobs must be a whole number of at least 1"),
        (["jobs.WorkerSettings", "--redis", "http://x"], "redis"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    processes: Processes, folder: Path, words: list[str], says: str
) -> None:
    worker = processes.start("worker", *words, cwd=folder)
    assert worker.wait(50) == 1
    assert says in worker.log
    assert "Traceback" not in worker.log


def test_a_wrong_password_is_said_at_once(processes: Processes, folder: Path, redis_url: str) -> None:
    url = redis_url.replace("redis://", "redis://somebody:wrong@")
    worker = processes.start("worker", "jobs.WorkerSettings", "--redis", url, cwd=folder)
    assert worker.wait() == 1
    assert "refused" in worker.log
    assert "Traceback" not in worker.log


def test_help_tells_every_option(processes: Processes, folder: Path) -> None:
    worker = processes.start("worker", "--help", cwd=folder)
    assert worker.wait() == 0
    for option in ("--redis", "--queue", "--burst", "--serializer", "--namespace", "--metrics-port", "-v"):
        assert option in worker.log


SLOW_START = """
import asyncio

async def add(ctx, a):
    return a

class Slow:
    functions = [add]
    redis_settings = "redis://127.0.0.1:1"

    async def on_startup(ctx):
        print("on_startup begins", flush=True)
        await asyncio.sleep(60)
        print("on_startup ends", flush=True)

    async def on_shutdown(ctx):
        print("on_shutdown", flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_worker_that_is_still_starting(
    processes: Processes, tmp_path: Path, redis_url: str, sent: signal.Signals
) -> None:
    (tmp_path / "slow.py").write_text(SLOW_START)
    worker = processes.start("worker", "slow.Slow", "--redis", redis_url, cwd=tmp_path)
    worker.wait_for_log("on_startup begins")
    worker.signal(sent)
    assert worker.wait() == 0
    assert "on_startup ends" not in worker.log
    assert "on_shutdown" in worker.log
    assert "Traceback" not in worker.log


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_worker_that_waits_for_redis(
    processes: Processes, tmp_path: Path, sent: signal.Signals
) -> None:
    (tmp_path / "slow.py").write_text(SLOW_START)
    worker = processes.start("worker", "slow.Slow", cwd=tmp_path)
    worker.wait_for_log("Starting worker")
    worker.signal(sent)
    assert worker.wait() == 0
    assert "on_shutdown" not in worker.log, "on_startup had not begun"
    assert "Error" not in worker.log.replace("ConnectionError", "")
    assert "Traceback" not in worker.log
