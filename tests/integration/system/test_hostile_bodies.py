"""Hostile pickles in Redis, read by real processes: a gateway, and a worker and clients that trust nobody."""

import asyncio
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from harness.forms import LONG
from harness.hostile import pickles as hostile
from harness.processes.commands import Processes
from harness.systems.gateways import running_gateway
from harness.waiting import eventually
from jobgate.arq import Job, create_pool
from jobgate.broker import Broker

pytestmark = pytest.mark.early

#: MiB that a gateway may have in memory at its worst: one bomb at a time, and its answer.
LARGEST = 512
#: The part of the work of the largest bombs for which bombs stand in the short form.
PART = 1 if LONG else 2
#: What may be answered: shown, no longer running, not yet ended, cannot be aborted, cannot be read.
HONEST = {200, 202, 409, 410}
FAR = 4_102_444_800_000

ECHO = """
async def echo(ctx, value=None, **more):
    return value


class WorkerSettings:
    functions = [echo]
    max_jobs = 50
"""


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that the pickles would make."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


def some_cases(canary: Path, step: int) -> list[tuple[str, bytes]]:
    return hostile.first(hostile.corpus(f"touch {canary}", changes=400, noises=400), step)


async def ask(session: aiohttp.ClientSession, method: str, path: str) -> tuple[int, Any]:
    async with session.request(method, path) as answer:
        return answer.status, await answer.json(content_type=None)


@pytest.mark.timeout(120)
async def test_the_gateway_answers_honestly(processes: Processes, redis_url: str, canary: Path) -> None:
    gateway = processes.gateway(redis_url, "--serializer", "pickle")
    cases = some_cases(canary, 60)
    with redis.Redis.from_url(redis_url) as client:
        for number, (_, blob) in enumerate(cases):
            client.set(f"arq:result:r{number}", blob)
            client.set(f"arq:job:j{number}", blob)
            client.zadd("arq:queue", {f"j{number}": FAR})
    paths = [
        *(("GET", path) for path in ("/jobs/r{}/status", "/jobs/r{}/result", "/jobs/r{}/result?wait=1")),
        *(("GET", path) for path in ("/jobs/j{}/status", "/jobs/j{}/result", "/jobs/j{}/result?wait=0")),
        *(("POST", path) for path in ("/jobs/r{}/abort", "/jobs/j{}/abort")),
    ]
    async with aiohttp.ClientSession(gateway.url) as session:
        listed, document = await ask(session, "GET", "/jobs?limit=1000")
        assert (listed, len(document["jobs"])) == (200, len(cases))
        for number, (name, _) in enumerate(cases):
            for method, path in paths:
                status, document = await ask(session, method, path.format(number))
                assert status in HONEST, f"{method} {path} of {name}: {status} {document}"
                assert isinstance(document, dict)
    assert len(cases) > 150
    assert gateway.running
    assert not re.search("Traceback|ERROR", gateway.log), gateway.log
    assert gateway.terminate() == 0


async def test_a_placeholder_tells_what_was_meant(redis_url: str, canary: Path) -> None:
    """A hostile call in each place where a caller looks, in the frame of each protocol."""
    call = b"cos\nsystem\n" + hostile.text(f"touch {canary}") + b"\x85R"
    async with running_gateway(redis_url, serializer="pickle") as gateway:
        for protocol in hostile.PROTOCOLS:
            mark = b"\x80" + bytes([protocol])
            with redis.Redis.from_url(redis_url) as client:
                client.set("arq:result:good", mark + hostile.as_result(call))
                client.set("arq:result:bad", mark + hostile.as_result(call, success=False))
                client.set("arq:job:waits", mark + hostile.as_job(call))
                client.zadd("arq:queue", {"waits": FAR})
            _, good, _ = await gateway.get("/jobs/good/result?wait=1")
            _, bad, _ = await gateway.get("/jobs/bad/result")
            _, waits, _ = await gateway.get("/jobs/waits/status")
            assert good["result"] == {"__class__": "os.system"}
            assert (bad["error"]["type"], bad["error"]["message"]) == ("system", f"touch {canary}")
            assert waits["args"] == [{"__class__": "os.system"}]


@pytest.mark.timeout(240)
async def test_bombs_hold_up_nobody(processes: Processes, redis_url: str) -> None:
    """While the gateway reads a pickle as large as it reads at all, or half as large, it answers others."""
    gateway = processes.gateway(redis_url, "--serializer", "pickle")
    slow = {"long numbers", "empty dicts", "date shared", "deep objects"}
    chosen = slow | {"keys in keys", "wide text", "bytearray shared", "timedelta shared", "open marks"}
    bombs = [(name, hostile.as_result(ops)) for name, ops in hostile.bombs(PART) if name in chosen]
    worst = 0.0
    async with aiohttp.ClientSession(gateway.url) as session:
        for name, blob in bombs:
            with redis.Redis.from_url(redis_url) as client:
                client.set("arq:result:bomb", blob)
            reading = asyncio.ensure_future(ask(session, "GET", "/jobs/bomb/result"))
            others = 0
            while not reading.done():
                before = time.monotonic()
                assert (await ask(session, "GET", "/livez"))[0] == 200
                worst = max(worst, time.monotonic() - before)
                others += 1
            status, document = await reading
            assert status in HONEST, f"{name}: {status} {document}"
            if name in slow:
                assert others >= 5, f"{others} requests were answered while {name} was read"
    sys.stdout.write(f"slowest answer meanwhile {worst:.3f} s, most memory {gateway.most_memory:.0f} MiB\n")
    assert gateway.most_memory < LARGEST
    assert not re.search("Traceback|ERROR", gateway.log), gateway.log
    assert gateway.terminate() == 0


@pytest.mark.timeout(120)
async def test_many_bombs_at_once(processes: Processes, redis_url: str) -> None:
    """Who asks for too many at a time is told that they were not read, and nobody else pays for it."""
    gateway = processes.gateway(redis_url, "--serializer", "pickle")
    bombs = dict(hostile.bombs())
    with redis.Redis.from_url(redis_url) as client:
        for number in range(12):
            client.set(f"arq:result:r{number}", hostile.as_result(bombs["date shared"]))
            client.set(f"arq:job:j{number}", hostile.as_job(bombs["empty dicts"]))
            client.zadd("arq:queue", {f"j{number}": FAR})
    async with aiohttp.ClientSession(gateway.url) as session:
        results = await asyncio.gather(*(ask(session, "GET", f"/jobs/r{n}/result") for n in range(12)))
        assert {status for status, _ in results} <= {200, 410}
        paths = [*(f"/jobs/j{n}/status" for n in range(12)), "/jobs", "/jobs?status=complete"]
        views = await asyncio.gather(*(ask(session, "GET", path) for path in paths))
        assert [status for status, _ in views] == [200] * len(paths)
        assert {job["job_id"] for job in views[-2][1]["jobs"]} == {f"j{n}" for n in range(12)}
    assert gateway.terminate() == 0


@pytest.mark.timeout(120)
async def test_worker_and_clients_that_were_not_told_pickle(
    processes: Processes, redis_url: str, canary: Path, tmp_path: Path
) -> None:
    cases = some_cases(canary, 60)
    call = b"cos\nsystem\n" + hostile.text(f"touch {canary}") + b"\x85R"
    cases.append(("the call itself", hostile.as_job(call)))
    with redis.Redis.from_url(redis_url) as client:
        for number, (_, blob) in enumerate(cases):
            client.set(f"arq:job:j{number}", blob)
            client.zadd("arq:queue", {f"j{number}": 1})
    (tmp_path / "echoes.py").write_text(ECHO)
    worker = processes.worker("echoes.WorkerSettings", redis_url, cwd=tmp_path)
    with redis.Redis.from_url(redis_url) as client:
        eventually(lambda: client.zcard("arq:queue") == 0, timeout=60, what="an empty queue")
        for number, (name, _) in enumerate(cases):
            assert client.exists(f"arq:result:j{number}"), f"{name} has no outcome"
    assert worker.running
    assert worker.terminate() == 0

    async with await create_pool(redis_url) as pool:
        assert await Job(f"j{len(cases) - 1}", pool).result(timeout=5) == {"__class__": "os.system"}
        assert len(await pool.all_job_results()) == len(cases)


async def test_lists_and_clients_read_nothing_for_real(redis_url: str, canary: Path) -> None:
    cases = some_cases(canary, 40)
    with redis.Redis.from_url(redis_url) as client:
        for number, (_, blob) in enumerate(cases):
            client.set(f"arq:result:r{number}", blob)
            client.set(f"arq:job:j{number}", blob)
            client.zadd("arq:queue", {f"j{number}": FAR})
    for codec in ("json", "pickle"):
        async with Broker(redis_url, codec=codec) as broker:
            queued = await everything(broker.queued_jobs, "jobs")
            assert len(queued) == len(cases)
            results = await everything(broker.results, "results")
            assert 0 < len(results) < len(cases)
    async with await create_pool(redis_url) as pool:
        assert 0 < len(await pool.queued_jobs()) < len(cases)
        assert len(await pool.all_job_results()) == len(results)


async def everything(read: Any, field: str) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        page = await read(cursor=cursor)
        found += getattr(page, field)
        cursor = page.cursor
        if not cursor:
            return found
