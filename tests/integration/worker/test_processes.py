"""Plain functions in processes of their own, `executor="process"`, with a real server and real processes."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.functions import process_functions as functions
from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, enqueue, outcome, working
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker, FailureCode, JobResult
from jobgate.worker import Function, ProcessDied, SettingsError, func


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


def in_process(*names: str, **options: Any) -> list[Function]:
    return [func(getattr(functions, name), executor="process", **options) for name in names]


def is_gone(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


async def test_a_function_runs_in_a_process_that_is_used_again(broker: Broker, redis_url: str) -> None:
    ids = [await enqueue(broker, "whoami") for _ in range(3)]
    await burst(in_process("whoami"), redis_url, max_processes=1)
    results = [await broker.result(job_id) for job_id in ids]
    (pid,) = {result.result for result in results if result is not None}
    assert pid != os.getpid()
    assert eventually(lambda: is_gone(pid), what="the end of the child with its worker")


@pytest.fixture(scope="module")
def outcomes(valkey_server: RedisServer) -> dict[str, JobResult]:
    """How one job of each function ends, by its name; one worker runs them, in a process used again."""
    valkey_server.reset()
    return asyncio.run(_outcomes(valkey_server.url))


async def _outcomes(url: str) -> dict[str, JobResult]:
    calls: dict[str, tuple[Any, ...]] = {"add": (2,), "fail": ("no such thing",)}
    others = ("keys", "fail_oddly", "leave", "interrupt", "crash", "unstorable", "again", "remaining")
    calls |= dict.fromkeys(others, ())
    kwargs = {"add": {"b": 40}}
    ctx = {"color": 7, "connection": threading.Lock(), "rule": lambda: 1}
    served = [*in_process(*calls.keys() - {"remaining"}), *in_process("remaining", timeout=50)]
    async with Broker(url) as broker:
        ids = {
            name: await enqueue(broker, name, *args, kwargs=kwargs.get(name, {}))
            for name, args in calls.items()
        }
        await burst(served, url, max_processes=1, ctx=ctx)
        return {name: await outcome(broker, job_id) for name, job_id in ids.items()}


def test_arguments_and_results_go_through(outcomes: dict[str, JobResult]) -> None:
    assert outcomes["add"].result == 42


def test_it_finds_in_ctx_what_can_be_pickled(outcomes: dict[str, JobResult]) -> None:
    found = set(outcomes["keys"].result)
    assert {"color", "deadline", "enqueue_time", "job_id", "job_try", "progress", "score"} <= found
    assert not {"connection", "redis", "rule"} & found


def test_its_deadline_is_the_jobs(outcomes: dict[str, JobResult]) -> None:
    assert 20 < outcomes["remaining"].result <= 50


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("fail", "LookupError", "no such thing"),
        ("fail_oddly", "Odd", "1 and 2"),
        ("leave", "SystemExit", "3"),
        ("interrupt", "KeyboardInterrupt", ""),
        ("crash", "ProcessDied", "the process of the function was killed by signal 9"),
    ],
)
def test_failures_are_told_and_the_worker_lives(
    outcomes: dict[str, JobResult], name: str, kind: str, message: str
) -> None:
    failure = outcomes[name].failure
    assert failure is not None
    assert (failure.code, failure.type, failure.message) == (FailureCode.ERROR, kind, message)
    if kind == "LookupError":
        assert failure.traceback is not None
        assert "raise LookupError(message)" in failure.traceback, "the child's own"


def test_a_result_that_cannot_leave_the_process_is_said_to_be_unserialisable(
    outcomes: dict[str, JobResult],
) -> None:
    failure = outcomes["unstorable"].failure
    assert failure is not None
    assert failure.code is FailureCode.UNSERIALISABLE_RESULT
    assert "generator" in failure.message


def test_a_retry_crosses_the_process(outcomes: dict[str, JobResult]) -> None:
    assert outcomes["again"].result == 2


async def test_a_crash_takes_no_other_call_with_it(broker: Broker, redis_url: str, tmp_path: Path) -> None:
    done = tmp_path / "done"
    long = await enqueue(broker, "report", str(done))
    async with working(in_process("report", "crash"), redis_url, max_processes=2):
        crashed = await outcome(broker, await enqueue(broker, "crash"))
        assert crashed.failure is not None
        done.touch()
        assert (await outcome(broker, long)).success


async def test_a_crash_is_seen_while_a_process_of_the_function_lives_on(
    broker: Broker, redis_url: str, tmp_path: Path
) -> None:
    heir = tmp_path / "heir"
    crashes = await enqueue(broker, "crash_with_heir", str(heir))
    sums = await enqueue(broker, "add", 1)
    try:
        await burst(in_process("crash_with_heir", "add"), redis_url, max_processes=1)
        failure = (await outcome(broker, crashes)).failure
        assert failure is not None
        assert (failure.type, failure.message) == (
            "ProcessDied",
            "the process of the function was killed by signal 9",
        )
        assert (await outcome(broker, sums)).result == 2
    finally:
        os.kill(int(heir.read_text()), signal.SIGKILL)


async def test_a_crash_is_tried_again_where_the_function_says_so(
    broker: Broker, redis_url: str, tmp_path: Path
) -> None:
    job_id = await enqueue(broker, "crash", str(tmp_path / "once"))
    await burst(in_process("crash", retry_on=ProcessDied, backoff=0), redis_url)
    result = await outcome(broker, job_id)
    assert (result.result, result.tries) == ("alive", 2)


async def test_a_timeout_kills_the_process(broker: Broker, redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    functions = [*in_process("whoami"), *in_process("hold", timeout=2)]
    async with working(functions, redis_url, max_processes=1):
        # The start of a process counts as well, and may take its time on a loaded machine.
        warm = (await outcome(broker, await enqueue(broker, "whoami"))).result
        result = await outcome(broker, await enqueue(broker, "hold", str(file)))
        assert result.failure is not None
        assert result.failure.code is FailureCode.TIMEOUT
        assert int(file.read_text()) == warm
        assert eventually(lambda: is_gone(warm), what="the end of the child")


async def test_an_abort_kills_the_process(broker: Broker, redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    async with working(in_process("hold", "add"), redis_url, max_processes=1):
        job_id = await enqueue(broker, "hold", str(file))
        pid = await asyncio.to_thread(_pid, file)
        await broker.abort(job_id)
        result = await outcome(broker, job_id)
        assert result.failure is not None
        assert result.failure.code is FailureCode.ABORTED
        assert eventually(lambda: is_gone(pid), what="the end of the child")
        assert (await outcome(broker, await enqueue(broker, "add", 1))).result == 2, "there is room again"


async def test_a_stopping_worker_kills_the_process_and_releases_the_job(
    broker: Broker, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    async with working(in_process("hold"), redis_url):
        job_id = await enqueue(broker, "hold", str(file))
        pid = await asyncio.to_thread(_pid, file)
    assert eventually(lambda: is_gone(pid), what="the end of the child")
    view = await broker.view(job_id)
    assert view is not None
    assert (view.status, view.tries) == ("queued", 0), "no try was burnt"


async def test_its_log_lines_reach_the_workers_log(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await enqueue(broker, "log", "hello from elsewhere")
    await burst(in_process("log"), redis_url)
    assert [record.name for record in caplog.records if "hello from elsewhere" in record.message] == [
        "my.own"
    ]


async def test_its_progress_can_be_read(broker: Broker, redis_url: str, tmp_path: Path) -> None:
    done = tmp_path / "done"
    async with working(in_process("report"), redis_url):
        job_id = await enqueue(broker, "report", str(done))

        async def said() -> bool:
            view = await broker.view(job_id)
            return view is not None and view.progress is not None and view.progress.fraction == 0.5

        await eventually_async(said, what="progress")
        done.touch()
        await outcome(broker, job_id)


def test_what_cannot_run_in_a_process_is_refused() -> None:
    async def coroutine(ctx: dict[str, Any]) -> None: ...

    def nested(ctx: dict[str, Any]) -> None: ...

    with pytest.raises(SettingsError, match="top of a module"):
        func(nested, executor="process")
    with pytest.raises(SettingsError, match="is a coroutine function"):
        func(coroutine, executor="process")
    with pytest.raises(SettingsError, match="'thread' or 'process'"):
        func(nested, executor="fork")  # type: ignore[arg-type]
    assert func(nested, executor="thread").executor == "thread"


JOBS = """
import os, pathlib, time
from jobgate.worker import func

def hold(ctx, file):
    pathlib.Path(file).write_text(str(os.getpid()))
    time.sleep(600)

class WorkerSettings:
    functions = [func(hold, executor="process")]
    lease = 2.0
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
async def test_no_process_outlives_its_worker(
    broker: Broker, redis_url: str, processes: Processes, tmp_path: Path, sign: signal.Signals
) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=tmp_path)
    await enqueue(broker, "hold", str(tmp_path / "pid"))
    pid = await asyncio.to_thread(_pid, tmp_path / "pid")
    worker.signal(sign)
    assert worker.wait() == (0 if sign is signal.SIGTERM else -signal.SIGKILL)
    assert eventually(lambda: is_gone(pid), what="the end of the child")


async def test_a_signal_to_the_whole_group_is_the_workers_to_deal_with(
    broker: Broker, redis_url: str, processes: Processes, tmp_path: Path
) -> None:
    """Ctrl-C, or a supervisor that ends a whole group: running jobs may still come to their end."""
    text = JOBS.replace("time.sleep(600)", "time.sleep(1)").replace("lease = 2.0", "job_completion_wait = 20")
    (tmp_path / "jobs.py").write_text(text)
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=tmp_path)
    job_id = await enqueue(broker, "hold", str(tmp_path / "pid"))
    await asyncio.to_thread(_pid, tmp_path / "pid")
    os.killpg(worker.pid, signal.SIGINT)
    assert worker.wait() == 0
    result = await broker.result(job_id)
    assert result is not None
    assert (result.success, result.tries) == (True, 1)


def _pid(file: Path) -> int:
    """Wait for the start of `hold` and return its process's id."""
    return int(eventually(lambda: file.exists() and file.read_text(), what="the start of the function"))
