"""What callers see of module_of_arq.py's jobs, by arq's client, as JSON. Run with arq's Python."""

import asyncio
import json
import sys
from typing import Any

import module_of_arq  # type: ignore[import-not-found]  # it lies beside this script
from arq import ArqRedis, create_pool
from arq.jobs import Job, JobStatus


async def outcome(pool: ArqRedis, job: Job | None) -> list[Any]:
    """Return result or error, number of tries, and what the job noted."""
    assert job is not None
    try:
        value = await job.result(timeout=30, poll_delay=0.05)
    except (Exception, asyncio.CancelledError) as error:
        value = [type(error).__name__, str(error)]
    info = await job.result_info()
    tries = info and info.job_try
    return [value, tries, await history(pool, job.job_id)]


async def history(pool: ArqRedis, name: str) -> list[str]:
    """The last note of a job comes after its result: wait until there is no more to come."""
    noted: list[str] = []
    for _ in range(100):
        before, noted = noted, [each.decode() for each in await pool.lrange(f"history:{name}", 0, -1)]
        if noted == before and (not noted or noted[-1].startswith("after")):
            break
        await asyncio.sleep(0.1)
    return noted


async def aborted(pool: ArqRedis) -> list[Any]:
    job = await pool.enqueue_job("endless")
    assert job is not None
    while await job.status() is not JobStatus.in_progress or not await pool.llen(f"history:{job.job_id}"):
        await asyncio.sleep(0.02)
    said = await job.abort(timeout=20, poll_delay=0.05)
    return [said, *await outcome(pool, job)]


async def kept(pool: ArqRedis) -> list[Any]:
    """How long results are kept, in tens of seconds; -1 = for ever, -2 = not at all."""
    found = []
    for name in ("kept", "kept_forever", "not_kept", "add"):
        job = await pool.enqueue_job(name, 1)
        assert job is not None
        while await job.status() not in (JobStatus.complete, JobStatus.not_found):
            await asyncio.sleep(0.02)
        ttl = await pool.ttl(f"arq:result:{job.job_id}")
        found.append([name, ttl if ttl < 0 else round(ttl / 10)])
    return found


async def story() -> dict[str, Any]:
    async with await create_pool(module_of_arq.REDIS) as pool:
        calls: dict[str, tuple[Any, ...]] = {
            "success": ("add", 1, 2),
            "an import path": ("module_of_arq.add", 1),
            "an exception": ("fail",),
            "a timeout": ("late",),
            "three tries": ("again", 3),
            "a try too much": ("again", 9),
            "RetryJob": ("again_at_once",),
            "jobs of a job": ("enqueue_more",),
            "unknown": ("nowhere",),
            "ctx": ("seen",),
        }
        found = {name: await outcome(pool, await pool.enqueue_job(*call)) for name, call in calls.items()}
        found["aborted"] = await aborted(pool)
        # arq's client makes the job due first and marks it then: a worker that is quick starts it in between.
        aborts = await pool.enqueue_job("endless", _defer_by=60)
        assert aborts is not None
        found["aborted before its time"] = [await aborts.abort(timeout=20, poll_delay=0.05)]
        found["kept"] = await kept(pool)
        found["cron at the start"] = [int(each) for each in await pool.lrange("ticks", 0, -1)]
        return found


async def story_of_own_codec() -> dict[str, Any]:
    settings = module_of_arq.REDIS
    codec: Any = {"job_serializer": module_of_arq.dumps, "job_deserializer": module_of_arq.loads}
    async with await create_pool(settings, **codec) as pool:
        found = {}
        for call in (("add", 1, 2), ("again", 2)):
            job = await pool.enqueue_job(*call)
            assert job is not None
            result = await job.result(timeout=30, poll_delay=0.05)
            stored = await pool.get(f"arq:result:{job.job_id}")
            found[call[0]] = [result, stored is not None and stored.startswith(b"own:")]
        return found


async def story_of_own_pool() -> dict[str, Any]:
    async with await create_pool(module_of_arq.REDIS, default_queue_name="team:queue") as pool:
        job = await pool.enqueue_job("count_down", 2)
        assert job is not None
        info = [await job.result(timeout=30, poll_delay=0.05), await job.result_info()]
        return {"count_down": [info[0], info[1] and info[1].queue_name]}


if __name__ == "__main__":
    asked: str = json.load(sys.stdin)
    stories = {"WorkerSettings": story, "own_codec": story_of_own_codec, "own_pool": story_of_own_pool}
    json.dump(asyncio.run(stories[asked]()), sys.stdout)
