"""`jobgate worker`, `check` and `queue` as those who run a fleet use them."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.systems.workers import enqueue, outcome
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker

JOBS = """
import asyncio, os, sys, warnings

async def pid(ctx):
    return os.getpid()

async def hold(ctx, seconds):
    await asyncio.sleep(seconds)
    return os.getpid()

async def meet(ctx, folder, count):
    open(f"{folder}/here-{os.getpid()}", "w").close()
    while sum(name.startswith("here-") for name in os.listdir(folder)) < count:
        await asyncio.sleep(0.01)
    return os.getpid()

async def fail(ctx):
    warnings.warn("a warning")
    raise LookupError("first\\nsecond")

async def version(ctx):
    return 1

async def end_process(ctx, code):
    os._exit(code)

async def no_start(ctx):
    raise RuntimeError("no start")

class WorkerSettings:
    functions = [pid, hold, meet, fail, version, end_process]
    max_jobs = 1

class Burst(WorkerSettings):
    burst = True

class Broken(WorkerSettings):
    on_startup = no_start

LOGS = {
    "version": 1,
    "formatters": {"mine": {"format": "MINE %(message)s"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "mine"}},
    "loggers": {"jobgate": {"handlers": ["out"], "level": "INFO"}},
}
FROM_ROOT = {**LOGS, "loggers": {}, "root": {"handlers": ["out"], "level": "INFO"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "jobs.py").write_text(JOBS)
    return folder


async def live(broker: Broker, count: int) -> list[int]:
    """Wait for so many live workers; return their process ids."""

    async def there() -> list[int]:
        pids = [record.pid for record in await broker.workers()]
        return pids if len(pids) == count else []

    return await eventually_async(there, what=f"{count} live workers")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_several_worker_processes_share_the_work_and_stop_together(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--workers", "3")
    supervisor = processes.start("worker", *words, cwd=folder)
    async with Broker(redis_url) as broker:
        pids = await live(broker, 3)
        ids = [await enqueue(broker, "meet", str(folder), 3) for _ in range(3)]
        assert {(await outcome(broker, job_id)).result for job_id in ids} == set(pids)
        waiting = await enqueue(broker, "hold", 60)
        supervisor.wait_for_log(f"{waiting}:hold")
        assert await asyncio.to_thread(supervisor.terminate) == 0
        assert all(map(gone, pids))
        view = await broker.view(waiting)
        assert view is not None
        assert (view.status, view.tries) == ("queued", 0)
    assert supervisor.log.count("shutdown on SIGTERM") == 3
    numbers = re.findall(r" jobgate\.worker\[(\d)\]: shutdown on SIGTERM", supervisor.log)
    assert sorted(numbers) == ["1", "2", "3"]
    assert " jobgate.worker: " not in supervisor.log


async def test_a_worker_process_that_dies_is_started_again(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--workers", "2", "--log-format", "json")
    supervisor = processes.start("worker", *words, cwd=folder)
    async with Broker(redis_url) as broker:
        first = await live(broker, 2)
        os.kill(first[0], signal.SIGKILL)
        supervisor.wait_for_log(
            r"worker [12] ended with exit code 137 \(SIGKILL\), restarting it in 0.5 s: it died after it "
            r"had started \(1 in a row\)"
        )
        eventually(lambda: supervisor.log.count("Starting worker") == 3, what="a third start")
        assert (await outcome(broker, await enqueue(broker, "pid"))).success
    assert await asyncio.to_thread(supervisor.terminate) == 0
    lines = [json.loads(line) for line in supervisor.log.splitlines()]
    starts = [line["worker_process"] for line in lines if line["message"].startswith("Starting worker")]
    assert sorted(starts) in ([1, 1, 2], [1, 2, 2])
    assert not any("worker_process" in line for line in lines if line["logger"] == "jobgate.supervisor")


def test_workers_end_when_their_supervisor_is_killed(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--workers", "1")
    supervisor = processes.start("worker", *words, cwd=folder)
    supervisor.wait_for_log("Starting worker")
    supervisor.signal(signal.SIGKILL)
    supervisor.wait()
    eventually(lambda: "shutdown on SIGTERM" in supervisor.log, what="the end of the worker")


@pytest.mark.parametrize("settings", ["jobs.Nothing", "jobs.Broken"])
def test_workers_that_cannot_start_end_all(
    processes: Processes, folder: Path, redis_url: str, settings: str
) -> None:
    words = (settings, "--redis", redis_url, "--workers", "2")
    assert processes.start("worker", *words, cwd=folder).wait(60) == 1


@pytest.mark.parametrize("code", [0, 1, 2])
async def test_a_worker_that_has_started_is_started_again_whatever_its_exit_code(
    processes: Processes, folder: Path, redis_url: str, code: int
) -> None:
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--workers", "2")
    supervisor = processes.start("worker", *words, cwd=folder)
    async with Broker(redis_url) as broker:
        await live(broker, 2)
        await enqueue(broker, "end_process", code)
        supervisor.wait_for_log(f"worker [12] ended with exit code {code}, restarting it in 0.5 s")
        eventually(lambda: supervisor.log.count("Starting worker") == 3, what="a third start")
    assert await asyncio.to_thread(supervisor.terminate) == 0


async def test_one_worker_at_least_keeps_trying_whatever_kills_it(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    async with Broker(redis_url) as broker:
        for _ in range(4):
            await enqueue(broker, "end_process", 3, max_tries=1)
        supervisor = processes.start(
            "worker", "jobs.WorkerSettings", "--redis", redis_url, "--workers", "1", cwd=folder
        )
        told = r"ended with exit code 3, restarting it in 2\.0 s: .* \(4 in a row\)"
        await asyncio.to_thread(supervisor.wait_for_log, told, 90)
        assert (await outcome(broker, await enqueue(broker, "pid"))).success
    assert await asyncio.to_thread(supervisor.terminate) == 0


FROZEN = """
import ctypes

def hold_the_interpreter(seconds):
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))

async def on_startup(ctx):
    hold_the_interpreter(4)

async def hold(ctx):
    hold_the_interpreter(600)

class WorkerSettings:
    functions = [hold]
    on_startup = on_startup
    lease = 1.0
"""


async def test_a_frozen_worker_is_replaced_and_one_that_starts_is_not(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    (folder / "jobs.py").write_text(FROZEN)
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--workers", "2", "--frozen-after", "2")
    supervisor = processes.start("worker", *words, cwd=folder)
    async with Broker(redis_url) as broker:
        pids = await live(broker, 2)
        assert supervisor.log.count("Starting worker") == 2, "a worker that starts is left alone"
        await enqueue(broker, "hold")
        supervisor.wait_for_log("→ .*:hold")
        (job,) = re.findall(r"→ (\w+):hold", supervisor.log)
        view = await broker.view(job)
        assert view is not None
        assert view.worker is not None
        (idle,) = {*pids} - {int(view.worker.split(".")[-2])}
        os.kill(idle, signal.SIGSTOP)
        for number in ("1", "2"):
            what = "frozen for [34] s, it was killed"
            await asyncio.to_thread(supervisor.wait_for_log, f"worker {number} is {what}")
            supervisor.wait_for_log(f"worker {number} ended with .*: it was frozen or stuck and was killed")
        assert all(map(gone, pids))
    supervisor.kill()


@pytest.mark.parametrize("words", [("jobs.WorkerSettings", "--burst"), ("jobs.Burst",)])
async def test_with_burst_workers_are_not_started_again(
    processes: Processes, folder: Path, redis_url: str, words: tuple[str, ...]
) -> None:
    async with Broker(redis_url) as broker:
        ids = [await enqueue(broker, "pid") for _ in range(5)]
        words = (*words, "--redis", redis_url, "--workers", "2")
        supervisor = processes.start("worker", *words, cwd=folder)
        assert await asyncio.to_thread(supervisor.wait, 60) == 0
        assert all([(await outcome(broker, job_id)).success for job_id in ids])
    assert supervisor.log.count("Starting worker") == 2


async def test_options_reach_the_worker_processes_and_secrets_stay_off_their_command_lines(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    environment = {"JOBGATE_REDIS_URL": redis_url, "JOBGATE_WORKERS": "2", "JOBGATE_NAMESPACE": "mail"}
    words = ("jobs.WorkerSettings", "--queue", "a=3", "--queue", "b", "--serializer", "msgpack")
    supervisor = processes.start("worker", *words, cwd=folder, env=environment)
    async with Broker(redis_url, namespace="mail", codec="msgpack") as broker:
        result = await outcome(broker, await enqueue(broker, "pid", queue="b"))
        command = await asyncio.to_thread(Path(f"/proc/{result.result}/cmdline").read_text)
        assert "redis://" not in command
        assert "--queue\0a=3\0--queue\0b\0--serializer\0msgpack" in command
        (record, _) = await eventually_async(lambda: _pair(broker), what="two workers")
        assert list(record.queues) == ["a", "b"]
    assert await asyncio.to_thread(supervisor.terminate) == 0


async def _pair(broker: Broker) -> Any:
    records = await broker.workers("a")
    return records if len(records) == 2 else None


async def test_watch_starts_the_worker_anew_and_waits_for_broken_code_to_be_mended(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    pytest.importorskip("watchfiles")
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--watch", str(folder))
    supervisor = processes.start("worker", *words, cwd=folder)
    async with Broker(redis_url) as broker:
        assert (await outcome(broker, await enqueue(broker, "version"))).result == 1
        held = await enqueue(broker, "hold", 60)
        supervisor.wait_for_log(f"{held}:hold")
        _write(folder, JOBS.replace("return 1", "return (1"))
        supervisor.wait_for_log("could not start .* waiting for a change")
        await broker.abort(held)
        _write(folder, JOBS.replace("return 1", "return 2"))
        assert (await outcome(broker, await enqueue(broker, "version"))).result == 2
    assert await asyncio.to_thread(supervisor.terminate) == 0


def _write(folder: Path, text: str) -> None:
    made = folder / "new"
    made.write_text(text)
    made.rename(folder / "jobs.py")
    # Python takes compiled code whose source has the same second and size for fresh.
    for compiled in (folder / "__pycache__").glob("jobs.*"):
        compiled.unlink(missing_ok=True)


def test_watch_says_what_to_install(processes: Processes, folder: Path, redis_url: str) -> None:
    (folder / "watchfiles.py").write_text("raise ModuleNotFoundError")
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--watch", str(folder))
    worker = processes.start("worker", *words, cwd=folder, env={"PYTHONPATH": str(folder)})
    assert worker.wait() == 1
    assert "install jobgate with its extra [watch]" in worker.log


async def test_json_logs_are_one_object_a_line_to_the_end(
    processes: Processes, folder: Path, redis_url: str
) -> None:
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--log-format", "json", "-v")
    worker = processes.start("worker", *words, cwd=folder)
    async with Broker(redis_url) as broker:
        job_id = await enqueue(broker, "fail")
        assert not (await outcome(broker, job_id)).success
    assert await asyncio.to_thread(worker.terminate) == 0
    lines = [json.loads(line) for line in worker.log.splitlines()]
    (failure,) = [line for line in lines if line["level"] == "ERROR"]
    assert "LookupError: first" in failure["message"]
    assert failure["exception"].startswith("Traceback")
    about = {"job_id": job_id, "function": "fail", "job_try": 1, "queue": "arq:queue", "outcome": "error"}
    assert failure.items() >= about.items()
    assert any("→" in line["message"] and line["job_id"] == job_id for line in lines if "job_id" in line)
    assert any("a warning" in line["message"] for line in lines)


@pytest.mark.parametrize("words", [("jobs.Nothing",), ("jobs.Broken",)])
def test_json_logs_also_tell_why_a_worker_did_not_start(
    processes: Processes, folder: Path, redis_url: str, words: tuple[str, ...]
) -> None:
    worker = processes.start("worker", *words, "--redis", redis_url, "--log-format", "json", cwd=folder)
    assert worker.wait() == 1
    lines = [json.loads(line) for line in worker.log.splitlines()]
    assert lines[-1]["level"] == "CRITICAL"


TOML = """
version = 1
formatters.mine.format = "MINE %(message)s"
handlers.out = { class = "logging.StreamHandler", formatter = "mine" }
loggers.jobgate = { handlers = ["out"], level = "INFO" }
"""


@pytest.mark.parametrize(
    "option",
    [
        "--log-config=jobs.LOGS",
        "--log-config=jobs.FROM_ROOT",
        "--log-config=log.toml",
        "--custom-log-dict=log.json",
    ],
)
def test_the_log_can_be_configured(processes: Processes, folder: Path, redis_url: str, option: str) -> None:
    (folder / "log.toml").write_text(TOML)
    (folder / "log.json").write_text(
        '{"version": 1, "formatters": {"mine": {"format": "MINE %(message)s"}}, "handlers": {"out": '
        '{"class": "logging.StreamHandler", "formatter": "mine"}}, '
        '"loggers": {"jobgate": {"handlers": ["out"], "level": "INFO"}}}'
    )
    words = ("jobs.WorkerSettings", "--redis", redis_url, "--burst", option)
    worker = processes.start("worker", *words, cwd=folder)
    assert worker.wait() == 0
    assert re.match("MINE Starting worker", worker.log)


@pytest.mark.parametrize("path", ["jobs.pid", "none.toml", "jobs.None", "log.ini"])
def test_a_log_that_cannot_be_configured_is_told(
    processes: Processes, folder: Path, redis_url: str, path: str
) -> None:
    (folder / "log.ini").touch()
    worker = processes.start("worker", "jobs.WorkerSettings", "--log-config", path, cwd=folder)
    assert worker.wait() == 2
    assert "--log-config" in worker.log
    assert "Traceback" not in worker.log


class Checks:
    """Runs `jobgate check` and `jobgate worker --check`."""

    def __init__(self, processes: Processes, folder: Path, url: str) -> None:
        self._processes, self._folder, self._url = processes, folder, url

    def __call__(self, *words: str, settings: str = "jobs.WorkerSettings") -> Process:
        """Return the process when it has ended."""
        process = self._processes.start(*words, settings, "--redis", self._url, cwd=self._folder)
        process.wait()
        return process


@pytest.fixture
def check(processes: Processes, folder: Path, redis_url: str) -> Checks:
    return Checks(processes, folder, redis_url)


@pytest.mark.parametrize("words", [("check",), ("worker", "--check")])
async def test_check_sees_a_live_worker_and_no_dead_one(
    processes: Processes, folder: Path, redis_url: str, check: Checks, words: tuple[str, ...]
) -> None:
    before = await asyncio.to_thread(check, *words)
    assert (before.wait(), before.log) == (1, "failed: no live worker serves queue arq:queue\n")
    worker = processes.start("worker", "jobs.WorkerSettings", "--redis", redis_url, cwd=folder)
    async with Broker(redis_url) as broker:
        await live(broker, 1)
    during = await asyncio.to_thread(check, *words)
    assert during.wait() == 0
    assert during.log == ("ok: arq:queue: 1 live worker, j_complete=0 j_failed=0 j_retried=0 j_ongoing=0\n")
    assert await asyncio.to_thread(worker.terminate) == 0
    after = await asyncio.to_thread(check, *words)
    assert after.wait() == 1


def test_check_says_when_redis_is_away(processes: Processes, folder: Path) -> None:
    process = processes.start("check", "jobs.WorkerSettings", "--redis", "redis://127.0.0.1:1", cwd=folder)
    assert process.wait() == 1
    assert len(process.log.splitlines()) == 1
    assert "Redis" in process.log


async def test_queues_are_paused_resumed_and_listed(
    processes: Processes, server: RedisServer, tmp_path: Path
) -> None:
    def queue(*words: str) -> str:
        process = processes.start("queue", *words, "--redis", server.url)
        assert process.wait() == 0, process.log
        return process.log

    async with Broker(server.url) as broker:
        await enqueue(broker, "pid")
        await enqueue(broker, "pid", queue="mail", defer_by=50)
        assert queue("pause", "mail", "other") == "mail is paused\nother is paused\n"
        assert await broker.is_paused("mail")
        listed = list(map(json.loads, queue("list").splitlines()))
        assert [[one[name] for name in ("queue", "queued", "deferred", "paused")] for one in listed] == [
            ["arq:queue", 1, 0, False],
            ["mail", 0, 1, True],
            ["other", 0, 0, True],
        ]
        assert queue("resume", "mail") == "mail is resumed\n"
        assert not await broker.is_paused("mail")
        assert "mail" in queue("list", "mail")
        assert "other" not in queue("list", "mail")
        with server.client() as client:
            client.rpush("other", "x")
        for log in (queue("list"), queue("list", "other", "mail")):
            assert "other: The key of this queue holds another type of value" in log
            assert '{"queue":"mail","queued":0,"deferred":1' in log
