"""`schedules()` of clients and `jobgate schedules`: the same over HTTP and over Redis."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from harness.processes.commands import run_jobgate
from harness.systems.cron_workers import QUEUE, announce_cron, daily
from harness.systems.gateways import RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker, CronRun, Timetable
from jobgate.client import BlockingClient, Client, InvalidOption, ScheduleInfo

FAILED = CronRun(
    job_id="gone", due_ms=1_700_000_000_123, start_ms=1_700_000_000_130, finish_ms=1_700_000_004_000,
    ending="failed", code="error", error="Lost: the tape \x1b[2J",
)  # fmt: skip


async def stay_alive(broker: Broker) -> None:
    """Announce two workers again and again, until cancelled."""
    weekly = Timetable.of(weekday="mon", hour={9, 17}, minute=30)
    unnamed = daily(timetable=weekly, timezone=None, job_id="one", run_at_startup="once")
    text = "Copy the database.\n\nAll of it."
    while True:
        await announce_cron(broker, daily(), function="cron:backup", name="a", description=text)
        await announce_cron(broker, unnamed, function="report", name="b")
        await asyncio.sleep(3)


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    """A gateway that knows two cron jobs."""
    async with running_gateway(redis_url) as gateway, Broker(redis_url) as broker:
        await broker.note_cron_run(QUEUE, "cron:backup", FAILED)
        announcing = asyncio.create_task(stay_alive(broker))

        async def known() -> bool:
            return len((await gateway.get("/schedules"))[1]["schedules"]) == 2

        try:
            await eventually_async(known, what="the cron jobs")
            yield gateway
        finally:
            announcing.cancel()


async def seen(url: str, before: datetime | None = None) -> list[ScheduleInfo]:
    async with Client(url, registry=CollectorRegistry()) as client:
        return await client.schedules(next_before=before)


async def test_both_transports_and_both_clients_say_the_same(gateway: RunningGateway, redis_url: str) -> None:
    backup, report = found = await seen(gateway.url)
    assert found == await seen(redis_url)
    assert (backup.function, backup.description, backup.queue) == ("cron:backup", "Copy the database.", QUEUE)
    assert (backup.words, backup.timezone, backup.workers) == ("every day at 03:00", "UTC", 1)
    assert (len(backup.next_runs or ()), backup.unique, backup.max_tries) == (5, True, None)
    (*_, failed) = backup.last_runs
    assert (failed.outcome, failed.code, failed.error, failed.kept) == (
        "failed",
        "error",
        FAILED.error,
        False,
    )
    assert (report.fields["weekday"], report.fields["hour"], report.fields["day"]) == (
        ("mon",),
        (9, 17),
        None,
    )
    assert (report.run_at_startup, report.job_id, report.next_runs) == ("once", "one", None)

    def blocking() -> list[ScheduleInfo]:
        with BlockingClient(gateway.url, registry=CollectorRegistry()) as client:
            return client.schedules()

    assert await asyncio.to_thread(blocking) == found


async def test_what_runs_before_a_time(gateway: RunningGateway, redis_url: str) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    for url in (gateway.url, redis_url):
        backup, report = await seen(url, until)
        assert (len(backup.next_runs or ()), report.next_runs) == (3, None)
        assert [one.function for one in await seen(url, datetime(2001, 1, 1, tzinfo=UTC))] == ["report"]
    async with Client(gateway.url, registry=CollectorRegistry()) as client:
        with pytest.raises(InvalidOption, match="next_before"):
            await client.schedules(next_before="tonight")  # type: ignore[arg-type]


async def test_the_command_line_shows_them_in_the_order_of_their_runs(
    gateway: RunningGateway, redis_url: str
) -> None:
    for at in (("--url", gateway.url), ("--url", redis_url)):
        done = await asyncio.to_thread(run_jobgate, "schedules", *at)
        assert done.returncode == 0, done.stderr
        first, second = (json.loads(line) for line in done.stdout.splitlines())
        assert (first["function"], second["function"]) == ("cron:backup", "report")
        assert first["next_runs"][0].endswith("Z") or "+00:00" in first["next_runs"][0]
        assert first["last_runs"][-1]["error"] == FAILED.error
        none = await asyncio.to_thread(run_jobgate, "schedules", "--before", "2001-01-01", *at)
        assert [json.loads(line)["function"] for line in none.stdout.splitlines()] == ["report"]
    wrong = await asyncio.to_thread(run_jobgate, "schedules", "--before=soon", "--url", gateway.url)
    assert (wrong.returncode, wrong.stdout) == (2, "")


async def test_a_redis_without_cron_jobs_says_so(redis_url: str) -> None:
    done = await asyncio.to_thread(run_jobgate, "schedules", "--url", redis_url)
    assert (done.returncode, done.stdout) == (0, "")
