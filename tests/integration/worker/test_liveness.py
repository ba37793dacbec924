"""/livez of a worker that starts, as an orchestrator asks it."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from harness.processes.commands import Processes
from harness.systems.workers import working
from harness.waiting import eventually
from jobgate.worker import Worker
from jobgate.worker.vitals.liveness import CLAIM_STALL, LOOP_STALL

Ctx = dict[str, Any]
Answer = tuple[int, str]


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


def get(port: int | None, path: str = "/livez") -> Answer:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def in_on_startup(url: str, ask: Callable[[Worker], Any], **settings: object) -> Any:
    """Return what `ask` returns within `on_startup`; it blocks the loop meanwhile."""
    found: list[Any] = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def on_startup(_: Ctx) -> None:
        found.append(ask(workers[0]))
        begun.set()
        await may_end.wait()

    workers: list[Worker] = []
    async with working([add], url, metrics_port=0, on_startup=on_startup, **settings) as worker:
        workers.append(worker)
        await begun.wait()
        may_end.set()
        await until_consuming(worker)
    return found[0]


async def until_consuming(worker: Worker) -> None:
    async with asyncio.timeout(30):
        while await asyncio.to_thread(get, worker.metrics_port) != (200, "consuming\n"):
            await asyncio.sleep(0.02)


async def test_a_worker_says_that_it_is_starting(redis_url: str) -> None:
    assert await in_on_startup(redis_url, lambda worker: get(worker.metrics_port)) == (200, "starting\n")


async def test_an_on_startup_may_take_longer_than_a_claim_and_block_the_loop(redis_url: str) -> None:
    def ask(worker: Worker) -> Answer:
        worker.liveness.pulse.last_beat -= LOOP_STALL + 1
        worker.liveness.last_round -= CLAIM_STALL + 1
        return get(worker.metrics_port)

    assert await in_on_startup(redis_url, ask) == (200, "starting\n")


async def test_a_start_has_a_limit_where_the_settings_say_so(redis_url: str) -> None:
    def ask(worker: Worker) -> Answer:
        time.sleep(0.2)
        return get(worker.metrics_port)

    status, text = await in_on_startup(redis_url, ask, startup_timeout=0.1)
    assert (status, text) == (503, "it has been starting for 0 s\n")


async def test_the_state_is_a_metric(redis_url: str) -> None:
    def ask(worker: Worker) -> str:
        return get(worker.metrics_port, "/metrics")[1]

    text = await in_on_startup(redis_url, ask)
    assert 'jobgate_worker_state{state="starting"} 1.0' in text
    assert 'jobgate_worker_state{state="consuming"} 0.0' in text


async def test_consuming_is_said_after_the_first_claim(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working([add], redis_url, metrics_port=0) as worker:
        answered, claim = asyncio.Event(), worker.broker.claim

        async def slow_claim(*args: Any, **options: Any) -> Any:
            await answered.wait()
            return await claim(*args, **options)

        monkeypatch.setattr(worker.broker, "claim", slow_claim)
        while not worker.liveness.consuming() or worker.metrics_port is None:
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(get, worker.metrics_port) == (200, "starting\n")
        answered.set()
        await until_consuming(worker)


@pytest.mark.long
@pytest.mark.parametrize("how", ["await asyncio.sleep(70)", "time.sleep(70)"])
def test_a_start_of_70_s(processes: Processes, redis_url: str, how: str) -> None:
    (processes.directory / "jobs.py").write_text(f"""
import asyncio, time

async def add(ctx, a):
    return a + 1

async def on_startup(ctx):
    {how}

class WorkerSettings:
    functions = [add]
    on_startup = on_startup
""")
    worker = processes.worker("jobs.WorkerSettings", redis_url, cwd=processes.directory)
    port = int(worker.url.rpartition(":")[2])
    seen: list[Answer] = []

    def consumes() -> bool:
        seen.append(get(port))
        time.sleep(0.5)
        return seen[-1][1] == "consuming\n"

    eventually(consumes, timeout=100, what="consuming")
    assert set(seen) == {(200, "starting\n"), (200, "consuming\n")}
    assert worker.terminate() == 0
