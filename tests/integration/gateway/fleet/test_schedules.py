"""`/schedules`: the cron jobs of workers, when they run next, and how they ended last."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
import redis

from harness.documents.api_document import api_document
from harness.hostile.spoilt_keys import KINDS, spoil
from harness.systems.cron_workers import QUEUE, announce_cron, daily
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.systems.workers import working
from harness.waiting import eventually_async
from jobgate.broker import Broker, CronRun, Timetable, run_id, run_memory
from jobgate.broker.catalogue import joined
from jobgate.gateway import new_key
from jobgate.worker import cron, func

DOCUMENT = api_document()
#: It runs every four years, so that no test meets a run.
RARE: dict[str, Any] = {"month": 2, "day": 29, "hour": 3, "minute": 0}


async def tick(ctx: object) -> None:
    """Do nothing.

    At all.
    """


async def boom(ctx: object) -> None:
    raise ValueError("a secret")


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as made:
        yield made


async def schedules(gateway: RunningGateway, query: str = "", **options: Any) -> list[Any]:
    status, page, _ = await gateway.get(f"/schedules{query}", **options)
    assert status == 200, page
    assert page["next_cursor"] == ""
    schema = {**DOCUMENT, "$ref": "#/components/schemas/Schedule"}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    for one in page["schedules"]:
        validator.validate(one)
    return list(page["schedules"])


async def seen(gateway: RunningGateway, count: int = 1, query: str = "") -> list[Any]:
    """Return the cron jobs once there are so many."""

    async def there() -> Any:
        found = await schedules(gateway, query)
        return found if len(found) == count else None

    return list(await eventually_async(there, what=f"{count} cron jobs"))


def last_at_three() -> datetime:
    now = datetime.now(UTC)
    three = now.replace(hour=3, minute=0, second=0, microsecond=0)
    return three if three <= now - timedelta(seconds=10) else three - timedelta(days=1)


FAILED = CronRun(job_id="id", due_ms=1, start_ms=1, finish_ms=1, ending="failed", error="E: x")
LAST_MS = round(last_at_three().timestamp() * 1000)


async def test_a_worker_announces_its_cron_jobs(gateway: RunningGateway, redis_url: str) -> None:
    jobs = [
        cron(tick, weekday="mon", hour={9, 17}, minute=30, timeout=300, max_tries=3),
        cron(tick, name="nightly", job_id="one", unique=False, run_at_startup="once", **RARE),
    ]
    functions = [func(tick, name="plain")]
    async with working(functions, redis_url, cron_jobs=jobs, timezone="Europe/Berlin"):
        weekly, nightly = await seen(gateway, 2)
    assert weekly["function"] == "cron:tick"
    assert weekly["description"] == "Do nothing."
    assert (weekly["words"], weekly["timezone"]) == ("at 09:30 and 17:30 on Mondays", "Europe/Berlin")
    assert weekly["fields"] == {
        "month": None, "day": None, "weekday": ["mon"], "hour": [9, 17], "minute": [30], "second": [0],
    }  # fmt: skip
    assert (weekly["unique"], weekly["run_at_startup"], weekly["job_id"]) == (True, False, None)
    assert (weekly["timeout"], weekly["max_tries"], weekly["workers"], weekly["queue"]) == (300, 3, 1, QUEUE)
    assert len(weekly["next_runs"]) == 5
    assert {datetime.fromisoformat(each).astimezone().weekday() for each in weekly["next_runs"]} <= {0, 1}
    assert (nightly["unique"], nightly["run_at_startup"], nightly["job_id"]) == (False, "once", "one")


async def test_runs_are_noted_with_their_outcome(redis_url: str) -> None:
    jobs = [cron(tick, second=None), cron(boom, second=None)]
    async with running_gateway(redis_url) as gateway, working([], redis_url, cron_jobs=jobs):

        async def have_run() -> Any:
            found = await schedules(gateway)
            ended = [[run for run in one["last_runs"] if run["finish_time"]] for one in found]
            return found if len(found) == 2 and all(len(runs) > 1 for runs in ended) else None

        failing, fine = await eventually_async(have_run, what="two runs of each", timeout=30)
    for one, outcome in ((failing, "failed"), (fine, "succeeded")):
        run = next(run for run in one["last_runs"] if run["outcome"] == outcome)
        due = datetime.fromisoformat(run["due_time"])
        assert run["job_id"] == run_id(one["function"], round(due.timestamp() * 1000))
        assert due <= datetime.fromisoformat(run["start_time"]) <= datetime.fromisoformat(run["finish_time"])
        assert (run["code"], run["error"]) == (
            ("error", "ValueError: a secret") if outcome == "failed" else (None, None)
        )
        times = [run["due_time"] for run in one["last_runs"]]
        assert times == sorted(times, reverse=True)
        assert len(times) == len(set(times))


async def test_a_run_by_hand_is_noted_without_a_due_time(redis_url: str) -> None:
    jobs = [cron(tick, **RARE)]
    async with running_gateway(redis_url) as gateway, working([], redis_url, cron_jobs=jobs):
        await seen(gateway)
        answer = await gateway.post(f"/jobs/{quote('cron:tick', safe='')}?wait=30", {})
        assert answer[0] == 200, answer

        async def noted() -> Any:
            (one,) = await schedules(gateway)
            return one["last_runs"]

        (run,) = await eventually_async(noted, what="the run")
    assert (run["outcome"], run["due_time"], run["job_id"]) == ("succeeded", None, answer[1]["job_id"])


async def test_many_workers_with_the_same_cron_jobs_are_one_entry(
    gateway: RunningGateway, broker: Broker
) -> None:
    for number in range(100):
        await announce_cron(broker, daily(), name=f"w{number}")
    await announce_cron(broker, daily(timezone="Europe/Berlin"), name="new")
    one, other = sorted(await seen(gateway, 2), key=lambda each: -each["workers"])
    assert [one["workers"], other["workers"]] == [100, 1]
    assert one["id"] != other["id"]
    assert one["next_runs"] != other["next_runs"]


@pytest.mark.parametrize("state", ["waiting", "running", "unknown", "missed", "kept", "noted", "young"])
async def test_what_became_of_the_last_time(
    gateway: RunningGateway, broker: Broker, redis_url: str, state: str
) -> None:
    """It is told from whatever is left of its run in Redis."""
    job_id = run_id("cron:f", LAST_MS)
    worker = await announce_cron(broker, daily())
    if state in {"waiting", "running", "kept"}:
        await gateway.post(f"/jobs/{quote('cron:f')}", {"queue": QUEUE})
        with redis.Redis.from_url(redis_url) as client:
            rename_job(client, job_id)
    if state in {"running", "kept"}:
        claimed = await worker.claim()
        if state == "kept":
            await worker.finish(claimed)
    if state == "unknown":
        with redis.Redis.from_url(redis_url) as client:
            memory = run_memory(QUEUE, "cron:f", None, job_id)
            client.set(f"{QUEUE}:idempotency:{memory}", f"cron {job_id}")
    if state == "noted":
        run = CronRun(
            job_id=job_id, due_ms=LAST_MS, start_ms=LAST_MS, finish_ms=LAST_MS + 5, ending="aborted"
        )
        for _ in range(2):  # a repeated call notes it once
            await broker.note_cron_run(QUEUE, "cron:f", run)
    if state == "young":
        started = replace(worker.record, start_time_ms=LAST_MS + 5_000)
        await broker.announce(started, ttl=15)
    (one,) = await seen(gateway)
    if state == "young":
        assert one["last_runs"] == []
        return
    (run_,) = one["last_runs"]
    assert run_["outcome"] == {"kept": "succeeded", "noted": "aborted"}.get(state, state)
    assert datetime.fromisoformat(run_["due_time"]) == last_at_three()
    assert run_["job_id"] == (None if state == "missed" else job_id)


def rename_job(client: Any, job_id: str) -> None:
    ((old, _),) = client.zrange(QUEUE, 0, -1, withscores=True)
    client.rename(b"arq:job:" + old, f"arq:job:{job_id}")
    client.zrem(QUEUE, old)
    client.zadd(QUEUE, {job_id: LAST_MS})


async def test_what_runs_before_a_time(gateway: RunningGateway, broker: Broker) -> None:
    often, soon = Timetable.of(second=None), Timetable.of(minute=None)
    await announce_cron(broker, daily(timetable=often), daily(timetable=soon), daily(timezone="No/Zone"))
    later = daily(timetable=Timetable.of(month=datetime.now(UTC).month % 12 + 1, day=28, hour=0, minute=0))
    await announce_cron(broker, later, function="cron:later", name="later")
    until = datetime.now(UTC) + timedelta(minutes=3)
    await seen(gateway, 4)
    found = await schedules(gateway, f"?next_before={quote(until.isoformat())}")
    assert sorted(len(one["next_runs"] or ()) for one in found) == [0, 3, 50]
    (unknown,) = [one for one in found if one["next_runs"] is None]
    assert unknown["timezone"] == "No/Zone"
    assert all(datetime.fromisoformat(run) < until for one in found for run in one["next_runs"] or ())
    assert await schedules(gateway, "?next_before=2001-01-01T00:00:00Z&function=cron:later") == []


async def test_a_time_that_comes_twice_runs_as_the_documentation_says(
    gateway: RunningGateway, broker: Broker
) -> None:
    half_past_two = Timetable.of(month=10, hour=2, minute=30, microsecond=0)
    await announce_cron(broker, daily(timetable=half_past_two, timezone="Europe/Berlin"))
    await seen(gateway)
    (one,) = await schedules(gateway, "?next_before=2027-11-01T00:00:00Z")
    before, on_the_day = (f"2027-10-{day}T00:30:00.000Z" for day in (30, 31))
    assert [each for each in one["next_runs"] if before <= each <= "2027-10-31T23"] == [before, on_the_day]


async def test_lists_have_filters_and_pages(gateway: RunningGateway, broker: Broker) -> None:
    for number in range(3):
        await announce_cron(broker, daily(), function=f"cron:f{number}", name=f"w{number}")
    await announce_cron(broker, daily(queue="mail"), function="cron:mail", name="mail")
    await seen(gateway, 4)
    assert [one["function"] for one in await schedules(gateway, "?queue=mail")] == ["cron:mail"]
    assert [one["function"] for one in await schedules(gateway, "?function=cron:f1")] == ["cron:f1"]
    found, cursor = [], ""
    while True:
        _, page, _ = await gateway.get(f"/schedules?limit=3&cursor={quote(cursor)}")
        found += [one["function"] for one in page["schedules"]]
        if not (cursor := page["next_cursor"]):
            break
    assert found == ["cron:f0", "cron:f1", "cron:f2", "cron:mail"]
    for query in ("limit=0", "next_before=tonight", "function=1", "queue=a%20b", "other=1"):
        assert (await gateway.get(f"/schedules?{query}"))[0] == 422


async def test_what_others_have_written_breaks_nothing(
    gateway: RunningGateway, broker: Broker, redis_url: str
) -> None:
    await announce_cron(broker, daily(), daily(queue="arq:job:x"), daily(queue="a b"), name="odd queues")
    lines = [
        b'{"name":"cron:g","schedules":[7,{"queue":"q","hour":[99]}]}',
        b'{"name":"cron:h","schedules":"x"}',
    ]
    worker = PlayedWorker(broker, name="garbage")
    digest, stored = joined(lines)
    await broker.publish(digest, stored)
    await broker.announce(replace(worker.record, catalogue=digest), ttl=15)
    await seen(gateway)
    runs = f"{QUEUE}:cron-runs:cron:f"
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(runs, b"\xff", b"{}", b"[" * 5000, b'{"job_id":1}')
        (one,) = await schedules(gateway)
        assert [run["outcome"] for run in one["last_runs"]] == ["missed"]
        for kind in KINDS:
            spoil(client, runs, kind)
            await broker.note_cron_run(
                QUEUE, "cron:f", CronRun(job_id="a", due_ms=1, start_ms=1, finish_ms=1, ending="failed")
            )
            assert len(await schedules(gateway)) == 1


async def test_who_may_see_what(redis_url: str, broker: Broker, tmp_path: Path) -> None:
    entries = [("read", "inspect"), ("read:*",), ("operate", "enqueue:cron:a*")]
    made = [new_key(f"key{number}", scopes) for number, scopes in enumerate(entries)]
    (tmp_path / "keys.toml").write_text("".join(entry for _, entry in made))
    own, reader, operator = ({"Authorization": f"Bearer {key}"} for key, _ in made)
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        for number, function in enumerate(("cron:add", "cron:secret")):
            await announce_cron(broker, daily(), function=function, name=f"w{number}")
        await broker.note_cron_run(QUEUE, "cron:add", FAILED)
        assert (await gateway.get("/schedules"))[0] == 401
        assert (await gateway.get("/schedules", headers=own))[0] == 403

        async def there() -> Any:
            return len(await schedules(gateway, headers=reader)) == 2

        await eventually_async(there, what="the cron jobs")
        all_, some = [await schedules(gateway, headers=each) for each in (reader, operator)]
    assert [[one["function"] for one in each] for each in (all_, some)] == [
        ["cron:add", "cron:secret"],
        ["cron:add"],
    ]
    ends = [each[0]["last_runs"][-1] for each in (all_, some)]
    assert [(end["outcome"], end["job_id"], end["error"]) for end in ends] == [
        ("failed", "id", "E: x"), ("failed", None, None),
    ]  # fmt: skip


async def test_a_thousand_cron_jobs_do_not_hold_up_other_requests(
    gateway: RunningGateway, broker: Broker
) -> None:
    hours = [daily(timetable=Timetable.of(minute=minute)) for minute in range(20)]
    for number in range(50):
        await announce_cron(broker, *hours, function=f"cron:f{number}", name=f"w{number}")

    async def there() -> Any:
        return len((await gateway.get("/schedules?limit=1000"))[1]["schedules"]) == 1000

    await eventually_async(there, what="the cron jobs", timeout=30)
    asking = asyncio.create_task(gateway.get("/schedules?limit=1000"))
    answered = 0
    while not asking.done():
        assert (await gateway.get("/livez"))[0] == 200
        answered += 1
    assert answered > 1
