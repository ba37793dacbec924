"""Cron jobs on a real server: what a scheduler enqueues when, and what workers make of it.

The scheduler's clock is the Redis time as claims tell it. Here the test tells it, so that hours pass at once.
"""

import asyncio
import itertools
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from harness.servers.redis_server import RedisServer
from harness.systems.scheduling import NOON, QUEUE, Told, end_all, ids, scheduling, times
from harness.systems.workers import burst, enqueue, outcome, working
from harness.waiting import eventually_async
from harness.zones import zone_named
from jobgate.broker import Broker
from jobgate.worker import Retry, cron, func

Ctx = dict[str, Any]


async def tick(ctx: Ctx) -> str:
    return str(ctx["job_id"])


async def queued(server: RedisServer, count: int) -> None:
    async def there() -> bool:
        return len(ids(server)) >= count

    await eventually_async(there, what=f"{count} jobs in the queue")


@pytest.fixture
async def broker(server: RedisServer) -> AsyncIterator[Broker]:
    async with Broker(server.url) as made:
        yield made


# -- what is enqueued when


async def test_a_job_is_enqueued_a_second_ahead_for_its_time(server: RedisServer, broker: Broker) -> None:
    async with scheduling(broker, NOON - timedelta(seconds=0.9), cron(tick)):
        pass
    due_ms = round(NOON.timestamp() * 1000) + 123
    assert ids(server) == [f"cron:tick:{due_ms}"], "the id that stock arq gives it"
    with server.client() as client:
        assert client.zscore(QUEUE, ids(server)[0]) == due_ms
    view = await broker.view(f"cron:tick:{due_ms}")
    assert view is not None
    assert view.body is not None
    assert (view.body.function, list(view.body.args), dict(view.body.kwargs)) == ("cron:tick", [], {})


async def test_nothing_is_enqueued_long_before(server: RedisServer, broker: Broker) -> None:
    async with scheduling(broker, NOON - timedelta(seconds=30), cron(tick)) as told:
        assert ids(server) == []
        await told.at(NOON - timedelta(seconds=1))
        assert times(server) == ["12:00:00"]


async def test_a_timer_ends_the_wait(server: RedisServer, broker: Broker) -> None:
    async with scheduling(broker, NOON - timedelta(seconds=5), cron(tick)):
        assert ids(server) == []
        await queued(server, 1)


async def test_it_waits_until_the_redis_time_is_known(server: RedisServer, broker: Broker) -> None:
    async with scheduling(broker, None, cron(tick, second=None)) as told:
        await broker.queue_depth()
        assert told.scheduler.next_due is None
        await told.at(NOON)
        assert times(server)[0] == "12:00:01", "those of the next seconds may follow"


async def test_a_late_worker_does_not_enqueue_again_what_has_ended(
    server: RedisServer, broker: Broker
) -> None:
    """arq #196."""
    before = NOON - timedelta(seconds=0.9)
    async with scheduling(broker, NOON - timedelta(seconds=30), cron(tick)) as late:
        async with scheduling(broker, before, cron(tick)):
            assert times(server) == ["12:00:00"]
            end_all(server)
        async with scheduling(broker, before, cron(tick)):  # after a restart
            assert ids(server) == []
        await late.at(before)
        assert ids(server) == []
        await late.at(NOON + timedelta(seconds=59.5))
        assert times(server) == ["12:01:00"]


async def test_many_workers_enqueue_each_time_once(server: RedisServer, broker: Broker) -> None:
    seen: Counter[str] = Counter()
    skews = [timedelta(seconds=seconds) for seconds in (0, 0.7, -0.7)]
    async with AsyncExitStack() as stack:
        schedulers = [
            await stack.enter_async_context(scheduling(broker, NOON, cron(tick, second=None))) for _ in skews
        ]
        for number in range(1, 20):
            now = NOON + timedelta(seconds=3 * number)
            await asyncio.gather(*(told.at(now + skew) for told, skew in zip(schedulers, skews, strict=True)))
            seen.update(end_all(server))
    assert len(seen) >= 57
    assert set(seen.values()) == {1}


async def test_workers_that_share_nothing_enqueue_their_own(server: RedisServer, broker: Broker) -> None:
    for _ in range(2):
        async with scheduling(broker, NOON - timedelta(seconds=0.9), cron(tick, unique=False)):
            pass
    assert times(server) == ["12:00:00", "12:00:00"]


async def test_a_job_id_keeps_the_next_time_out_while_the_last_job_is_there(
    server: RedisServer, broker: Broker
) -> None:
    async with scheduling(broker, NOON - timedelta(seconds=0.9), cron(tick, job_id="only-one")) as told:
        await told.at(NOON + timedelta(seconds=59.1))
        assert ids(server) == ["only-one"]
        end_all(server)
        await told.at(NOON + timedelta(seconds=119.1))
    with server.client() as client:
        assert client.zscore(QUEUE, "only-one") == round(NOON.timestamp() * 1000) + 120_123


async def test_two_crons_of_one_function_share_its_name_and_times(
    server: RedisServer, broker: Broker
) -> None:
    jobs = (cron(tick, hour=12), cron(tick, minute=0))
    async with scheduling(broker, NOON - timedelta(seconds=0.9), *jobs) as told:
        await told.at(NOON + timedelta(seconds=59.1))
    assert times(server) == ["12:00:00", "12:01:00"]


# -- times that are missed


@pytest.mark.parametrize(
    ("fields", "minutes", "expected"),
    [
        ({"second": {0, 10, 20, 30, 40, 50}}, 0.4, ["12:00:10", "12:00:20"]),
        ({"second": {0, 10, 20, 30, 40, 50}}, 5.05, ["12:04:40", "12:04:50", "12:05:00"]),
        ({}, 10.7, ["12:10:00"]),
        ({"minute": {5, 6, 7}}, 50, ["12:07:00"]),
        ({"minute": 5, "second": None}, 8, ["12:05:59"]),
        ({"minute": 1}, 60.6, ["12:01:00"]),
        ({"minute": 1}, 62, ["13:01:00"]),
        ({"hour": 12, "minute": 1}, 90, []),
    ],
)
async def test_missed_times(
    server: RedisServer, broker: Broker, fields: dict[str, Any], minutes: float, expected: list[str]
) -> None:
    """All of the last half minute, else the latest of the last hour."""
    async with scheduling(broker, NOON + timedelta(seconds=1), cron(tick, **fields)) as told:
        await told.at(NOON + timedelta(minutes=minutes))
    assert times(server) == expected


async def test_times_that_are_left_out_are_told(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    async with scheduling(broker, NOON + timedelta(seconds=1), cron(tick, hour=12)) as told:
        with caplog.at_level(logging.WARNING, "jobgate.worker"):
            await told.at(NOON + timedelta(days=3, hours=5))
    assert "cron job cron:tick: 239 runs since 2031-05-05 12:01:00" in caplog.text


async def test_a_clock_that_is_put_back_starts_anew(server: RedisServer, broker: Broker) -> None:
    async with scheduling(broker, NOON, cron(tick)) as told:
        await told.at(NOON - timedelta(hours=5, seconds=0.9))
    assert times(server) == ["07:00:00"]


async def test_a_time_in_an_outage_is_enqueued_after_it(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    def said(words: str) -> Callable[[], Awaitable[bool]]:
        async def probe() -> bool:
            return words in caplog.text

        return probe

    caplog.set_level(logging.WARNING, "jobgate.worker")
    async with (
        Broker(server.url, deadline=0.3) as broker,
        scheduling(broker, NOON + timedelta(seconds=30), cron(tick)) as told,
    ):
        server.kill()
        told.tell(NOON + timedelta(seconds=59))
        await eventually_async(said("cron jobs cannot be enqueued"), what="a word of the outage")
        server.start()
        await queued(server, 1)
        await eventually_async(said("cron jobs can be enqueued again"), what="a word of its end")
    assert times(server) == ["12:01:00"]


async def test_a_stopping_worker_enqueues_nothing_more(server: RedisServer, broker: Broker) -> None:
    told = Told(broker, (cron(tick),))
    told.tell(NOON)
    run = asyncio.create_task(told.scheduler.run())
    await told.at(NOON + timedelta(seconds=1))
    told.stopped = True
    told.tell(NOON + timedelta(seconds=59))
    async with asyncio.timeout(30):
        await run
    assert ids(server) == []


# -- the start


async def test_each_worker_runs_it_at_its_start_or_one_of_them(server: RedisServer, broker: Broker) -> None:
    jobs = (
        cron(tick, name="each", month=2, day=29, run_at_startup=True),
        cron(tick, name="one", month=2, day=29, run_at_startup="once"),
    )
    for _ in range(3):
        async with scheduling(broker, None, *jobs):
            pass
    assert Counter(job_id.split(":")[0] for job_id in ids(server)) == {"each": 3, "one": 1}


async def test_workers_that_start_soon_after_do_not_run_it_again(server: RedisServer, broker: Broker) -> None:
    runs: list[str] = []

    async def warm_up(ctx: Ctx) -> None:
        runs.append(ctx["job_id"])

    jobs = [cron(warm_up, name="warm_up", month=2, day=29, run_at_startup="once")]
    for _ in range(3):
        worker = await burst({"cron_jobs": jobs}, server.url)
    assert runs == ["warm_up:startup"]
    assert worker.jobs_complete == 0
    with server.client() as client:
        assert 500 < client.ttl("arq:result:warm_up:startup") <= 600
        client.delete("arq:result:warm_up:startup")  # ten minutes later
    await burst({"cron_jobs": jobs}, server.url)
    assert len(runs) == 2


async def test_what_ran_once_at_the_start_is_remembered_however_short_its_result_is_kept(
    redis_url: str,
) -> None:
    keeps = {"none": 0, "short": 1, "long": 7200}
    jobs = [
        cron(tick, name=name, month=2, day=29, run_at_startup="once", keep_result=keeps[name])
        for name in keeps
    ]
    await burst({"cron_jobs": jobs}, redis_url)
    with redis.Redis.from_url(redis_url) as client:
        lives = {name: client.ttl(f"arq:result:{name}:startup") for name in keeps}
    assert 500 < lives["none"] <= 600
    assert 500 < lives["short"] <= 600
    assert 7100 < lives["long"] <= 7200


async def test_burst_runs_what_runs_at_the_start_and_waits_for_no_time(
    server: RedisServer, broker: Broker
) -> None:
    worker = await burst({"functions": [func(tick, name="plain")], "cron_jobs": [cron(tick)]}, server.url)
    assert worker.jobs_complete == 0
    worker = await burst({"cron_jobs": [cron(tick, second=None)]}, server.url)
    assert (worker.jobs_complete, ids(server)) == (0, [])
    worker = await burst({"cron_jobs": [cron(tick, month=2, day=29, run_at_startup=True)]}, server.url)
    assert worker.jobs_complete == 1


# -- workers


async def test_three_workers_run_each_second_once(server: RedisServer, broker: Broker) -> None:
    runs: list[tuple[str, float]] = []
    two, four = asyncio.Event(), asyncio.Event()

    async def note(ctx: Ctx) -> None:
        runs.append((ctx["job_id"], time.time()))
        if len(runs) >= 2:
            two.set()
        if len(runs) >= 4:
            four.set()

    settings = {"cron_jobs": [cron(note, name="note", second=None)]}
    async with working(settings, server.url), working(settings, server.url):
        async with asyncio.timeout(60):
            await two.wait()
            async with working(settings, server.url):  # a late one
                await four.wait()
    dues = sorted(int(job_id.split(":")[1]) for job_id, _ in runs)
    assert dues == list(range(dues[0], dues[0] + 1000 * len(dues), 1000)), "each second, each once"
    assert all(ran * 1000 >= int(job_id.split(":")[1]) for job_id, ran in runs), "not before its time"


async def test_retry_in_a_cron_job_waits_as_it_says(server: RedisServer, broker: Broker) -> None:
    """arq waits up to a minute."""
    tries: list[float] = []
    done = asyncio.Event()

    async def flaky(ctx: Ctx) -> None:
        tries.append(time.monotonic())
        if ctx["job_try"] < 3:
            raise Retry(0.2)
        done.set()

    job = cron(flaky, month=2, day=29, run_at_startup=True, max_tries=3)
    async with working({"cron_jobs": [job]}, server.url), asyncio.timeout(60):
        await done.wait()
    assert all(0.19 < after - before < 20 for before, after in itertools.pairwise(tries))


async def test_times_are_those_of_the_zone(server: RedisServer, broker: Broker) -> None:
    zone = zone_named("Asia/Kathmandu")  # a quarter of an hour off all whole and half hours
    now = datetime.now(zone)
    moments = [now, now + timedelta(minutes=1)]
    ran = asyncio.Event()

    async def note(ctx: Ctx) -> None:
        ran.set()

    job = cron(
        note, hour={each.hour for each in moments}, minute={each.minute for each in moments}, second=None
    )
    async with working({"cron_jobs": [job], "timezone": zone}, server.url), asyncio.timeout(55):
        await ran.wait()


async def test_cron_functions_can_be_enqueued_like_others_and_keep_results_as_they_say(
    server: RedisServer, broker: Broker
) -> None:
    jobs = [cron(tick, month=2, day=29), cron(tick, name="kept", hour=3, keep_result=60)]
    async with working({"cron_jobs": jobs, "timezone": UTC}, server.url):
        gone = await enqueue(broker, "cron:tick")
        assert (await outcome(broker, await enqueue(broker, "kept"))).success

        async def ended() -> bool:
            return await broker.view(gone) is None

        await eventually_async(ended, what="the end of a job that keeps no result")
