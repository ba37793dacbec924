"""A module of a team that uses arq, with all that it takes from arq: run by arq's worker, and by jobgate's.

Needs REDIS_URL. Each job notes in Redis what the hooks and the function saw: `history:<id>`.
"""

import asyncio
import json
import os
from typing import Any, ClassVar

from arq import ArqRedis, Retry, create_pool, cron, func
from arq.connections import RedisSettings
from arq.jobs import Job
from arq.worker import RetryJob
from redis.asyncio import ConnectionPool

Ctx = dict[str, Any]
REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])
POOL = ArqRedis(ConnectionPool.from_url(os.environ["REDIS_URL"]), default_queue_name="team:queue")


async def note(ctx: Ctx, what: str) -> None:
    redis: ArqRedis = ctx["redis"]
    await redis.rpush(f"history:{ctx.get('job_id', 'worker')}", f"{what}:{ctx.get('job_try', '')}")


async def add(ctx: Ctx, a: int, b: int = 1) -> int:
    await note(ctx, "run")
    return a + b


async def fail(ctx: Ctx) -> None:
    raise LookupError("no such thing")


async def late(ctx: Ctx) -> None:
    await note(ctx, "run")
    await asyncio.sleep(30)


async def again(ctx: Ctx, tries: int) -> int:
    await note(ctx, "run")
    if ctx["job_try"] < tries:
        raise Retry(defer=0.2)
    return int(ctx["job_try"])


async def again_at_once(ctx: Ctx) -> int:
    await note(ctx, "run")
    if ctx["job_try"] < 2:
        raise RetryJob
    return int(ctx["job_try"])


async def enqueue_more(ctx: Ctx) -> list[Any]:
    """By the worker's pool, and by one of arq's own that was opened at the start."""
    jobs: list[Job | None] = [
        await ctx["redis"].enqueue_job("add", 1, b=2, _job_id="by-ctx"),
        await ctx["arq"].enqueue_job("add", 3, b=4, _job_id="by-arq"),
        await ctx["redis"].enqueue_job("add", 5, _job_id="by-ctx"),
    ]
    return [job and await job.result(timeout=20, poll_delay=0.05) for job in jobs]


async def seen(ctx: Ctx) -> list[str]:
    return sorted(name for name in ctx if name not in {"progress", "deadline"})


async def tick(ctx: Ctx) -> None:
    await ctx["redis"].rpush("ticks", ctx["job_try"])


async def startup(ctx: Ctx) -> None:
    ctx["arq"] = await create_pool(REDIS)
    await note(ctx, "startup")


async def shutdown(ctx: Ctx) -> None:
    await note(ctx, "shutdown")
    await ctx["arq"].close()


async def job_start(ctx: Ctx) -> None:
    await note(ctx, "start")


async def job_end(ctx: Ctx) -> None:
    await note(ctx, "end")


async def after_end(ctx: Ctx) -> None:
    await note(ctx, "after")


class WorkerSettings:
    functions: ClassVar[list[Any]] = [
        "module_of_arq.add",
        func(add, name="add"),
        fail,
        func(late, name="late", timeout=0.3),
        func(late, name="endless"),
        func(again, max_tries=3),
        func(again_at_once, name="again_at_once"),
        func(add, name="kept", keep_result=100),
        func(add, name="kept_forever", keep_result_forever=True),
        func(add, name="not_kept", keep_result=0),
        enqueue_more,
        seen,
    ]
    cron_jobs: ClassVar[list[Any]] = [cron(tick, hour={3}, minute={17}, second={5}, run_at_startup=True)]
    redis_settings = REDIS
    on_startup = startup
    on_shutdown = shutdown
    on_job_start = job_start
    on_job_end = job_end
    after_job_end = after_end
    allow_abort_jobs = True
    poll_delay = 0.05


def dumps(value: dict[str, Any]) -> bytes:
    return b"own:" + json.dumps(value, default=repr).encode()


def loads(text: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.removeprefix(b"own:"))
    return found


#: Settings as a dict, and functions of the team's own that write and read.
own_codec = {
    "functions": [add, again],
    "redis_settings": REDIS,
    "job_serializer": dumps,
    "job_deserializer": loads,
    "poll_delay": 0.05,
}


async def count_down(ctx: Ctx, number: int) -> list[Any]:
    """Enqueue by the pool that the settings name, to the queue that it names."""
    own: list[Any] = [number, ctx["redis"] is POOL]
    if not number:
        return own
    job = await ctx["redis"].enqueue_job("count_down", number - 1)
    return [*own, *await job.result(timeout=20, poll_delay=0.05)]


#: A pool of arq's own, and the queue that it names.
own_pool = {"functions": [count_down], "redis_pool": POOL, "queue_name": None, "poll_delay": 0.05}
