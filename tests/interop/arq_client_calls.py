"""What a stock arq client sees of the jobs that it enqueues: `arq_client_calls.py URL QUEUE NAME SERIALIZER`.

Prints the outcomes as JSON. It runs with the Python of any arq; a worker with `fleet_functions` serves
QUEUE, another one with `retry_jobs = False` serves QUEUE-once; nobody serves QUEUE-idle. NAME is of this run.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from fleet_functions import serializers  # type: ignore[import-not-found]

URL, QUEUE, NAME, SERIALIZER = sys.argv[1:]
DUMPS, LOADS = serializers(SERIALIZER)
#: Seconds that arq waits between two looks at a result.
POLL = 0.05

Case = Callable[[Any], Awaitable[Any]]
CASES: dict[str, Case] = {}


def case(call: Case) -> Case:
    """Register a case; all run at the same time."""
    CASES[call.__name__] = call
    return call


def shown(value: Any) -> Any:
    """A value as JSON can hold it; exceptions with the class that a client catches."""
    if isinstance(value, BaseException):
        return [f"{type(value).__module__}.{type(value).__name__}", str(value)]
    return repr(value)


async def outcome(call: Awaitable[Any]) -> Any:
    """What a call returns or raises."""
    try:
        return shown(await call)
    except (Exception, asyncio.CancelledError) as raised:
        return ["raises", *shown(raised)]


async def run(pool: Any, function: str, *args: Any, **options: Any) -> Any:
    """The outcome of one job."""
    job = await pool.enqueue_job(function, *args, **options)
    return await outcome(job.result(30, poll_delay=POLL))


async def becomes(job: Job, status: str) -> str:
    """Wait for a status; return it."""
    while (await job.status()).value != status:
        await asyncio.sleep(POLL)
    return status


async def listed(pool: Any, queue: str) -> list[Any]:
    """The jobs of a queue; arq raises when one of them ends meanwhile or cannot be read (#466)."""
    while True:
        try:
            jobs: list[Any] = await pool.queued_jobs(queue_name=queue)
        except RuntimeError:
            await asyncio.sleep(POLL)
        else:
            return jobs


def named(name: str) -> str:
    """A job id that no other run of this script has."""
    return f"{NAME}-{name}"


@case
async def arguments(pool: Any) -> Any:
    return await run(pool, "echo", "ü", 1, [None, {"a": 2.5}], name="x", _job_id=named("echo"))


@case
async def what_only_pickle_carries(pool: Any) -> Any:
    return await run(pool, "all_kinds") if SERIALIZER == "pickle" else None


@case
async def a_try_of_ones_own(pool: Any) -> Any:
    return await run(pool, "echo", _job_try=3)


@case
async def retries(pool: Any) -> Any:
    return await run(pool, "flaky", 3, 0.1)


@case
async def an_exception_of_python(pool: Any) -> Any:
    return await run(pool, "fail", "broken: ü")


@case
async def an_exception_of_ones_own(pool: Any) -> Any:
    return await run(pool, "refuse")


@case
async def an_unknown_function(pool: Any) -> Any:
    return await run(pool, "no_such_function")


@case
async def a_timeout(pool: Any) -> Any:
    return await run(pool, "sleep_briefly", 60)


@case
async def too_many_tries(pool: Any) -> Any:
    return await run(pool, "flaky_twice", 9)


@case
async def a_result_that_cannot_be_written(pool: Any) -> Any:
    return await run(pool, "unwritable")


@case
async def a_result_that_is_not_kept(pool: Any) -> Any:
    return await run(pool, "silent")


@case
async def a_job_that_nobody_took_in_time(pool: Any) -> Any:
    # arq counts the expiry from now on, not from the due time.
    return await run(pool, "echo", _expires=0.1, _defer_by=0.5)


@case
async def a_body_that_cannot_be_read(pool: Any) -> Any:
    job_id = named("unreadable")
    await pool.set(f"arq:job:{job_id}", b"\x00nonsense")
    await pool.zadd(QUEUE, {job_id: 1})
    return await outcome(Job(job_id, pool, QUEUE, LOADS).result(30, poll_delay=POLL))


@case
async def a_retry_where_none_is_allowed(pool: Any) -> Any:
    return await run(pool, "flaky", 2, 0.1, _queue_name=f"{QUEUE}-once")


@case
async def a_cancellation_where_no_retry_is_allowed(pool: Any) -> Any:
    return await run(pool, "self_cancelled", _queue_name=f"{QUEUE}-once")


@case
async def deferral(pool: Any) -> Any:
    begin = datetime.now().astimezone()
    by = await pool.enqueue_job("echo", _defer_by=timedelta(seconds=0.4))
    until = await pool.enqueue_job("echo", _defer_until=begin + timedelta(seconds=0.4))
    ended = [await outcome(job.result(30, poll_delay=POLL)) for job in (by, until)]
    infos = [await job.result_info() for job in (by, until)]
    # Due times are cut to whole ms, and clocks are read in between.
    return ended, [(info.start_time - begin).total_seconds() >= 0.395 for info in infos]


@case
async def one_id_twice(pool: Any) -> Any:
    jobs = [await pool.enqueue_job("echo", _job_id=named("twice")) for _ in range(2)]
    await jobs[0].result(30, poll_delay=POLL)
    jobs.append(await pool.enqueue_job("echo", _job_id=named("twice")))
    return [type(job).__name__ for job in jobs]


@case
async def stages(pool: Any) -> Any:
    idle = {"_queue_name": f"{QUEUE}-idle"}
    deferred = await pool.enqueue_job("echo", _defer_by=60, **idle)
    queued = await pool.enqueue_job("echo", **idle)
    running = await pool.enqueue_job("sleep", 60)
    seen = [(await job.status()).value for job in (deferred, queued, Job("unknown", pool, QUEUE))]
    seen.append(await becomes(running, "in_progress"))
    seen.append(running.job_id in [job.job_id for job in await listed(pool, QUEUE)])
    seen.append(await outcome(running.abort(timeout=30, poll_delay=POLL)))
    return seen, (await running.status()).value, await outcome(running.result(poll_delay=POLL))


@case
async def abort_of_a_deferred_job(pool: Any) -> Any:
    # It takes long: stock arq makes it due before it marks it, and a worker may be the faster one.
    job = await pool.enqueue_job("sleep", 60, _defer_by=60)
    aborted = await outcome(job.abort(timeout=30, poll_delay=POLL))
    return aborted, (await job.status()).value, await outcome(job.result(poll_delay=POLL))


@case
async def abort_of_a_job_that_is_due(pool: Any) -> Any:
    job = await pool.enqueue_job("sleep", 60)
    aborted = await outcome(job.abort(timeout=30, poll_delay=POLL))
    return aborted, await outcome(job.result(poll_delay=POLL))


@case
async def abort_of_a_job_that_has_ended(pool: Any) -> Any:
    job = await pool.enqueue_job("echo")
    await job.result(30, poll_delay=POLL)
    return await job.abort(timeout=30, poll_delay=POLL)


@case
async def infos(pool: Any) -> Any:
    names = ["function", "args", "kwargs", "job_try", "success", "queue_name"]
    jobs = [await pool.enqueue_job("echo", 1, a=2), await pool.enqueue_job("fail", "x")]
    idle = await pool.enqueue_job("echo", 1, b=2, _queue_name=f"{QUEUE}-idle", _defer_by=60)
    for job in jobs:
        await outcome(job.result(30, poll_delay=POLL))
    found = [await job.result_info() for job in jobs]
    fields = [[str(getattr(info, name)).replace(QUEUE, "QUEUE") for name in names] for info in found]
    own = [info.job_id == job.job_id for info, job in zip(found, jobs)]  # noqa: B905 (arq runs on 3.8)
    order = [info.enqueue_time <= info.start_time <= info.finish_time for info in found]
    waiting = [each.function for each in await listed(pool, f"{QUEUE}-idle")]
    before = await idle.info()
    return fields, own, order, "echo" in waiting, [before.function, shown(before.args), before.kwargs]


@case
async def all_results(pool: Any) -> Any:
    job = await pool.enqueue_job("echo", _job_id=named("listed"))
    await job.result(30, poll_delay=POLL)
    return [result.function for result in await pool.all_job_results() if result.job_id == named("listed")]


async def main() -> None:
    settings = RedisSettings.from_dsn(URL)
    pool = await create_pool(settings, job_serializer=DUMPS, job_deserializer=LOADS, default_queue_name=QUEUE)
    outcomes = await asyncio.gather(*(call(pool) for call in CASES.values()))
    await pool.close()
    sys.stdout.write(json.dumps(dict(zip(CASES, outcomes))))  # noqa: B905


asyncio.run(main())
