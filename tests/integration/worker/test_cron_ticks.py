"""Which runs of cron jobs are the same: queue, function, id and time tell. None is left out silently."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.servers.redis_server import RedisServer
from harness.systems.scheduling import NOON, end_all, ids, scheduling, times
from harness.systems.workers import burst, outcome, working
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.worker import Worker, cron

Ctx = dict[str, Any]
JUST_BEFORE = NOON - timedelta(seconds=0.9)
NOON_MS = round(NOON.timestamp() * 1000) + 123


async def tick(ctx: Ctx) -> str:
    return str(ctx["job_id"])


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


@pytest.fixture
def server(valkey_server: RedisServer, redis_url: str) -> RedisServer:
    return valkey_server


def skipped(worker: Worker, function: str, reason: str) -> float:
    found = worker.metrics.registry.get_sample_value(
        "jobgate_worker_cron_skipped_total", {"function": function, "reason": reason}
    )
    assert found is not None, "it is there from the start"
    return found


# -- which runs are the same


async def test_two_services_on_two_queues_each_run_theirs(server: RedisServer, broker: Broker) -> None:
    async with (
        scheduling(broker, JUST_BEFORE, cron(tick, job_id="shop")),
        scheduling(broker, JUST_BEFORE, cron(tick, job_id="mail"), queue_name="mail"),
    ):
        assert (ids(server), ids(server, "mail")) == (["shop"], ["mail"])


async def test_also_where_neither_has_an_id_of_its_own(server: RedisServer, broker: Broker) -> None:
    for _ in range(2):  # the second time as workers that come late
        async with (
            scheduling(broker, JUST_BEFORE, cron(tick)),
            scheduling(broker, JUST_BEFORE, cron(tick), queue_name="mail"),
        ):
            pass
    assert (ids(server), ids(server, "mail")) == (
        [f"cron:tick:{NOON_MS}"], [f"cron:tick:{NOON_MS}:mail"]
    )  # fmt: skip


async def test_one_queue_and_two_ids_are_two_jobs(server: RedisServer, broker: Broker) -> None:
    async with scheduling(
        broker, JUST_BEFORE, cron(tick, job_id="one"), cron(tick, job_id="two"), cron(tick)
    ):
        assert sorted(ids(server)) == [f"cron:tick:{NOON_MS}", "one", "two"]


async def test_a_job_that_is_not_unique_may_be_listed_twice(server: RedisServer, broker: Broker) -> None:
    mine = cron(tick, unique=False)
    async with scheduling(broker, JUST_BEFORE, mine, mine):
        assert times(server) == ["12:00:00", "12:00:00"]


async def test_at_the_start_too(server: RedisServer, broker: Broker) -> None:
    jobs = [
        cron(tick, month=2, day=29, run_at_startup=True, job_id=job_id)
        for job_id in ("one", "two", None, None)
    ]
    jobs += [cron(tick, month=2, day=29, run_at_startup=True, unique=False) for _ in range(2)]
    jobs += [cron(tick, month=2, day=29, run_at_startup="once", job_id=job_id) for job_id in ("one", "two")]
    async with scheduling(broker, None, *jobs):
        found = Counter(job_id if len(job_id) < 30 else "random" for job_id in ids(server))
    assert found == {
        # One for the two that nothing tells from one another, as in arq, and one for each that is not unique.
        "one": 1, "two": 1, "random": 3, "cron:tick:startup:one": 1, "cron:tick:startup:two": 1
    }  # fmt: skip
    async with scheduling(broker, None, jobs[-1], queue_name="mail"):
        assert ids(server, "mail") == ["cron:tick:startup:two:mail"]


# -- a fixed id


@pytest.mark.parametrize(
    ("keep", "succeeds"), [({"keep_result": 3600}, True), ({"keep_result_forever": True}, False)]
)
async def test_a_kept_result_does_not_keep_the_next_run_out(
    server: RedisServer, broker: Broker, keep: dict[str, Any], succeeds: bool
) -> None:
    async def report(ctx: Ctx) -> float:
        if not succeeds:
            raise ValueError("no")
        return float(ctx["score"])

    job = cron(report, name="report", month=2, day=29, run_at_startup=True, job_id="nightly", **keep)
    seen = []
    for _ in range(3):
        await burst({"cron_jobs": [job]}, server.url)
        result = await outcome(broker, "nightly")
        assert result.success is succeeds
        seen.append(result.finish_time_ms)
    assert len(set(seen)) == 3, "each run has left its own result"


async def test_a_late_worker_does_not_run_again_what_has_left_its_result(
    server: RedisServer, broker: Broker
) -> None:
    job = cron(tick, job_id="nightly", keep_result=3600)
    async with scheduling(broker, JUST_BEFORE, job) as told:
        assert end_all(server) == ["nightly"]
        with server.client() as client:
            client.set("arq:result:nightly", "kept")
        async with scheduling(broker, JUST_BEFORE, job):
            assert ids(server) == []
            with server.client() as client:
                assert client.get("arq:result:nightly") == b"kept"
        await told.at(NOON + timedelta(seconds=59.1))
        assert ids(server) == ["nightly"]
        with server.client() as client:
            assert client.exists("arq:result:nightly") == 0, "the result made room in the same step"


async def test_a_run_that_is_left_out_is_told_once_in_the_fleet(
    server: RedisServer, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    job = cron(tick, job_id="only-one")
    async with scheduling(broker, JUST_BEFORE, job) as one, scheduling(broker, JUST_BEFORE, job) as two:
        await one.at(NOON + timedelta(seconds=59.1))
        end_all(server)
        await two.at(NOON + timedelta(seconds=59.1))
        assert ids(server) == [], "the first look has decided"
    told = [line for line in caplog.messages if "is skipped" in line]
    assert told == [
        "cron job cron:tick: the run at 2031-05-05 12:01:00+00:00 is skipped, "
        "the previous job 'only-one' still waits"
    ]


async def test_a_job_that_stock_arq_enqueued_for_this_time_is_this_run(
    server: RedisServer, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    with server.client() as client:
        client.set("arq:job:nightly", "its body")
        client.zadd("arq:queue", {"nightly": NOON_MS})
    async with scheduling(broker, JUST_BEFORE, cron(tick, job_id="nightly")):
        end_all(server)
    async with scheduling(broker, JUST_BEFORE, cron(tick, job_id="nightly")):
        assert ids(server) == [], "a late worker knows that it was enqueued"
    assert caplog.messages == []


async def test_one_id_on_two_queues_is_told_with_what_to_do(
    server: RedisServer, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    async with (
        scheduling(broker, JUST_BEFORE, cron(tick, job_id="nightly")),
        scheduling(broker, JUST_BEFORE, cron(tick, job_id="nightly"), queue_name="mail"),
    ):
        pass
    assert "in another queue, arq:queue: give each its own job_id" in caplog.text


# -- the metric


async def test_runs_that_are_left_out_are_counted(server: RedisServer, broker: Broker) -> None:
    running, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(ctx: Ctx) -> None:
        running.set()
        await goes_on.wait()

    job = cron(slow, name="slow", month=2, day=29, run_at_startup=True, job_id="one")
    async with working({"cron_jobs": [job]}, server.url) as first:
        await running.wait()
        async with working({"cron_jobs": [job]}, server.url) as second:

            async def counted() -> bool:
                return skipped(second, "slow", "unfinished") > 0

            await eventually_async(counted, what="a run that is left out")
            assert (skipped(first, "slow", "unfinished"), skipped(second, "slow", "unfinished")) == (0, 1)
        goes_on.set()


async def test_missed_runs_are_counted(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "jobgate.worker")
    async with scheduling(broker, NOON + timedelta(seconds=1), cron(tick)) as told:
        await told.at(NOON + timedelta(minutes=10, seconds=40))
    assert "9 runs since 2031-05-05 12:01:00" in caplog.text
    moment = datetime.now(UTC)
    worker = Worker({"cron_jobs": [cron(tick)]}, redis_settings="redis://localhost:1")
    worker._run._scheduler._look_at_times(moment, put_back=False)
    worker._run._scheduler._look_at_times(moment + timedelta(minutes=30), put_back=False)
    assert skipped(worker, "cron:tick", "missed") in (28, 29)
    await worker.broker.close()
