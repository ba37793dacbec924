"""What somebody else has written into Redis is answered for one job or one request, never with a 5xx."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from harness.hostile.spoilt_keys import KINDS, spoil
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from jobgate.broker import Broker

#: Kinds that no key of a job may have; what a text says is another question.
OTHERS = ("list", "zset")


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


async def enqueued(gateway: RunningGateway, job_id: str, **options: Any) -> tuple[int, Any, Any]:
    return await gateway.post("/jobs/add", {"job_id": job_id, "defer_by": 3600}, **options)


@pytest.mark.parametrize("kind", ["text", *OTHERS])
async def test_a_result_of_another_kind_has_ended_and_cannot_be_read(
    gateway: RunningGateway, client: redis.Redis, kind: str
) -> None:
    await enqueued(gateway, "a")
    await enqueued(gateway, "b")
    spoil(client, "arq:result:a", kind)
    status, job, _ = await gateway.get("/jobs/a/status")
    assert (status, job["status"], job["success"]) == (200, "complete", None)
    for path in ("/jobs/a/result", "/jobs/a/result?wait=1"):
        status, problem, _ = await gateway.get(path)
        assert (status, problem["code"]) == (410, "unreadable-result")
    status, problem, _ = await gateway.post("/jobs/a/abort")
    assert (status, problem["code"]) == (409, "already-finished")
    status, problem, _ = await enqueued(gateway, "a")
    assert (status, problem["code"]) == (409, "job-exists")
    for query in ("", "?status=complete"):
        status, page, _ = await gateway.get(f"/jobs{query}")
        assert (status, [job["job_id"] for job in page["jobs"]]) == (200, [] if query else ["b"])


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("family", ["job", "retry", "queue:progress"])
async def test_a_job_with_a_key_of_another_kind_is_shown(
    gateway: RunningGateway, client: redis.Redis, family: str, kind: str
) -> None:
    await enqueued(gateway, "a")
    await enqueued(gateway, "b")
    spoil(client, f"arq:{family}:a", kind)
    status, job, _ = await gateway.get("/jobs/a/status")
    function = None if family == "job" else "add"
    assert (status, job["status"], job["function"], job["try"]) == (200, "deferred", function, 0)
    assert (await gateway.get("/jobs/a/result"))[0] == 202
    status, page, _ = await gateway.get("/jobs")
    assert (status, {job["job_id"] for job in page["jobs"]}) == (200, {"a", "b"})
    assert (await enqueued(gateway, "a"))[0] == 409
    assert (await gateway.post("/jobs/a/abort"))[:2] == (200, {"aborted": True})


@pytest.mark.parametrize("kind", OTHERS)
async def test_keys_of_all_jobs_of_another_kind(
    gateway: RunningGateway, client: redis.Redis, kind: str
) -> None:
    for key in ("arq:queue:wake", "arq:abort", "arq:queue:workers", "arq:queue:health-check"):
        spoil(client, key, kind)
    assert (await enqueued(gateway, "a"))[0] == 202
    assert (await gateway.get("/jobs/a/status"))[0] == 200
    assert (await gateway.get("/metrics"))[1].count(b'jobgate_gateway_queue_depth{queue="arq:queue"') == 3
    assert (await gateway.post("/jobs/a/abort"))[:2] == (200, {"aborted": True})


Change = Callable[[bytes], bytes]

#: What may stand in place of the record of an idempotency key.
RECORDS: dict[str, Change] = {
    "header lines": lambda record: record[:64] + b" a\r\nSet-Cookie: a=b",
    "no digest": lambda record: b"a",
    "no id": lambda record: record[:64] + b" ",
    "nothing": lambda record: b"",
    "no UTF-8": lambda record: record[:64] + b" \xff\xfe",
    "an id for no URL": lambda record: record[:64] + b" a/b?c=d#e",
    "marks of direction": lambda record: record[:64] + " a\u202e\u2028".encode(),
    "a long id": lambda record: record[:64] + b" " + b"a" * 100_000,
    "NUL": lambda record: record[:64] + b" a\x00b",
}


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in RECORDS.items()])
async def test_a_bad_record_makes_its_key_unusable(
    gateway: RunningGateway, client: redis.Redis, change: Change
) -> None:
    headers = {"Idempotency-Key": "k"}
    assert (await gateway.post("/jobs/add", {}, headers=headers))[0] == 202
    (key,) = client.scan_iter("*:idempotency:*")
    stored: Any = client.get(key)
    client.set(key, change(stored))
    await refuses_the_key(gateway, client)


@pytest.mark.parametrize("kind", KINDS)
async def test_so_does_one_of_another_kind(gateway: RunningGateway, client: redis.Redis, kind: str) -> None:
    assert (await gateway.post("/jobs/add", {}, headers={"Idempotency-Key": "k"}))[0] == 202
    (key,) = client.scan_iter("*:idempotency:*")
    spoil(client, key.decode(), kind)
    await refuses_the_key(gateway, client)


async def refuses_the_key(gateway: RunningGateway, client: redis.Redis) -> None:
    for query in ("", "?wait=1"):
        status, problem, headers = await gateway.post(
            f"/jobs/add{query}", {}, headers={"Idempotency-Key": "k"}
        )
        assert (status, problem["code"]) == (422, "idempotency-key-reused")
        assert not {"Set-Cookie", "Location"} & headers.keys()
    assert client.zcard("arq:queue") == 1
    status, job, _ = await gateway.post("/jobs/add", {}, headers={"Idempotency-Key": "another"})
    assert (status, job["function"]) == (202, "add")


#: What may stand in place of a worker's record, besides other kinds of keys.
HEARTBEATS = {
    "no time": b"{}",
    "no JSON": b"1 {",
    "a number": b"1 5",
    "null": b"1 null",
    "a list": b"1 []",
    "nothing in it": b"1 {}",
    "deep": b"1 " + b"[" * 100_000,
    "an endless number": b"9" * 5_000 + b" {}",
    "huge": b'1 {"queues":["' + b"x" * 2_000_000 + b'"]}',
}


@pytest.mark.parametrize("name", [*HEARTBEATS, *OTHERS])
async def test_a_worker_s_record_spoils_no_other(redis_url: str, client: redis.Redis, name: str) -> None:
    async with Broker(redis_url) as broker:
        await PlayedWorker(broker, "add", name="good").announce()
        await PlayedWorker(broker, "sub", name="bad").announce()
        if name in HEARTBEATS:
            client.set("arq:queue:worker:bad", HEARTBEATS[name])
        else:
            spoil(client, "arq:queue:worker:bad", name)
        assert [record.worker_id for record in await broker.workers()] == ["good"]
        async with running_gateway(redis_url) as gateway:
            assert (await gateway.post("/jobs/add"))[0] == 202
            status, problem, _ = await gateway.post("/jobs/ad")
            assert (status, problem["code"], problem["near"]) == (404, "unknown-function", ["add"])
        await broker.retire(PlayedWorker(broker, name="good").record)
        assert await broker.workers() == []


#: Members of a worker's record -> values that they cannot have.
MEMBERS: dict[str, Any] = {
    "catalogue": ["5", "[]", "{}", "true"],
    "queues": ["5", '[["arq:queue"]]', '"arq:queue"', "[1]", "{}", "null", '["arq:queue",null]'],
    "pid": ['"1"', "null", "1e400", "[]"],
    "host": ["5", "{}", "null"],
    "worker_id": ["null", "[]"],
    "health_key": ["5", "{}"],
}


async def test_members_of_another_type_make_no_record(redis_url: str, client: redis.Redis) -> None:
    async with Broker(redis_url) as broker:
        await PlayedWorker(broker, "add", name="w").announce()
        stored: Any = client.get("arq:queue:worker:w")
        for member, values in MEMBERS.items():
            for value in values:
                head, _, tail = stored.decode().partition(f'"{member}":')
                rest = tail[len(_value_of(tail)) :]
                client.set("arq:queue:worker:w", f'{head}"{member}":{value}{rest}')
                assert await broker.workers() == [], (member, value)


def _value_of(text: str) -> str:
    """The JSON value at the head of a text; the records of these tests nest none."""
    end = "]" if text.startswith("[") else ""
    return (
        text[: text.index(end) + 1] if end else text[: min(text.index(mark) for mark in ",}" if mark in text)]
    )
