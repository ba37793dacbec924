"""A call that is repeated, since its answer was lost or came too late, is answered as the first one was."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client import CollectorRegistry

from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import ABORTED, PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.arq import Job, create_pool
from jobgate.broker import Broker, JobRequest
from jobgate.client import Client
from jobgate.gateway import new_key

#: A kept result tells of an abort for an hour, the mark of an unkept one for seconds.
KEPT = pytest.mark.parametrize("keep", [60, 0], ids=["kept", "unkept"])


#: Seconds for Redis, enough for an answer of one that is not stopped, on a machine that is busy.
DEADLINE = 1.0


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url) as running:
        yield running


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as broker:
        yield broker


# --- abort


@KEPT
@pytest.mark.parametrize("queue", ["arq:queue", "mail"])
async def test_a_second_abort_of_a_waiting_job_says_what_the_first_did(
    gateway: RunningGateway, keep: int, queue: str
) -> None:
    await gateway.post("/jobs/add", {"job_id": "a", "queue": queue, "keep_result": keep})
    for _ in range(3):
        status, answer, _ = await gateway.ask("POST", "/jobs/a/abort")
        assert (status, answer) == (200, {"aborted": True})


@pytest.mark.parametrize("transport", ["http", "redis"])
@KEPT
async def test_a_second_abort_by_the_client(
    redis_url: str, gateway: RunningGateway, broker: Broker, transport: str, keep: int
) -> None:
    await broker.enqueue(request_of("add", job_id="a", keep_result=keep))
    url = gateway.url if transport == "http" else redis_url
    async with Client(url, registry=CollectorRegistry()) as client:
        job = client.job("a")
        assert [await job.abort(timeout=5) for _ in range(2)] == [True, True]


@KEPT
async def test_a_second_abort_by_arqs_job(redis_url: str, broker: Broker, keep: int) -> None:
    await broker.enqueue(request_of("add", job_id="a", keep_result=keep))
    async with await create_pool(redis_url) as pool:
        assert [await Job("a", pool).abort(timeout=5) for _ in range(2)] == [True, True]


@KEPT
async def test_a_second_abort_of_a_job_that_ran(gateway: RunningGateway, broker: Broker, keep: int) -> None:
    worker = PlayedWorker(broker, "add")
    for job_id in ("a", "b"):
        await gateway.post("/jobs/add", {"job_id": job_id})
        claimed = await worker.claim()
        for _ in range(2):
            assert (await gateway.ask("POST", f"/jobs/{job_id}/abort"))[0] == 202
        await worker.finish(claimed, failure=ABORTED if job_id == "a" else None, keep=keep)
    for _ in range(2):
        assert (await gateway.ask("POST", "/jobs/a/abort"))[:2] == (200, {"aborted": True})
        status, problem, _ = await gateway.ask("POST", "/jobs/b/abort")
        assert (status, problem["code"]) == ((409, "already-finished") if keep else (404, "job-not-found"))


@pytest.mark.parametrize("transport", ["http", "redis", "arq"])
@KEPT
async def test_an_abort_of_a_job_that_runs_says_how_it_ended(
    redis_url: str, gateway: RunningGateway, broker: Broker, transport: str, keep: int
) -> None:
    async def aborted(job_id: str) -> bool:
        if transport == "arq":
            async with await create_pool(redis_url) as pool:
                return await Job(job_id, pool).abort(timeout=20)
        url = gateway.url if transport == "http" else redis_url
        async with Client(url, registry=CollectorRegistry()) as client:
            return await client.job(job_id).abort(timeout=20)

    await broker.enqueue(JobRequest(function="add", job_id="a"))
    worker = PlayedWorker(broker, "add")
    claimed = await worker.claim()
    first = asyncio.create_task(aborted("a"))
    with redis.Redis.from_url(redis_url) as marks:

        async def is_told() -> bool:
            return marks.zscore("arq:abort", "a") is not None

        await eventually_async(is_told, what="the worker is told")
    await worker.finish(claimed, failure=ABORTED, keep=keep)
    assert await first is True
    assert await aborted("a") is True


async def test_what_was_aborted_is_told_to_its_owner_alone(redis_url: str, tmp_path: Path) -> None:
    made = {name: new_key(name, ("enqueue:*", "read", "abort")) for name in ("mine", "other")}
    (tmp_path / "keys.toml").write_text("\n".join(entry for _, entry in made.values()))
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:

        async def status(name: str, path: str, document: Any = None) -> int:
            headers = {"Authorization": f"Bearer {made[name][0]}"}
            return (await gateway.post(path, document, headers=headers))[0]

        await status("mine", "/jobs/add", {"job_id": "a", "keep_result": 0})
        asked = ("mine", "mine", "other", "mine")
        assert [await status(name, "/jobs/a/abort") for name in asked] == [200, 200, 404, 200]
        assert await status("mine", "/jobs/unheard/abort") == 404


# --- enqueue


async def lost_answer(server: RedisServer, gateway: RunningGateway, path: str, **options: Any) -> str:
    """Have a request end as outcome-unknown although its job exists then; return the id that it was told."""
    assert (await gateway.post("/jobs/warm"))[0] == 202  # a connection stands
    server.pause()
    status, problem, _ = await gateway.post(path, {"args": [1, 2]}, **options)
    server.resume()
    assert (status, problem["code"]) == (503, "outcome-unknown")
    job_id = str(problem["job_id"])

    async def is_there() -> bool:
        return (await gateway.get(f"/jobs/{job_id}/status"))[0] == 200

    await eventually_async(is_there, what="the job whose answer was lost")
    return job_id


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "order-7"}], ids=["id", "key"])
async def test_the_advised_retry_is_accepted(make_server: Any, headers: dict[str, str]) -> None:
    server = make_server("valkey")
    async with running_gateway(server.url, redis_deadline=DEADLINE) as gateway, Broker(server.url) as broker:
        job_id = await lost_answer(server, gateway, "/jobs/add", headers=headers)
        again = {"args": [1, 2], "job_id": job_id}
        for _ in range(2):
            status, job, found = await gateway.post("/jobs/add", again, headers=headers)
            assert (status, job["job_id"], found["Idempotent-Replayed"]) == (202, job_id, "true")
            assert found["Location"] == f"/jobs/{job_id}/status"
        assert (await broker.queue_depth()).queued == 2, "the warming one and this"
        await end_with(broker, 3)
        status, outcome, _ = await gateway.post("/jobs/add?wait=5", again, headers=headers)
        assert (status, outcome["result"]) == (200, 3)
        for other in ({**again, "args": [1, 3]}, {**again, "kwargs": {"a": 1}}):
            assert (await gateway.post("/jobs/add", other, headers=headers))[0] in {409, 422}


async def test_the_advised_retry_enqueues_what_was_not(make_server: Any) -> None:
    headers = {"Idempotency-Key": "order-7"}
    server = make_server("valkey")
    async with running_gateway(server.url, redis_deadline=DEADLINE) as gateway, Broker(server.url) as broker:
        job_id = await lost_answer(server, gateway, "/jobs/add", headers=headers)
        server.reset()
        again = {"args": [1, 2], "job_id": job_id}
        status, job, found = await gateway.post("/jobs/add", again, headers=headers)
        assert (status, job["job_id"], found.get("Idempotent-Replayed")) == (202, job_id, None)
        assert (await broker.queue_depth()).queued == 1


async def end_with(broker: Broker, returned: Any) -> None:
    """Run all that waits."""
    worker = PlayedWorker(broker, "add")
    for _ in range((await broker.queue_depth()).queued):
        await worker.run_one(returned)


async def test_an_idempotency_key_stands_for_the_id_that_a_request_names(gateway: RunningGateway) -> None:
    headers = {"Idempotency-Key": "order-7"}

    async def posted(**members: Any) -> tuple[int, Any]:
        return (await gateway.post("/jobs/add", {"args": [1], **members}, headers=headers))[:2]

    status, job = await posted()
    assert status == 202
    assert (await posted())[1]["job_id"] == job["job_id"]
    assert (await posted(job_id=job["job_id"]))[1]["job_id"] == job["job_id"]
    status, problem = await posted(job_id="another")
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    assert (await gateway.get("/jobs/another/status"))[0] == 404


async def test_an_id_that_its_caller_has_chosen_is_in_use(gateway: RunningGateway) -> None:
    for status in (202, 409):
        assert (await gateway.post("/jobs/add", {"job_id": "mine", "args": [1]}))[0] == status


async def test_an_id_that_was_made_for_another_is_in_use(redis_url: str, tmp_path: Path) -> None:
    made = {name: new_key(name, ("enqueue:*", "read")) for name in ("mine", "other")}
    (tmp_path / "keys.toml").write_text("\n".join(entry for _, entry in made.values()))
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        mine, other = ({"Authorization": f"Bearer {made[name][0]}"} for name in ("mine", "other"))
        _, job, _ = await gateway.post("/jobs/add", {"args": [1]}, headers=mine)
        again = {"args": [1], "job_id": job["job_id"]}
        status, problem, found = await gateway.post("/jobs/add", again, headers=other)
        assert (status, "job" in problem, "Location" in found) == (409, False, False)
        assert (await gateway.post("/jobs/add", again, headers=mine))[0] == 202
