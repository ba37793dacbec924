"""Signals and workers: one worker, two in a loop, the program around them, children that jobs fork."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from harness.processes.commands import Processes
from harness.systems.workers import enqueue, outcome
from harness.tools import free_port
from harness.waiting import PATIENCE
from jobgate.broker import Broker
from jobgate.worker import Worker

JOBS = """
import asyncio, multiprocessing, os, pathlib, signal, time

def child(file):
    pathlib.Path(file).touch()
    time.sleep(60)

def forked(file):
    process = multiprocessing.get_context("fork").Process(target=child, args=(file,))
    process.start()
    while not pathlib.Path(file).exists():
        time.sleep(0.01)
    return process

def terminates_its_child(ctx, file):
    process = forked(file)
    process.terminate()
    process.join(30)
    return process.exitcode

async def interrupts_its_child(ctx, file):
    process = forked(file)
    os.kill(process.pid, signal.SIGINT)
    process.join(30)
    return process.exitcode

def leaves_a_child(ctx, file):
    return forked(file).pid

async def add(ctx, a, b):
    return a + b

async def has_a_child(ctx, file):
    process = forked(file)
    while process.is_alive():
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    return process.exitcode

async def loop(ctx):
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]

class WorkerSettings:
    functions = [terminates_its_child, interrupts_its_child, leaves_a_child, add, has_a_child, loop]
    job_completion_wait = 20
    max_tries = 1
"""


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "jobs.py").write_text(JOBS)
    return folder


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_job_may_end_a_child_that_it_has_forked(
    broker: Broker, processes: Processes, folder: Path, redis_url: str, loop: str
) -> None:
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=folder, env={"JOBGATE_LOOP": loop})
    ended = await outcome(broker, await enqueue(broker, "terminates_its_child", str(folder / "1")))
    assert ended.result == -signal.SIGTERM
    ended = await outcome(broker, await enqueue(broker, "interrupts_its_child", str(folder / "2")))
    assert ended.result == 1  # multiprocessing's for KeyboardInterrupt
    assert (await outcome(broker, await enqueue(broker, "add", 1, 2))).result == 3
    assert worker.terminate() == 0
    assert worker.log.count("shutdown on") == 1


async def test_the_copy_of_a_group_signal_that_a_forked_child_gets_is_no_second_signal(
    broker: Broker, processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=folder)
    job_id = await enqueue(broker, "has_a_child", str(folder / "child"))
    worker.wait_for_log("→")
    while not (folder / "child").exists():
        await asyncio.sleep(0.01)
    os.killpg(worker.pid, signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait) == 0
    result = await broker.result(job_id)
    assert result is not None
    assert (result.result, result.tries) == (-signal.SIGTERM, 1)
    assert worker.log.count("shutdown on") == 1


async def test_a_child_that_outlives_its_worker_does_not_hold_the_metrics_port(
    broker: Broker, processes: Processes, folder: Path, redis_url: str
) -> None:
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=folder)
    child = (await outcome(broker, await enqueue(broker, "leaves_a_child", str(folder / "child")))).result
    try:
        worker.signal(signal.SIGKILL)
        worker.wait()
        port = int(worker.url.rpartition(":")[2])
        with socket.create_server(("127.0.0.1", port)):
            os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


async def both_ended(*runs: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*runs)


async def serving(worker: Worker) -> "asyncio.Task[None]":
    run = asyncio.create_task(worker.async_run())
    await worker.ctx["started"].wait()
    return run


def worker_of(url: str, queue: str) -> Worker:
    ctx = {"started": asyncio.Event()}
    return Worker(
        [add], redis_settings=url, queue_name=queue, ctx=ctx, on_startup=lambda _: ctx["started"].set()
    )


async def test_two_workers_of_one_loop_stop_at_one_signal(redis_url: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    runs = [await serving(worker_of(redis_url, queue)) for queue in ("one", "two")]
    os.kill(os.getpid(), signal.SIGTERM)
    await both_ended(*runs)
    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_worker_that_ends_leaves_its_signals_to_the_other(redis_url: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    first, second = worker_of(redis_url, "one"), worker_of(redis_url, "two")
    runs = [await serving(each) for each in (first, second)]
    second.stop()
    await both_ended(runs[1])
    os.kill(os.getpid(), signal.SIGTERM)
    await both_ended(runs[0])
    assert signal.getsignal(signal.SIGTERM) is before


@contextlib.contextmanager
def hosts_handler(received: list[int]) -> Iterator[Any]:
    def handler(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield handler
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_handler_of_the_program_is_called_too_and_put_back(redis_url: str) -> None:
    received: list[int] = []
    with hosts_handler(received) as handler:
        run = await serving(worker_of(redis_url, "one"))
        os.kill(os.getpid(), signal.SIGTERM)
        await both_ended(run)
        assert received == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is handler
        os.kill(os.getpid(), signal.SIGTERM)
        assert received == [signal.SIGTERM] * 2


async def test_a_handler_that_the_program_sets_later_stays(redis_url: str) -> None:
    received: list[int] = []
    worker = worker_of(redis_url, "one")
    run = await serving(worker)
    with hosts_handler(received) as handler:
        worker.stop()
        await both_ended(run)
        assert signal.getsignal(signal.SIGTERM) is handler


async def test_a_handler_of_the_programs_loop_is_called_too_and_stays(redis_url: str) -> None:
    received = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, received.set)
    try:
        run = await serving(worker_of(redis_url, "one"))
        os.kill(os.getpid(), signal.SIGTERM)
        await both_ended(run)
        await asyncio.wait_for(received.wait(), PATIENCE)
        received.clear()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(received.wait(), PATIENCE)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_the_event_loop_can_be_chosen(
    broker: Broker, processes: Processes, folder: Path, redis_url: str, loop: str
) -> None:
    processes.worker("jobs.WorkerSettings", redis_url, "--loop", loop, cwd=folder)
    assert (await outcome(broker, await enqueue(broker, "loop"))).result == loop


WORDS = {
    "worker": ["jobs.WorkerSettings", "--metrics-port"],
    "gateway": ["--drain", "0", "--port"],
}


@pytest.mark.parametrize("command", WORDS)
def test_a_command_runs_without_standard_streams(
    processes: Processes, folder: Path, redis_url: str, command: str
) -> None:
    port = free_port()
    closed = ("-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "jobgate.cli")
    words = (command, "--redis", redis_url, *WORDS[command], str(port))
    process = processes.start(*closed, *words, program="sh", cwd=folder)
    process.url = f"http://127.0.0.1:{port}"
    process.wait_for_http()
    assert process.terminate() == 0
