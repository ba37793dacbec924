"""`/queues` and `/workers`: what operators see of the fleet, who may see it, pausing and resuming."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import redis

from harness.documents.api_document import api_document
from harness.hostile.spoilt_keys import KINDS, spoil
from harness.servers.losing_proxy import proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.systems.workers import busy, enqueue, outcome, working
from harness.waiting import eventually_async
from jobgate.broker import Broker, RunningTry, WorkerVitals
from jobgate.broker.scripts import script
from jobgate.gateway import new_key
from jobgate.worker import Retry, func

DOCUMENT = api_document()
EMPTY = {"queued": 0, "deferred": 0, "in_progress": 0}


def validate(name: str, value: Any) -> Any:
    schema = {
        **DOCUMENT,
        "$ref": f"#/components/schemas/{name}",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(value)
    return value


async def queue_of(gateway: RunningGateway, name: str = "arq:queue") -> Any:
    status, queue, _ = await gateway.get(f"/queues/{name}")
    assert status == 200, queue
    return validate("Queue", queue)


async def names(gateway: RunningGateway, query: str = "") -> list[str]:
    status, page, _ = await gateway.get(f"/queues{query}")
    assert status == 200, page
    return [queue["queue"] for queue in page["queues"]]


async def all_workers(gateway: RunningGateway, query: str = "") -> list[Any]:
    status, page, _ = await gateway.get(f"/workers{query}")
    assert (status, page.get("next_cursor")) == (200, ""), page
    return [validate("Worker", worker) for worker in page["workers"]]


async def lost_workers(gateway: RunningGateway, query: str = "") -> list[str]:
    _, page, _ = await gateway.get(f"/workers{query}")
    assert all(is_recent(validate("LostWorker", one)["lost_time"]) for one in page["lost"])
    return [one["worker"] for one in page["lost"]]


async def test_workers_that_were_lost_are_named_and_those_that_stopped_are_not(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    async with Broker(valkey_server.url) as broker:
        lost, stopped, live = (
            PlayedWorker(broker, queue=queue, name=name)
            for queue, name in (("mail", "lost"), ("arq:queue", "stopped"), ("arq:queue", "live"))
        )
        for worker in (lost, stopped):
            await broker.announce(worker.record, ttl=0.01)
        await broker.announce(live.record, ttl=15)
        await broker.retire(stopped.record)

        async def is_named() -> bool:
            return await lost_workers(gateway) == ["lost"]

        await eventually_async(is_named, what="one was lost")
        assert [one["worker"] for one in await all_workers(gateway)] == ["live"]
        assert await lost_workers(gateway, "?queue=mail") == ["lost"]
        assert await lost_workers(gateway, "?queue=arq:queue") == []
        await broker.announce(replace(lost.record, worker_id="other"), ttl=15)
        assert await lost_workers(gateway) == ["lost"], "others do not remove it"
        with valkey_server.client() as client:
            assert 600_000 < client.pttl("mail:workers") <= 615_000
            client.zadd("mail:workers", {"lost": 1, "spoilt": "-inf"})
            assert await lost_workers(gateway) == [], "it was lost long ago"
            await broker.announce(replace(lost.record, worker_id="other"), ttl=15)
            assert client.zrange("mail:workers", 0, -1) == [b"other"], "it is forgotten"
        await broker.announce(lost.record, ttl=0.01)
        await eventually_async(is_named, what="it was lost again")
        await broker.announce(lost.record, ttl=15)
        assert await lost_workers(gateway) == [], "it is back"


def is_recent(moment: str, seconds: float = 60) -> bool:
    return abs(datetime.now(UTC) - datetime.fromisoformat(moment)) < timedelta(seconds=seconds)


async def test_a_queue_shows_its_depth_by_status(gateway: RunningGateway, worker: PlayedWorker) -> None:
    assert (await queue_of(gateway))["depth"] == EMPTY
    for document in ({}, {}, {"defer_by": 60}):
        await gateway.post("/jobs/add", document)
    await worker.announce()
    await worker.claim()
    queue = await queue_of(gateway)
    assert queue["depth"] == {"queued": 1, "deferred": 1, "in_progress": 1}
    assert queue["oldest_due_age"] > 0
    assert (queue["workers"], queue["paused"], queue["paused_since"]) == (1, False, None)
    _, page, _ = await gateway.get("/queues")
    (listed,) = page["queues"]
    assert listed | {"oldest_due_age": 0} == queue | {"oldest_due_age": 0}
    assert page["next_cursor"] == ""


@pytest.mark.parametrize("path", ["never:used", "never%3Aused"])
async def test_a_queue_that_nobody_has_used_is_empty(gateway: RunningGateway, path: str) -> None:
    queue = await queue_of(gateway, path)
    assert (queue["queue"], queue["depth"], queue["workers"]) == ("never:used", EMPTY, 0)
    assert await names(gateway) == ["arq:queue"]


@pytest.mark.parametrize("path", ["arq:job:x", "mail:wake", "a%20b", "%00", "x" * 129, "a%2Fb", "%FF"])
@pytest.mark.parametrize("action", ["", "/pause", "/resume"])
async def test_names_that_no_queue_may_have(gateway: RunningGateway, path: str, action: str) -> None:
    status, problem, _ = await gateway.ask("POST" if action else "GET", f"/queues/{path}{action}")
    assert (status, problem["code"]) == (422, "invalid-request")


async def test_pause_and_resume_are_idempotent_and_say_since_when(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, Broker(redis_url) as broker:
        assert (await gateway.post("/queues/mail/resume"))[1]["paused"] is False
        status, first, _ = await gateway.post("/queues/mail/pause")
        assert (status, first["queue"], first["paused"]) == (200, "mail", True)
        assert is_recent(validate("Queue", first)["paused_since"])
        _, again, _ = await gateway.post("/queues/mail/pause", data=b"{ignored")
        assert again == first
        assert await broker.is_paused("mail")
        async with running_gateway(redis_url) as other:
            assert await names(other) == await names(gateway) == ["arq:queue", "mail"]
            for _ in range(2):
                status, resumed, _ = await other.post("/queues/mail/resume")
                assert (status, resumed["paused"], resumed["paused_since"]) == (200, False, None)
        assert not await broker.is_paused("mail")


async def test_nothing_is_claimed_after_a_pause_was_answered(redis_url: str) -> None:
    started: list[int] = []

    async def note(ctx: object, number: int) -> None:
        started.append(number)

    functions = [func(note, name="note")]
    async with running_gateway(redis_url) as gateway, working(functions, redis_url, max_jobs=2):

        async def enqueue_all() -> None:
            for number in range(300):
                assert (await gateway.post("/jobs/note", {"args": [number]}))[0] == 202

        enqueuing = asyncio.create_task(enqueue_all())
        await eventually_async(lambda: asyncio.sleep(0, len(started) > 20), what="some jobs")
        assert (await gateway.post("/queues/arq:queue/pause"))[1]["paused"]
        started_by_then = len(started)
        await enqueuing

        async def idle() -> bool:
            return bool((await queue_of(gateway))["depth"]["in_progress"] == 0)

        await eventually_async(idle, what="the end of what was claimed before")
        before = len(started)
        assert before - started_by_then <= 4, "at most those that had been claimed before"
        queue = await queue_of(gateway)
        assert queue["depth"]["queued"] == 300 - before > 0
        async with asyncio.timeout(30):
            await gateway.post("/queues/arq:queue/resume")
            while len(started) < 300:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "zset"])
async def test_a_key_that_is_no_queue_is_a_clear_problem_and_left_out_of_the_list(
    gateway: RunningGateway, redis_url: str, kind: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.zadd("arq:queue:queues", {"mail": 4e12, "bad name": 4e12, b"\xff": 4e12, "arq:job:x": 4e12})
        spoil(client, "mail", kind)
        for method, path in (("GET", "/queues/mail"), ("POST", "/queues/mail/pause")):
            status, problem, _ = await gateway.ask(method, path)
            assert (status, problem["code"]) == (422, "invalid-request")
            assert "another type of value" in problem["detail"]
        assert not client.exists("mail:paused"), "nothing is written"
        assert await names(gateway) == ["arq:queue"]
        spoil(client, "arq:queue:queues", kind)
        assert await names(gateway) == ["arq:queue"]


async def test_without_redis_they_are_unavailable(make_server: Any) -> None:
    server = make_server("valkey")
    async with running_gateway(server.url, redis_deadline=0.5) as gateway:
        server.kill()
        for path in ("/queues", "/queues/arq:queue", "/workers", "/workers/w"):
            status, problem, headers = await gateway.get(path)
            assert (status, problem["code"], headers["Retry-After"]) == (503, "unavailable", "1")
        for action in ("pause", "resume"):
            assert (await gateway.post(f"/queues/arq:queue/{action}"))[0] == 503


async def test_a_pause_whose_answer_is_lost_is_in_doubt_and_can_be_repeated(
    valkey_server: RedisServer, redis_url: str
) -> None:
    async with (
        proxy_to(valkey_server.port) as proxy,
        running_gateway(proxy.url, redis_deadline=1.0) as gateway,
        Broker(redis_url) as broker,
    ):
        for switch in ("pause", "resume"):
            await gateway.post(f"/queues/mail/{switch}")  # now the server knows the scripts
        for switch in ("pause", "resume"):
            proxy.lose_answer_to(script(switch).sha.encode())
            status, problem, headers = await gateway.post(f"/queues/mail/{switch}")
            assert (status, problem["code"], headers["Retry-After"]) == (503, "outcome-unknown", "1")
            assert await broker.is_paused("mail") is (switch == "pause")
            proxy.reopen()
            status, queue, _ = await gateway.post(f"/queues/mail/{switch}")
            assert (status, queue["paused"]) == (200, switch == "pause")


async def test_lists_have_pages(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, Broker(redis_url) as broker:
        await broker.note_queues([f"q{number}" for number in range(5)])
        found: list[str] = []
        cursor = ""
        while True:
            status, page, _ = await gateway.get(f"/queues?limit=2&cursor={cursor}")
            assert status == 200
            found += [queue["queue"] for queue in page["queues"]]
            if not (cursor := page["next_cursor"]):
                break
        assert found == ["arq:queue", "q0", "q1", "q2", "q3", "q4"]
        for number in range(3):
            await PlayedWorker(broker, "add", name=f"w{number}").announce()
        _, page, _ = await gateway.get("/workers?limit=2&cursor=w0")
        assert ([one["worker"] for one in page["workers"]], page["next_cursor"]) == (["w1", "w2"], "")
        for query in ("limit=0", "limit=x", "other=1", f"cursor={'x' * 257}"):
            assert (await gateway.get(f"/queues?{query}"))[0] == 422
            assert (await gateway.get(f"/workers?{query}"))[0] == 422


async def test_a_gateway_with_queue_options_shows_these_alone(redis_url: str) -> None:
    async with running_gateway(redis_url, queues=("mail",)) as gateway, Broker(redis_url) as broker:
        await PlayedWorker(broker, "add", name="here", queue="mail").announce()
        await PlayedWorker(broker, "add", name="there", queue="other").announce()
        await broker.note_queues(["mail", "other"])
        assert await names(gateway) == ["arq:queue", "mail"]
        assert [one["worker"] for one in await all_workers(gateway)] == ["here"]
        assert (await gateway.get("/queues/other"))[0] == 422
        assert (await gateway.get("/workers?queue=other"))[0] == 422
        assert (await gateway.get("/workers/there"))[0] == 404


async def test_what_a_gateway_enqueues_into_is_known_to_the_others(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, running_gateway(redis_url) as other:
        assert (await gateway.post("/jobs/add", {"queue": "nowork"}))[0] == 202

        async def is_known() -> bool:
            return await names(other) == ["arq:queue", "nowork"]

        await eventually_async(is_known, what="the queue of the other gateway")


async def test_gateways_agree_on_what_happened_and_so_does_one_that_starts(redis_url: str) -> None:
    tries: list[int] = []

    async def add(ctx: Any) -> None:
        tries.append(ctx["job_try"])
        if ctx["job_try"] == 1:
            raise Retry(defer=0)

    async def fail(ctx: object) -> None:
        raise ValueError

    functions = [func(add, name="add"), func(fail, name="fail")]
    kinds = ("enqueued", "succeeded", "failed", "aborted", "retried")
    expected = {"add": (3, 2, 0, 1, 2), "fail": (1, 0, 1, 0, 0)}

    async def seen_by(gateway: RunningGateway) -> Any:
        hour = (await queue_of(gateway))["last_hour"]
        assert {len(hour["series"][kind]) for kind in kinds} == {60}
        assert {kind: sum(hour["series"][kind]) for kind in kinds} == hour["total"]
        assert is_recent(hour["start"], 3600 + 120)
        assert sum(hour["series"]["enqueued"][-3:]) == hour["total"]["enqueued"]
        return {one["function"]: tuple(one[kind] for kind in kinds) for one in hour["functions"]}

    async with running_gateway(redis_url) as one, running_gateway(redis_url) as other:
        assert await seen_by(one) == {}
        async with working(functions, redis_url):
            for gateway in (one, other):
                assert (await gateway.post("/jobs/add?wait=30"))[1]["success"]
            assert not (await other.post("/jobs/fail?wait=30"))[1]["success"]
            await one.post("/jobs/add", {"job_id": "later", "defer_by": 60})
            assert (await other.post("/jobs/later/abort"))[1] == {"aborted": True}
        assert await seen_by(one) == await seen_by(other) == expected
        async with running_gateway(redis_url) as restarted:
            assert await seen_by(restarted) == expected


async def test_a_queue_of_stock_arq_is_listed_once_it_was_asked_for(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, running_gateway(redis_url) as other:
        with redis.Redis.from_url(redis_url) as client:
            client.zadd("of-arq", {"id": 1.0})
        assert await names(other) == ["arq:queue"]
        assert (await queue_of(gateway, "of-arq"))["depth"]["queued"] == 1

        async def is_known() -> bool:
            return await names(other) == ["arq:queue", "of-arq"]

        await eventually_async(is_known, what="the queue that was asked for")


async def test_a_worker_shows_what_it_runs_and_since_when(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.worker.vitals.announcer._INTERVAL", 0.05)
    end = asyncio.Event()

    async def hold(ctx: object) -> None:
        await end.wait()

    settings = {"max_jobs": 3, "queues": ["mail", "urgent"]}
    async with (
        running_gateway(redis_url) as gateway,
        Broker(redis_url) as broker,
        working([func(hold, name="hold")], redis_url, **settings) as worker,
    ):
        job_id = await enqueue(broker, "hold", queue="urgent")
        await busy(worker)

        async def running() -> Any:
            (found,) = await all_workers(gateway) or [{"running": []}]
            # A job that was just claimed has not been read yet.
            return found["running"] and found["running"][0]["function"] and found

        shown = await eventually_async(running, what="the running job")
        (job,) = shown["running"]
        assert job["job_id"] == job_id
        assert job["function"] == "hold"
        assert job["start_time"] == (await gateway.get(f"/jobs/{job_id}/status"))[1]["start_time"]
        assert (shown["worker"], shown["queues"]) == (worker.worker_id, ["mail", "urgent"])
        assert (shown["functions"], shown["max_jobs"], shown["in_progress"]) == (["hold"], 3, 1)
        assert is_recent(shown["heartbeat_time"])
        assert is_recent(shown["start_time"])
        assert shown["version"]
        assert shown["memory"] > 1_000_000
        assert 0 <= shown["lag"] < 30
        path = f"/workers/{worker.worker_id.replace(':', '%3A')}"
        assert validate("Worker", (await gateway.get(path))[1])["worker"] == worker.worker_id
        assert [one["worker"] for one in await all_workers(gateway, "?queue=mail")] == [worker.worker_id]
        assert await all_workers(gateway, "?queue=other") == []
        end.set()
        await outcome(broker, job_id)

        async def counted() -> bool:
            (found,) = await all_workers(gateway)
            return bool(found["since_start"]["succeeded"] == 1 and found["running"] == [])

        await eventually_async(counted, what="the end of the job")
    # It has removed itself.
    async with running_gateway(redis_url) as gateway:
        assert await all_workers(gateway) == []
        status, problem, _ = await gateway.get(path)
        assert (status, problem["code"]) == (404, "worker-not-found")
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter("arq:queue:vitals:*")) == []


def key_of(folder: Path, *entries: tuple[str, ...]) -> list[dict[str, str]]:
    """Write a keys file with one key for each list of scopes; return their headers."""
    made = [new_key(f"key{number}", scopes) for number, scopes in enumerate(entries)]
    (folder / "keys.toml").write_text("".join(entry for _, entry in made))
    return [{"Authorization": f"Bearer {key}"} for key, _ in made]


async def test_who_may_see_and_do_what(redis_url: str, tmp_path: Path) -> None:
    own, reader, operator, enqueuer = key_of(
        tmp_path,
        ("read", "abort", "metrics", "inspect"),
        ("read:*",),
        ("operate", "enqueue:a*"),
        ("enqueue:*",),
    )
    async with (
        running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway,
        Broker(redis_url) as broker,
    ):
        worker = PlayedWorker(broker, "add", "secret", name="w")
        await worker.announce()
        running = [RunningTry("id", "secret", 1_700_000_000_000)]
        await broker.announce(worker.record, ttl=15, vitals=WorkerVitals(running=running))
        paths = ["/queues", "/queues/arq:queue", "/workers", "/workers/w", "/workers/nobody"]
        for path in paths:
            assert (await gateway.get(path))[0] == 401
            for headers in (own, enqueuer):
                status, problem, _ = await gateway.get(path, headers=headers)
                assert (status, problem["code"]) == (403, "forbidden")
            for headers in (reader, operator):
                assert (await gateway.get(path, headers=headers))[0] == (404 if "nobody" in path else 200)
        for action in ("pause", "resume"):
            path = f"/queues/arq:queue/{action}"
            for headers in (own, enqueuer, reader):
                assert (await gateway.post(path, headers=headers))[0] == 403
            assert (await gateway.post(path, headers=operator))[0] == 200
        seen = [(await gateway.get("/workers/w", headers=headers))[1] for headers in (reader, operator)]
        assert [one["functions"] for one in seen] == [["add", "secret"], ["add"]]
        assert [one["running"][0]["job_id"] for one in seen] == ["id", None]
        assert [one["running"][0]["function"] for one in seen] == ["secret", "secret"]


#: What another program may have written in place of a worker's record, after the time.
RECORDS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"1 {",
    "a list": b"1 []",
    "half a record": b'1 {"worker_id":"w"}',
    "no UTF-8": b'1 {"worker_id":"\xff"}',
}


@pytest.mark.parametrize("name", RECORDS)
async def test_records_of_others_are_left_out(gateway: RunningGateway, redis_url: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.zadd("arq:queue:workers", {"bad": 4e12})
        client.set("arq:queue:worker:bad", RECORDS[name])
    async with Broker(redis_url) as broker:
        await PlayedWorker(broker, "add", name="good").announce()
    assert [one["worker"] for one in await all_workers(gateway)] == ["good"]


async def test_a_record_with_odd_values_is_shown_as_far_as_json_allows(
    gateway: RunningGateway, redis_url: str
) -> None:
    async with Broker(redis_url) as broker:
        record = PlayedWorker(broker).record
        for number, odd in enumerate([2**63, -(2**63), 0]):
            one = replace(
                record,
                worker_id=f"w{number} ü/\n",
                start_time_ms=odd,
                pid=odd,
                host="h\x00\u202e" * 9,
                catalogue="?",
            )
            await broker.announce(one, ttl=15)
        await broker.announce(replace(record, worker_id="x" * 257), ttl=15)
    shown = await all_workers(gateway)
    assert [one["start_time"] for one in shown] == [None, None, "1970-01-01T00:00:00.000Z"]
    assert (await gateway.get("/workers/w1%20%C3%BC%2F%0A"))[1] == shown[1]
    assert (await gateway.get("/workers/%FF"))[0] == 404


@pytest.mark.parametrize("kind", ["list", "zset", "text"])
async def test_vitals_of_another_kind_count_as_unknown(
    gateway: RunningGateway, redis_url: str, kind: str
) -> None:
    async with Broker(redis_url) as broker:
        await PlayedWorker(broker, name="w").announce()
    with redis.Redis.from_url(redis_url) as client:
        spoil(client, "arq:queue:vitals:w", kind)
    (shown,) = await all_workers(gateway)
    assert (shown["running"], shown["lag"], shown["memory"], shown["functions"]) == ([], None, None, None)
