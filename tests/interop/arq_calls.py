"""The same calls with arq and with jobgate: `arq_calls.py arq|jobgate URL` prints the outcomes as JSON.

A stock arq worker serves the queue `arq:queue` meanwhile; nobody serves `idle`.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

WHERE = {"create_pool": "", "RedisSettings": ".connections", "Job": ".jobs"}
#: What comes before these.
ROOTS = {"arq": "arq", "jobgate": "jobgate.arq"}
#: The one thing that jobgate is told besides: to write as arq does.
OPTIONS: dict[str, dict[str, str]] = {"arq": {}, "jobgate": {"serializer": "pickle"}}

KIND = sys.argv[1]
create_pool, RedisSettings, Job = (
    getattr(importlib.import_module(ROOTS[KIND] + module), name) for name, module in WHERE.items()
)
UTC = timezone.utc  # noqa: UP017 (the script runs with whatever Python arq has)
IDLE = {"_queue_name": "idle"}

#: Names that an error is known by; the first in its family tells.
ERRORS = {
    "CancelledError",
    "DeserializationError",
    "JobExecutionFailed",
    "ResponseError",
    "ResultNotFound",
    "RuntimeError",
    "SerializationError",
    "TimeoutError",
    "ValueError",
}

Case = Callable[[Any], Awaitable[Any]]
CASES: dict[str, Case] = {}


def case(call: Case) -> Case:
    """Register a case; it is called with a pool on an empty database."""
    CASES[call.__name__] = call
    return call


def error(raised: BaseException) -> str:
    """The name by which a user catches it."""
    return next(kind.__name__ for kind in type(raised).__mro__ if kind.__name__ in ERRORS)


async def outcome(call: Awaitable[Any]) -> Any:
    """What a call returns or raises."""
    try:
        return await call
    except (Exception, asyncio.CancelledError) as raised:
        return f"raises {error(raised)}"


def plain(value: Any) -> Any:
    """A value as JSON can hold it, the same for both."""
    if isinstance(value, BaseException):
        return f"{error(value)}({value})"
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(plain, value)]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if isinstance(value, (int, float, str, type(None))) else repr(value)


def definition(info: Any) -> Any:
    """The fields of a JobDef or a JobResult that do not change from run to run."""
    if info is None:
        return None
    fields = ["function", "args", "kwargs", "job_try", "job_id", "success", "result", "queue_name"]
    shown = {name: plain(getattr(info, name)) for name in fields if hasattr(info, name)}
    shown["times are aware"] = info.enqueue_time.tzinfo is not None
    shown["score"] = info.score is not None
    return {**shown, "kind": type(info).__name__}


#: In keys that jobgate keeps beside those of arq.
JOBGATES = (":job-activity:", ":index:", ":kept-request:", ":failure-note:", ":earlier-tries:")


async def keys(pool: Any) -> list[str]:
    """All keys but jobgate's own, which are named after a queue."""
    found = sorted(key.decode() for key in await pool.keys("*") if not key.endswith(b":wake"))
    return [key for key in found if not any(word in key for word in JOBGATES)]


async def at(pool: Any, **options: Any) -> list[int]:
    """Enqueue; return when it is due and how long its body lives, in whole seconds from now."""
    before = time.time()
    job = await pool.enqueue_job("add", 1, **IDLE, **options)
    score, ttl = await pool.zscore("idle", job.job_id), await pool.pttl("arq:job:" + job.job_id)
    return [round(score / 1000 - before), round(ttl / 1000)]


@case
async def the_same_id_twice(pool: Any) -> Any:
    jobs = [await pool.enqueue_job("add", n, _job_id="a", **IDLE) for n in range(2)]
    other = await pool.enqueue_job("add", 3, _job_id="a", _queue_name="other")
    return [type(job).__name__ for job in [*jobs, other]], jobs[0].job_id


@case
async def the_id_of_a_job_that_has_ended(pool: Any) -> Any:
    job = await pool.enqueue_job("add", 1, _job_id="a")
    return await job.result(30), await pool.enqueue_job("add", 1, _job_id="a")


@case
async def when_it_is_due_and_expires(pool: Any) -> Any:
    now = datetime.now(UTC)
    return [
        await at(pool),
        await at(pool, _defer_by=10),
        await at(pool, _defer_by=10.4),
        await at(pool, _defer_by=timedelta(minutes=1)),
        await at(pool, _defer_by=0),
        await at(pool, _expires=10),
        await at(pool, _expires=timedelta(minutes=1)),
        await at(pool, _expires=0),
        await at(pool, _expires=10, _defer_by=100),
        await at(pool, _defer_until=now + timedelta(seconds=20)),
        await at(pool, _defer_until=(now + timedelta(seconds=20)).astimezone().replace(tzinfo=None)),
        await at(pool, _defer_until=now + timedelta(seconds=20), _expires=5),
    ]


@case
async def due_before_now(pool: Any) -> Any:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    return (await at(pool, _defer_until=hour_ago))[0], (await at(pool, _defer_by=-10))[0]


@case
async def due_days_ago(pool: Any) -> Any:
    call = outcome(at(pool, _defer_until=datetime.now(UTC) - timedelta(days=3)))
    return [await call, len(await keys(pool))]


@case
async def both_deferrals(pool: Any) -> Any:
    call = pool.enqueue_job("add", _defer_by=1, _defer_until=datetime.now(UTC))
    return await outcome(call), await keys(pool)


@case
async def falsy_options(pool: Any) -> Any:
    job = await pool.enqueue_job("echo", _job_id="", _defer_by=0, _expires=0, _job_try=0)
    return job.job_id != "", await outcome(job.result(30))


@case
async def what_cannot_be_written(pool: Any) -> Any:
    return await outcome(pool.enqueue_job("add", lambda: 1)), await keys(pool)


@case
async def arguments_and_results(pool: Any) -> Any:
    values = [1, (2, [3]), {4, 5}, datetime(2026, 1, 2, tzinfo=UTC), b"6", 2**70, None, {"x": (7,)}]
    job = await pool.enqueue_job("echo", *values, name="ü", function_=1)
    return await outcome(job.result(30))


@case
async def a_try_of_ones_own(pool: Any) -> Any:
    return await outcome((await pool.enqueue_job("echo", _job_try=3)).result(30))


@case
async def failures(pool: Any) -> Any:
    jobs = [
        await pool.enqueue_job("fail", "broken"),
        await pool.enqueue_job("no_such_function"),
        await pool.enqueue_job("sleep", 60),
    ]
    return [await outcome(job.result(30)) for job in jobs]


@case
async def waiting_in_vain(pool: Any) -> Any:
    idle = await pool.enqueue_job("add", 1, _defer_by=60)
    return [
        await outcome(idle.result(0.1, poll_delay=0.05)),
        await outcome(Job("unknown", pool).result()),
        await outcome(Job("unknown", redis=pool).info()),
        await outcome(Job("unknown", redis=pool).result_info()),
    ]


@case
async def status(pool: Any) -> Any:
    seen = [(await Job("a", pool).status()).value]
    seen.append((await (await pool.enqueue_job("add", 1, _defer_by=60)).status()).value)
    seen.append((await (await pool.enqueue_job("add", 1, **IDLE)).status()).value)
    job = await pool.enqueue_job("sleep", 0.5)
    while (now := (await job.status()).value) == "queued":
        await asyncio.sleep(0.01)
    await job.result(30)
    return [*seen, now, (await job.status()).value]


@case
async def status_with_the_wrong_queue(pool: Any) -> Any:
    await pool.enqueue_job("add", 1, _job_id="a", **IDLE)
    return (await Job("a", pool).status()).value


@case
async def info_before_the_end(pool: Any) -> Any:
    shown = definition(await (await pool.enqueue_job("add", 1, b=2, **IDLE)).info())
    del shown["job_id"]
    return shown


@case
async def id_before_the_end(pool: Any) -> Any:
    return (await (await pool.enqueue_job("add", 1, _job_id="a", **IDLE)).info()).job_id


@case
async def info_after_the_end(pool: Any) -> Any:
    job = await pool.enqueue_job("add", 1, _job_id="a")
    failed = await pool.enqueue_job("fail", "x", _job_id="b")
    await job.result(30)
    await outcome(failed.result(30))
    return [definition(await call) for call in (job.info(), job.result_info(), failed.info())]


@case
async def lists(pool: Any) -> Any:
    for number in range(3):
        await pool.enqueue_job("add", number, _job_id=str(number), _defer_by=30 - number, **IDLE)
    done = [await pool.enqueue_job("add", number, _job_id=f"done-{number}") for number in range(3)]
    for job in done:
        await job.result(30)
    jobs, results = await pool.queued_jobs(queue_name="idle"), await pool.all_job_results()
    assert await pool.queued_jobs() == []
    return [definition(job) for job in jobs], sorted(result.job_id for result in results)


@case
async def a_list_with_a_missing_body(pool: Any) -> Any:
    for name in "ab":
        await pool.enqueue_job("add", 1, _job_id=name, **IDLE)
    await pool.delete("arq:job:a")
    return await outcome(_ids(pool.queued_jobs(queue_name="idle")))


@case
async def a_list_with_an_unreadable_result(pool: Any) -> Any:
    await (await pool.enqueue_job("add", 1, _job_id="a")).result(30)
    await pool.set("arq:result:b", b"nonsense")
    return await outcome(Job("b", pool).result()), await outcome(_ids(pool.all_job_results()))


async def _ids(listing: Awaitable[Any]) -> list[str]:
    return [each.job_id for each in await listing]


@case
async def abort_of_a_deferred_job(pool: Any) -> Any:
    # It takes long: stock arq makes it due before it marks it, and a worker may be the faster one.
    job = await pool.enqueue_job("sleep", 60, _job_id="a", _defer_by=60)
    return await job.abort(timeout=30), await outcome(job.result(30)), await keys(pool)


@case
async def abort_of_a_running_job(pool: Any) -> Any:
    job = await pool.enqueue_job("sleep", 0.9, _job_id="a")
    while (await job.status()).value != "in_progress":
        await asyncio.sleep(0.01)
    return await outcome(job.abort(timeout=30)), await outcome(job.result(30))


@case
async def abort_of_an_ended_job(pool: Any) -> Any:
    job = await pool.enqueue_job("add", 1)
    await job.result(30)
    return await outcome(job.abort(timeout=30))


@case
async def abort_of_a_failed_job(pool: Any) -> Any:
    job = await pool.enqueue_job("fail", "broken")
    await outcome(job.result(30))
    return await outcome(job.abort(timeout=30))


@case
async def abort_of_an_unknown_job(pool: Any) -> Any:
    return await outcome(Job("a", pool).abort()), await keys(pool)


@case
async def commands_of_ones_own(pool: Any) -> Any:
    await pool.set("mine", "x", ex=60)
    await pool.zadd("z", {"a": 1})
    async with pool.pipeline(transaction=True) as pipe:
        pipe.get("mine")
        pipe.zrange("z", 0, -1, withscores=True)
        got = await pipe.execute()
    return plain([got, await pool.hgetall("none"), await pool.exists("mine")])


async def main() -> None:
    pool = await create_pool(RedisSettings.from_dsn(sys.argv[2]), **OPTIONS[KIND])
    outcomes = {}
    for name, call in CASES.items():
        await pool.flushall()
        outcomes[name] = plain(await call(pool))
    await pool.aclose()
    sys.stdout.write(json.dumps(outcomes))


asyncio.run(main())
