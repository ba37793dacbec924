"""Hooks that hang at the start or the end of a worker: stops and signals that come meanwhile end them."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from harness.processes.commands import Processes
from harness.systems.workers import busy, enqueue
from harness.waiting import PATIENCE, eventually, eventually_async
from jobgate.broker import Broker
from jobgate.worker import Worker

Ctx = dict[str, Any]
CUT = "on_shutdown was cancelled by a further stop"


async def sleep(ctx: Ctx, seconds: float) -> None:
    await asyncio.sleep(seconds)


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def live(broker: Broker, count: int) -> None:
    async def there() -> bool:
        return len(await broker.workers()) == count

    await eventually_async(there, what=f"{count} live workers")


async def started(broker: Broker, url: str, **settings: Any) -> tuple[Worker, asyncio.Task[None]]:
    worker = Worker([sleep], redis_settings=url, handle_signals=False, **settings)
    run = asyncio.create_task(worker.async_run())
    await live(broker, 1)
    return worker, run


class Hook:
    """An `on_shutdown` that waits for `may_end`."""

    def __init__(self, *, heeds: int = 1) -> None:
        #: The cancellation that ends it; it goes on after those before.
        self.heeds = heeds
        self.may_end = asyncio.Event()
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.cancels = 0
        self.ended = False

    async def __call__(self, ctx: Ctx) -> None:
        self.begun.set()
        while not self.may_end.is_set():
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                self.cancels += 1
                self.cancelled.set()
                if self.cancels == self.heeds:
                    raise
        self.ended = True


async def end_of(run: asyncio.Task[None], hook: Hook | None = None) -> None:
    done, _ = await asyncio.wait({run}, timeout=PATIENCE)
    if hook is not None:
        hook.may_end.set()
    assert done, "it still runs"
    await run


async def test_a_second_stop_ends_an_on_shutdown_that_hangs(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook()
    worker, run = await started(broker, redis_url, on_shutdown=hook)
    worker.stop()
    await hook.begun.wait()
    worker.stop()
    await end_of(run, hook)
    assert (hook.cancels, hook.ended) == (1, False)
    assert caplog.text.count(CUT) == 1
    assert await broker.workers() == [], "the rest of the stop is done"


async def test_one_stop_waits_for_on_shutdown(
    broker: Broker, redis_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("jobgate.worker.runs.shutdown.STOP_GRACE", 0.1)
    hook = Hook()
    worker, run = await started(broker, redis_url, on_shutdown=hook)
    worker.stop()
    asyncio.get_running_loop().call_later(0.5, hook.may_end.set)
    await end_of(run, hook)
    assert (hook.cancels, hook.ended) == (0, True)
    assert CUT not in caplog.text


async def test_the_first_stop_while_a_burst_ends_by_itself_waits_too(redis_url: str) -> None:
    hook = Hook()
    worker = Worker([sleep], redis_settings=redis_url, burst=True, handle_signals=False, on_shutdown=hook)
    run = asyncio.create_task(worker.async_run())
    await asyncio.wait_for(hook.begun.wait(), PATIENCE)
    worker.stop()
    asyncio.get_running_loop().call_later(0.2, hook.may_end.set)
    await end_of(run, hook)
    assert (hook.cancels, hook.ended) == (0, True)


@pytest.mark.parametrize("is_long", [False, True])
async def test_after_a_second_stop_on_shutdown_has_the_grace_of_cancelled_jobs(
    broker: Broker,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_long: bool,
) -> None:
    hook = Hook()
    worker, run = await started(broker, redis_url, on_shutdown=hook, job_completion_wait=600)
    await enqueue(broker, "sleep", 600)
    await busy(worker)
    if is_long:
        monkeypatch.setattr("jobgate.worker.runs.shutdown.STOP_GRACE", 0.1)
    else:
        monkeypatch.setattr("jobgate.worker.runs.shutdown.STOP_GRACE", 60)
        hook.may_end.set()
    worker.stop()
    worker.stop()
    await end_of(run, hook)
    assert hook.ended is not is_long
    assert (CUT in caplog.text) is is_long


async def test_each_further_stop_cancels_on_shutdown_again(broker: Broker, redis_url: str) -> None:
    hook = Hook(heeds=2)
    worker, run = await started(broker, redis_url, on_shutdown=hook)
    worker.stop()
    await hook.begun.wait()
    worker.stop()
    await hook.cancelled.wait()
    worker.stop()
    await end_of(run, hook)
    assert (hook.cancels, hook.ended) == (2, False)


async def test_an_on_shutdown_that_ends_well_although_it_was_cancelled(
    broker: Broker, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook(heeds=9)
    worker, run = await started(broker, redis_url, on_shutdown=hook)
    worker.stop()
    await hook.begun.wait()
    worker.stop()
    await hook.cancelled.wait()
    hook.may_end.set()
    await end_of(run, hook)
    assert (hook.cancels, hook.ended, run.cancelling()) == (1, True, 0)
    assert CUT not in caplog.text


async def test_a_cancellation_from_outside_goes_through_on_shutdown(broker: Broker, redis_url: str) -> None:
    hook = Hook(heeds=2)
    _, run = await started(broker, redis_url, on_shutdown=hook)
    run.cancel()
    await hook.begun.wait()
    run.cancel()
    await hook.cancelled.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await end_of(run, hook)
    assert await broker.workers() == []


async def cancels_what_it_awaits(ctx: Ctx) -> None:
    helper = asyncio.create_task(asyncio.sleep(600))
    helper.cancel()
    await helper


async def stops_the_worker(ctx: Ctx) -> None:
    for _ in range(2):
        ctx["worker"].stop()


@pytest.mark.parametrize("hook", [cancels_what_it_awaits, stops_the_worker])
async def test_no_on_shutdown_makes_a_worker_end_as_if_cancelled(
    broker: Broker, redis_url: str, hook: Callable[[Ctx], Any]
) -> None:
    ctx: Ctx = {"a": "value"}
    worker, run = await started(broker, redis_url, on_shutdown=hook, ctx=ctx)
    ctx["worker"] = worker
    worker.stop()
    await end_of(run)
    assert run.cancelling() == 0
    assert await broker.workers() == []


HOOKS = """
import asyncio, time
import jobgate.worker.runs.shutdown, jobgate.worker.worker

async def add(ctx, a):
    return a

async def hang(ctx):
    print("hook begins", flush=True)
    await asyncio.sleep(600)
    print("hook ends", flush=True)

async def hang_in_thread(ctx):
    # No need to wait for all of it: it does not end.
    jobgate.worker.runs.shutdown.STOP_GRACE = jobgate.worker.worker.STOP_GRACE = 0.5
    print("hook begins", flush=True)
    await asyncio.to_thread(time.sleep, 600)

class Shutdown:
    functions = [add]
    on_shutdown = hang

class ShutdownInThread:
    functions = [add]
    on_shutdown = hang_in_thread

class Threads:
    functions = [hang_in_thread]

class Startup:
    functions = [add]
    on_startup = hang

class StartupInThread:
    functions = [add]
    on_startup = hang_in_thread
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hooks.py").write_text(HOOKS)
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_an_on_shutdown_that_hangs(
    processes: Processes, folder: Path, broker: Broker, redis_url: str, sent: signal.Signals, workers: int
) -> None:
    words = ["--workers", str(workers)] * bool(workers)
    worker = processes.start("worker", "hooks.Shutdown", "--redis", redis_url, *words, cwd=folder)
    count = workers or 1
    await live(broker, count)
    worker.signal(sent)
    eventually(lambda: worker.log.count("hook begins") == count, what="on_shutdown")
    worker.signal(sent)
    assert worker.wait() == 0
    assert worker.log.count(CUT) == count
    assert "hook ends" not in worker.log
    assert "Traceback" not in worker.log
    assert await broker.workers() == []


@pytest.mark.parametrize("words", [(), ("--workers", "1")])
@pytest.mark.parametrize("settings", ["Startup", "StartupInThread"])
def test_a_signal_ends_an_on_startup_that_hangs(
    processes: Processes, folder: Path, redis_url: str, settings: str, words: tuple[str, ...]
) -> None:
    worker = processes.start("worker", f"hooks.{settings}", "--redis", redis_url, *words, cwd=folder)
    worker.wait_for_log("hook begins")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert "hook ends" not in worker.log
    assert "Traceback" not in worker.log


async def test_a_thread_that_on_shutdown_waited_for_does_not_keep_the_process(
    processes: Processes, folder: Path, broker: Broker, redis_url: str
) -> None:
    worker = processes.start("worker", "hooks.ShutdownInThread", "--redis", redis_url, cwd=folder)
    await live(broker, 1)
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("hook begins")
    worker.signal(signal.SIGTERM)
    worker.wait_for_log(CUT)
    assert worker.wait() == 0
    assert "threads" in worker.log


async def test_a_thread_that_a_cancelled_function_waited_for_does_not_keep_the_process(
    processes: Processes, folder: Path, broker: Broker, redis_url: str
) -> None:
    worker = processes.start("worker", "hooks.Threads", "--redis", redis_url, cwd=folder)
    job_id = await enqueue(broker, "hang_in_thread")
    worker.wait_for_log("hook begins")
    assert worker.terminate() == 0
    view = await broker.view(job_id)
    assert view is not None
    assert (view.status, view.tries) == ("queued", 0)
