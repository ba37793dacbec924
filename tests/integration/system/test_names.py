"""Names and ids from outside: none is another key of Redis, and every id that exists can be followed."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import redis
from prometheus_client import CollectorRegistry

from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from jobgate.arq import create_pool
from jobgate.broker import Broker, BrokerMisconfigured
from jobgate.client import Client, InvalidRequest, JobAborted, JobStatus

_WORDS = """
    run:42 https://example.com/page?a=1&b=2#top user@example.com cron:tidy:1767225600000 x:wake a+b %2F %252e
    . .. ../.. {a} a;b,c é 漢字 \U0001f600
"""
#: Ids that arq's users have given their jobs, and some that they have not yet.
IDS_OF_ARQ = [
    *_WORDS.split(),
    "with space",
    " ",
    "a\r\nX: y",
    "tab\t",
    "\0",
    "\u202e",
    "\"<&'>",
    "x" * 300,
    "/",
]


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url) as running:
        yield running


# --- queues


@pytest.mark.parametrize(
    "queue", ["arq:job", "arq:result", "arq:retry", "arq:in-progress", "q:worker", "q:claim", "q:progress"]
)
async def test_a_queue_whose_keys_are_others_is_refused(
    gateway: RunningGateway, redis_url: str, queue: str, valkey_server: RedisServer
) -> None:
    status, problem, _ = await gateway.post("/jobs/add", {"queue": queue})
    assert (status, problem["code"]) == (422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "#/queue"
    assert f"'{queue}:" in problem["detail"], "it names the key"
    assert "Choose a name" in problem["detail"]
    status, problem, _ = await gateway.get(f"/jobs?queue={queue}")
    assert (status, problem["errors"][0]["pointer"]) == (422, "?queue")
    with valkey_server.client() as client:
        assert client.keys() == [b"arq:queue:epoch"], "which the gateway writes when it starts"
    async with Broker(redis_url) as broker:
        with pytest.raises(ValueError, match="cannot be used"):
            await broker.enqueue(request_of("add", queue=queue))
        with pytest.raises(ValueError, match="cannot be used"):
            await broker.claim(queue, 1, worker_id="w", token="w:1")
        with pytest.raises(ValueError, match="cannot be used"):
            await broker.pause(queue)


async def test_the_job_wake_breaks_nobody(gateway: RunningGateway) -> None:
    for document in (
        {"queue": "arq:job"},
        {"job_id": "wake"},
        {},
        {"queue": "arq:retry"},
        {"job_id": "x.wake"},
    ):
        expected = 422 if "queue" in document else 202
        assert (await gateway.post("/jobs/add", document))[0] == expected


async def test_clients_are_refused_such_queues_in_words(redis_url: str, gateway: RunningGateway) -> None:
    for url in (redis_url, gateway.url):
        async with Client(url, registry=CollectorRegistry()) as client:
            with pytest.raises(InvalidRequest, match="Choose a name"):
                await client.enqueue("add", _queue="arq:job")
    async with await create_pool(redis_url) as pool:
        with pytest.raises(InvalidRequest, match="Choose a name"):
            await pool.enqueue_job("add", _queue_name="arq:job")
        with pytest.raises(InvalidRequest, match="cannot be part of a URL"):
            await pool.enqueue_job("add", _job_id="..")


async def test_a_health_line_is_not_written_over_a_queue(redis_url: str, valkey_server: RedisServer) -> None:
    async with Broker(redis_url) as broker:
        await broker.enqueue(request_of("add", job_id="a", queue="mail"))
        with pytest.raises(BrokerMisconfigured, match="mail does not hold a health line"):
            await broker.write_health("arq:queue", "…", ttl=60, key="mail")
        assert (await broker.queue_depth("mail")).queued == 1


# --- ids


@pytest.mark.parametrize("job_id", [".", "..", "run:42", "a/b"])
async def test_ids_that_new_jobs_cannot_have(gateway: RunningGateway, job_id: str) -> None:
    status, problem, _ = await gateway.post("/jobs/add", {"job_id": job_id})
    assert (status, problem["errors"][0]["pointer"]) == (422, "#/job_id")


async def listed(gateway: RunningGateway) -> dict[str, Any]:
    _, page, _ = await gateway.get("/jobs?limit=1000")
    return {job["job_id"]: job for job in page["jobs"]}


async def test_every_id_that_is_listed_can_be_followed(gateway: RunningGateway, redis_url: str) -> None:
    ids = [job_id for job_id in IDS_OF_ARQ if job_id not in {".", ".."}]
    async with await create_pool(redis_url) as pool:
        for job_id in ids:
            await pool.enqueue_job("add", 1, 2, _job_id=job_id, _defer_by=600)
    jobs = await listed(gateway)
    assert sorted(jobs) == sorted(ids)
    for job_id in jobs:
        assert await ask(gateway, "GET", job_id, "status") == (200, "deferred")
        assert await ask(gateway, "GET", job_id, "result") == (202, "deferred")
        assert await ask(gateway, "POST", job_id, "abort") == (200, None)
        assert await ask(gateway, "GET", job_id, "result") == (200, "complete")
    assert await ask(gateway, "GET", "run:43", "status") == (404, None)


async def ask(gateway: RunningGateway, method: str, job_id: str | bytes, part: str) -> tuple[int, str | None]:
    """Ask for a job as any HTTP library does; return HTTP's status and, where there is one, the job's."""

    def exchange() -> tuple[int, str | None]:
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        connection.request(method, f"/jobs/{quote(job_id, safe='')}/{part}")
        answer = connection.getresponse()
        document = json.loads(answer.read())
        connection.close()
        return answer.status, document.get("status") if answer.status < 400 else None

    return await asyncio.to_thread(exchange)


@pytest.mark.parametrize("transport", ["http", "redis"])
async def test_the_client_follows_every_id(gateway: RunningGateway, redis_url: str, transport: str) -> None:
    with_stock_arq(redis_url, IDS_OF_ARQ)
    url = gateway.url if transport == "http" else redis_url
    async with Client(url, registry=CollectorRegistry()) as client:
        for job_id in IDS_OF_ARQ:
            job = client.job(job_id)
            assert await job.status() is JobStatus.DEFERRED, job_id
            assert await job.abort(timeout=5) is True
            with pytest.raises(JobAborted):
                await job.result(timeout=5)


def with_stock_arq(url: str, ids: list[str]) -> None:
    """Write jobs as arq's producers do, of whatever id."""
    body = json.dumps({"t": None, "f": "add", "a": [1, 2], "k": {}, "et": 1_700_000_000_000})
    with redis.Redis.from_url(url) as client:
        for job_id in ids:
            client.set(f"arq:job:{job_id}", body, px=86_400_000)
            client.zadd("arq:queue", {job_id: 4_000_000_000_000})


async def test_an_id_that_is_not_utf8_spoils_nothing(gateway: RunningGateway, redis_url: str) -> None:
    with_stock_arq(redis_url, ["good"])
    with redis.Redis.from_url(redis_url) as client:
        client.zadd("arq:queue", {b"caf\xe9": 4_000_000_000_000, b"\xed\xa0\x80": 4_000_000_000_000})
        client.copy("arq:job:good", b"arq:job:caf\xe9")
    async with gateway.session.get(f"{gateway.url}/jobs") as answer:
        page = orjson.loads(await answer.read())  # which takes no half of a surrogate pair
    shown = {"good", "caf\ufffd", "\ufffd\ufffd\ufffd"}
    assert {job["job_id"] for job in page["jobs"]} == shown
    assert await ask(gateway, "GET", b"caf\xe9", "status") == (200, "deferred")
    assert await ask(gateway, "POST", b"caf\xe9", "abort") == (200, None)
    assert await ask(gateway, "GET", b"caf\xe9", "result") == (200, "complete")
    async with Client(gateway.url, registry=CollectorRegistry()) as client:
        assert (await client.job("caf\udce9").info()).job_id == "caf\ufffd"


async def test_a_worker_that_retires_takes_no_queue_along(redis_url: str) -> None:
    async with Broker(redis_url) as broker:
        await broker.enqueue(request_of("add", job_id="a", queue="mail"))
        record = dataclasses.replace(PlayedWorker(broker).record, health_key="mail")
        await broker.announce(record, ttl=15)
        await broker.retire(record)
        assert (await broker.queue_depth("mail")).queued == 1
