"""One story of jobs, told with arq or with jobgate: `arq_story.py arq|jobgate URL` prints it as JSON.

The story is a list of scenes, each on an empty database, each a list of steps. After each step it is noted
what Redis holds, and which commands it was sent in this step. The server must serve nobody else.
"""

import asyncio
import importlib
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import redis.asyncio

KIND, URL = sys.argv[1:]
IS_ARQ = KIND == "arq"


def taken(name: str, module: str = "") -> Any:
    """Return one of the names that both have."""
    return getattr(importlib.import_module(("arq" if IS_ARQ else "jobgate.arq") + module), name)


create_pool, Retry, cron, func = map(taken, ("create_pool", "Retry", "cron", "func"))
RedisSettings = taken("RedisSettings", ".connections")
Worker = taken("Worker", ".worker")
QUEUE = "arq:queue"
LOOK = Path(__file__).with_name("look.lua").read_text()
#: A line of MONITOR: who, and the words.
LINE = re.compile(rb"\+[\d.]+ \[\d+ ([^\]]+)\] (.*)\r\n", re.DOTALL)
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)", re.DOTALL)
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


class Stage:
    """Where the function of all jobs stands still until the story goes on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def act(self) -> None:
        """Say that a job runs, and wait."""
        self.reached.set()
        await self.go_on.wait()
        self.go_on.clear()

    async def runs(self) -> None:
        """Wait until a job runs."""
        await asyncio.wait_for(self.reached.wait(), 20)
        self.reached.clear()


stage: Stage


async def act(ctx: dict[str, Any], then: str = "return") -> Any:
    """Wait for the story, then end as it is told."""
    await stage.act()
    if then == "raise":
        raise ValueError("broken", 7)
    if then == "retry later" and ctx["job_try"] == 1:
        raise Retry(defer=60)
    if then == "retry" and ctx["job_try"] == 1:
        raise Retry
    return {"try": ctx["job_try"], "a tuple": (1, None)}


def unescaped(word: bytes) -> str:
    """A word as it was sent, its bytes as the characters of Latin-1."""

    def byte(found: "re.Match[bytes]") -> bytes:
        sign = found[1]
        return bytes([int(sign[1:], 16)]) if len(sign) == 3 else ESCAPED.get(sign, sign)

    return ESCAPE.sub(byte, word).decode("latin-1")


class Observer:
    """Sees all that is sent to the server, and all that it holds."""

    def __init__(self, lines: asyncio.StreamReader) -> None:
        self._lines = lines
        self.client = redis.asyncio.Redis.from_url(URL, single_connection_client=True)
        self.scenes: dict[str, list[dict[str, Any]]] = {}
        self._steps: list[dict[str, Any]] = []

    async def begin(self, scene: str) -> None:
        """Empty the database and forget what was sent until now."""
        await self.client.flushall()
        await self._commands()
        self._steps = self.scenes[scene] = []
        self._began = time.time() * 1000

    async def note(self, step: str) -> None:
        """Note what Redis holds after a step, and what it was sent."""
        found = await self.client.eval(LOOK, 0)
        times = {"began": self._began, "noted": time.time() * 1000}
        keys = {key.decode(): _shown(kind.decode(), ttl, value) for key, kind, ttl, value in found}
        self._steps.append({"step": step, **times, "keys": keys, "commands": await self._commands()})

    async def until(self, holds: Callable[[], Awaitable[Any]]) -> None:
        """Ask again and again until it is so."""
        deadline = time.monotonic() + 20
        while not await holds():
            assert time.monotonic() < deadline, f"it never came to that: {await self.client.keys('*')}"
            await asyncio.sleep(0.005)

    async def has(self, *keys: str) -> bool:
        """Whether one of these keys is there."""
        return bool(await self.client.exists(*keys))

    async def lacks(self, *keys: str) -> bool:
        """Whether none of these keys is there."""
        return not await self.has(*keys)

    async def _commands(self) -> list[list[str]]:
        """What others have sent since the last call: who, and the words."""
        commands: list[tuple[bytes, list[str]]] = []
        marker = f"mark {time.monotonic_ns()}".encode()
        await self.client.echo(marker)
        while True:
            line = LINE.fullmatch(await self._lines.readuntil(b"\r\n"))
            assert line is not None
            words = [unescaped(word) for word in WORD.findall(line[2])]
            if words[-1].encode() == marker:
                own = line[1]
                return [[who.decode(), *words] for who, words in commands if who not in (own, b"lua")]
            commands.append((line[1], words))


def _shown(kind: str, ttl: int, value: Any) -> dict[str, Any]:
    if kind == "zset":
        pairs = zip(value[::2], value[1::2])  # noqa: B905 (the script runs with whatever Python arq has)
        return {"type": kind, "ttl": ttl, "value": {member.decode(): float(score) for member, score in pairs}}
    return {"type": kind, "ttl": ttl, "value": value.decode("latin-1") if kind == "string" else None}


class Told:
    """What a scene works with."""

    def __init__(self, observer: Observer, pool: Any) -> None:
        self.observer, self.pool = observer, pool
        self.note, self.until = observer.note, observer.until

    @asynccontextmanager
    async def worker(self, **settings: Any) -> AsyncIterator[Any]:
        """Run a worker while the block lasts."""
        known: dict[str, Any] = {
            "functions": [act],
            "handle_signals": False,
            "poll_delay": 0.02,
            "allow_abort_jobs": True,
        }
        worker = _worker({**known, **settings})
        run = asyncio.create_task(worker.async_run())
        try:
            yield worker
        finally:
            await _stopped(worker, run)

    async def enqueue(self, then: str = "return", **options: Any) -> Any:
        """Enqueue the job `a`."""
        return await self.pool.enqueue_job("act", then, _job_id="a", **options)

    async def ended(self) -> None:
        """Wait until the queue is empty."""
        await self.until(lambda: self.observer.lacks(QUEUE))


def _worker(settings: dict[str, Any]) -> Any:
    if IS_ARQ:
        return Worker(**settings, redis_settings=RedisSettings.from_dsn(URL))
    return Worker({**settings, "redis_settings": URL, "serializer": "pickle"})


async def _stopped(worker: Any, run: "asyncio.Task[None]") -> None:
    if IS_ARQ:
        await worker.close()
    else:
        worker.stop()
    with suppress(asyncio.CancelledError):
        await run


Scene = Callable[[Told], Awaitable[None]]
SCENES: dict[str, Scene] = {}


def scene(tell: Scene) -> Scene:
    """Put a scene into the story."""
    SCENES[tell.__name__.replace("_", " ")] = tell
    return tell


@scene
async def enqueue(told: Told) -> None:
    idle = {"_queue_name": "idle"}
    hour = datetime.now(timezone.utc) + timedelta(hours=1)  # noqa: UP017 (as above)
    await told.pool.enqueue_job("act", 1, (2, {3}), **idle, word=b"x")
    await told.note("with an id of its own")
    steps: dict[str, dict[str, Any]] = {
        "plain": {},
        "deferred by": {"_defer_by": 100},
        "deferred until": {"_defer_until": hour},
        "expires": {"_expires": 10},
        "deferred and expires": {"_defer_by": 100, "_expires": timedelta(seconds=200)},
        "with a try": {"_job_try": 3},
    }
    for step, options in steps.items():
        await told.pool.enqueue_job("act", _job_id=step.replace(" ", "-"), **idle, **options)
        await told.note(step)
    assert await told.pool.enqueue_job("act", 7, _job_id="plain") is None
    await told.note("the same id again")


@scene
async def success(told: Told) -> None:
    await told.enqueue()
    async with told.worker():
        await stage.runs()
        await told.note("claimed")
        stage.go_on.set()
        await told.ended()
        await told.note("finished")
    assert await told.pool.enqueue_job("act", 7, _job_id="a") is None
    await told.note("its id again")


@scene
async def failure(told: Told) -> None:
    await told.enqueue("raise")
    async with told.worker():
        stage.go_on.set()
        await told.ended()
        await told.note("finished")


@scene
async def retry_later(told: Told) -> None:
    await told.enqueue("retry later")
    async with told.worker():
        stage.go_on.set()
        await stage.runs()
        await told.until(lambda: told.observer.lacks("arq:in-progress:a"))
        await told.note("retried")


@scene
async def retry_at_once(told: Told) -> None:
    await told.enqueue("retry")
    async with told.worker():
        stage.go_on.set()
        await stage.runs()
        await stage.runs()
        await told.note("runs again")
        stage.go_on.set()
        await told.ended()
        await told.note("finished")


@scene
async def a_first_try_of_ones_own(told: Told) -> None:
    await told.enqueue(_job_try=3)
    async with told.worker():
        await stage.runs()
        await told.note("claimed")
        stage.go_on.set()
        await told.ended()
        await told.note("finished")


@scene
async def tried_too_often(told: Told) -> None:
    await told.enqueue(_job_try=3)
    async with told.worker(max_tries=2):
        await told.ended()
        await told.note("finished")


@scene
async def expired(told: Told) -> None:
    await told.enqueue()
    await told.observer.client.delete("arq:job:a")
    async with told.worker():
        await told.ended()
        await told.note("finished")


@scene
async def unknown_function(told: Told) -> None:
    await told.pool.enqueue_job("nowhere", 1, _job_id="a")
    async with told.worker():
        await told.ended()
        await told.note("finished")


async def _abort(told: Told, job: Any) -> "asyncio.Task[bool]":
    """Ask for it, and return when it has been asked."""
    asked = asyncio.create_task(job.abort(timeout=20, poll_delay=0.02))
    await told.until(lambda: told.observer.has("arq:abort", "arq:result:a"))
    return asked


@scene
async def abort_of_a_queued_job(told: Told) -> None:
    asked = await _abort(told, await told.enqueue())
    await told.note("asked")
    async with told.worker():
        assert await asked
        await told.note("aborted")


@scene
async def abort_of_a_deferred_job(told: Told) -> None:
    asked = await _abort(told, await told.enqueue(_defer_by=100))
    await told.note("asked")
    async with told.worker():
        assert await asked
        await told.note("aborted")


@scene
async def abort_of_a_running_job(told: Told) -> None:
    job = await told.enqueue()
    async with told.worker():
        await stage.runs()
        assert await job.abort(timeout=20, poll_delay=0.02)
        await told.note("aborted")


@scene
async def keep_result_0(told: Told) -> None:
    await told.enqueue()
    async with told.worker(functions=[func(act, name="act", keep_result=0)]):
        stage.go_on.set()
        await told.ended()
        await told.note("finished")


@scene
async def keep_result_forever(told: Told) -> None:
    await told.enqueue()
    async with told.worker(functions=[func(act, name="act", keep_result_forever=True)]):
        stage.go_on.set()
        await told.ended()
        await told.note("finished")


@scene
async def cron_job(told: Told) -> None:
    day = datetime.now() + timedelta(days=100)  # noqa: DTZ005 (cron jobs go by local time)
    job = cron(
        act, name="cron:act", month=day.month, day=day.day, run_at_startup=True, timeout=5, keep_result=50
    )
    async with told.worker(functions=[], cron_jobs=[job]):
        await stage.runs()
        await told.note("claimed")
        stage.go_on.set()
        await told.ended()
        await told.note("finished")


@scene
async def worker_that_stops(told: Told) -> None:
    await told.enqueue()
    async with told.worker():
        await stage.runs()
        await told.until(lambda: told.observer.has("arq:queue:health-check"))
        await told.note("claimed")
    await told.note("stopped")


async def main() -> None:
    global stage  # noqa: PLW0603 (functions of jobs get nothing else from here)
    host, port = URL.partition("//")[2].split(":")
    lines, sender = await asyncio.open_connection(host, int(port), limit=2**20)
    sender.write(b"MONITOR\r\n")
    assert await lines.readuntil(b"\r\n") == b"+OK\r\n"
    options = {} if IS_ARQ else {"serializer": "pickle"}
    observer = Observer(lines)
    for name, tell in SCENES.items():
        stage = Stage()
        pool = await create_pool(RedisSettings.from_dsn(URL), **options)
        await observer.begin(name)
        await tell(Told(observer, pool))
        await pool.aclose() if hasattr(pool, "aclose") else await pool.close()
    json.dump(observer.scenes, sys.stdout)


asyncio.run(main())
