"""Arguments that do not fit are refused before anything is enqueued, whatever is written into Redis."""

import asyncio
import hashlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
import redis

from harness.systems.gateways import PlayedWorker, RunningGateway, functions_known, running_gateway
from harness.systems.workers import working
from harness.waiting import eventually_async
from jobgate.broker import FunctionDocument, Parameter, WorkerRecord
from jobgate.broker.catalogue import Catalogue

INTEGER = {"type": "integer"}
TEXT = {"type": "string"}


def typed(name: str, definitions: dict[str, Any] | None = None, **schemas: Any) -> FunctionDocument:
    parameters = tuple(Parameter(name=each, schema=schema) for each, schema in schemas.items())
    return FunctionDocument(name=name, parameters=parameters, definitions=definitions or {})


async def offer(gateway: RunningGateway, worker: PlayedWorker, *documents: FunctionDocument) -> None:
    worker.catalogue = Catalogue({one.name: one for one in documents})
    await worker.announce()
    await functions_known(gateway)


async def test_misfits_are_refused_with_all_errors(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await offer(gateway, worker, typed("add", a=INTEGER, b=INTEGER))
    status, problem, headers = await gateway.post("/jobs/add", {"args": ["1"], "kwargs": {"b": 1.5}})
    assert (status, problem["code"], problem["retryable"]) == (422, "invalid-arguments", False)
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["errors"] == [
        {"pointer": "#/args/0", "detail": "It must be an integer."},
        {"pointer": "#/kwargs/b", "detail": "It must be an integer."},
    ]
    assert problem["detail"] == "args/0: It must be an integer. (1 more in errors.)"
    assert (await gateway.post("/jobs/add", {"args": [1, 2]}))[0] == 202
    for body in ({"args": [1]}, {"args": [1, 2, 3]}, {"args": [1, 2], "kwargs": {"a": 1}}, {}):
        assert (await gateway.post("/jobs/add?wait=5", body))[1]["code"] == "invalid-arguments"


def keys_in(redis_url: str) -> set[bytes]:
    with redis.Redis.from_url(redis_url) as client:
        return set(client.scan_iter(count=1000))


async def test_nothing_is_stored_of_a_refused_request(
    gateway: RunningGateway, worker: PlayedWorker, redis_url: str
) -> None:
    await offer(gateway, worker, typed("add", a=INTEGER))
    before = keys_in(redis_url)
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        status, problem, _ = await gateway.post("/jobs/add", {"args": ["x"], "job_id": "mine"}, headers=key)
        assert (status, problem["code"]) == (422, "invalid-arguments")
    assert keys_in(redis_url) == before
    status, job, headers = await gateway.post("/jobs/add", {"args": [1], "job_id": "mine"}, headers=key)
    assert (status, job["job_id"]) == (202, "mine")
    assert "Idempotent-Replayed" not in headers


async def test_an_unknown_function_and_a_bad_option_are_told_first(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await offer(gateway, worker, typed("add", a=INTEGER))
    assert (await gateway.post("/jobs/ad", {"args": ["x"]}))[1]["code"] == "unknown-function"
    assert (await gateway.post("/jobs/add", {"args": ["x"], "expires": -1}))[1]["code"] == "invalid-request"


@pytest.mark.parametrize("wait", ["", "?wait=1"])
@pytest.mark.parametrize("change", [[typed("add", a=TEXT)], [typed("sub", a=INTEGER)], []])
async def test_a_repeated_request_finds_its_job_although_the_workers_have_changed(
    gateway: RunningGateway, worker: PlayedWorker, change: list[FunctionDocument], wait: str
) -> None:
    await offer(gateway, worker, typed("add", a=INTEGER))
    body, key = {"args": [1]}, {"Idempotency-Key": "once"}
    _, first, _ = await gateway.post("/jobs/add", body, headers=key)
    await gateway.post("/jobs/add", body | {"job_id": "mine"})
    if change:
        await offer(gateway, worker, *change)
    else:
        await worker.broker.retire(worker.record)

    async def is_refused() -> bool:
        return (await gateway.post("/jobs/add?wait=1", body))[0] in {404, 422, 503}

    await eventually_async(is_refused, what="the gateway knows of the change")
    status, job, headers = await gateway.post(f"/jobs/add{wait}", body, headers=key)
    assert (status, job["job_id"], headers["Idempotent-Replayed"]) == (202, first["job_id"], "true")
    status, problem, _ = await gateway.post(f"/jobs/add{wait}", body | {"job_id": "mine"})
    assert (status, problem["code"]) == (409, "job-exists")
    # What was not sent before is judged by what is live now.
    status, problem, _ = await gateway.post(f"/jobs/add{wait}", body, headers={"Idempotency-Key": "other"})
    assert status in ({404, 422, 503} if change or wait else {202})


async def test_two_versions_that_are_live_accept_what_either_accepts(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    other = PlayedWorker(worker.broker, name="other")
    await offer(gateway, worker, typed("add", a=INTEGER))
    other.catalogue = Catalogue({"add": typed("add", a=TEXT), "sub": typed("sub", a=TEXT)})
    await other.announce()
    await eventually_async(lambda: is_offered(gateway, "sub"), what="both are known")
    for value, status in ((1, 202), ("x", 202), (None, 422)):
        assert (await gateway.post("/jobs/add", {"args": [value]}))[0] == status
    # A version of which nothing is known accepts anything.
    third = PlayedWorker(worker.broker, "add", "mul", name="third")
    await third.announce()
    await eventually_async(lambda: is_offered(gateway, "mul"), what="the third is known")
    assert (await gateway.post("/jobs/add", {"args": [None, 1, 2]}))[0] == 202


async def is_offered(gateway: RunningGateway, function: str) -> bool:
    return (await gateway.post(f"/jobs/{function}", {"args": ["x"]}))[0] == 202


async def test_a_body_that_arrives_later_is_checked(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await offer(gateway, worker, typed("add", a=INTEGER))

    async def late() -> AsyncIterator[bytes]:
        await gateway.get("/livez")  # by then the gateway has seen the headers
        yield b'{"args": ["x"]}'

    headers = {"Content-Type": "application/json"}
    status, problem, _ = await gateway.ask("POST", "/jobs/add", data=late(), headers=headers)
    assert (status, problem["code"]) == (422, "invalid-arguments")


async def send(ctx: dict[str, Any], when: datetime, copies: int = 1) -> int:
    return copies


class Sender:
    functions = (send,)
    serializer = "json"


async def test_a_real_worker_and_the_gateway_agree(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, working(Sender, redis_url):
        await functions_known(gateway)
        status, outcome, _ = await gateway.post("/jobs/send?wait=10", {"args": ["2026-01-31T12:00Z"]})
        assert (status, outcome["result"]) == (200, 1)
        status, problem, _ = await gateway.post(
            "/jobs/send?wait=10", {"args": ["soon"], "kwargs": {"copies": "x", "copis": 1}}
        )
        assert status == 422
        assert [(one["pointer"], one["detail"]) for one in problem["errors"]] == [
            ("#/kwargs/copis", "The function has no such parameter, did you mean 'copies'?"),
            ("#/args/0", "It must be a date and time such as 2026-01-31T12:00:00Z."),
            ("#/kwargs/copies", "It must be an integer."),
        ]


def hostile_functions(address: str) -> dict[str, bytes]:
    """Return documents of functions as someone could write them into Redis."""
    doubling = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)} | {"d60": INTEGER}
    schemas: dict[str, tuple[Any, Any]] = {
        "doubling": ({"$ref": "#/$defs/d0"}, doubling),
        "cycle": ({"$ref": "#/$defs/a"}, {"a": {"$ref": "#/$defs/a"}}),
        "remote": ({"$ref": address}, {}),
        "based": ({"$id": address, "$ref": "x"}, {}),
        "meta": ({"$schema": address, "type": "integer"}, {}),
        "dynamic": ({"$dynamicRef": address + "#a"}, {}),
        "patterns": ({"allOf": [{"pattern": f"(\\p{{L}}{{1,{n}}}|a+)+$"} for n in range(300)]}, {}),
        "wide": ({"properties": {f"n{n}": INTEGER for n in range(3_000)}}, {}),
    }
    found = {}
    for name, (schema, definitions) in schemas.items():
        parameter = {"name": "a", "kind": "positional_or_keyword", "required": True, "schema": schema}
        found[name] = orjson.dumps({"name": name, "parameters": [parameter], "$defs": definitions})
    return found


async def test_hostile_documents_hurt_nobody(gateway: RunningGateway, worker: PlayedWorker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        documents = hostile_functions(f"http://127.0.0.1:{server.getsockname()[1]}/x")
        await plant(worker, "hostile", b"\n".join(documents.values()))
        await offer(gateway, worker, typed("add", a=INTEGER))
        slowest = 0.0
        for name in documents:
            for value in ("a" * 500_000 + "!", [["x"]] * 20_000, 1):
                asked = asyncio.create_task(gateway.post(f"/jobs/{name}", {"args": [value]}))
                slowest = max(slowest, await seconds_of_livez(gateway))
                assert (await asked)[0] == 202, name
        # Some milliseconds on an idle machine; what is to be kept out takes far longer, some of it for ever.
        assert slowest < 5
        assert (await gateway.post("/jobs/add", {"args": ["x"]}))[0] == 422, "others are checked"
        server.settimeout(0.01)
        with pytest.raises(TimeoutError):
            server.accept()


async def test_documents_that_cannot_be_read_leave_the_others_callable(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await offer(gateway, worker, typed("add", a=INTEGER))
    nested = b'{"not":' * 5_000 + b"{}" + b"}" * 5_000
    parameter = b'{"name":"a","kind":"var_keyword","required":true,"schema":' + nested + b"}"
    for stored in (
        b'{"name":"huge' + b"x" * 10_000_000 + b'"}',
        b'{"name":"nested","parameters":[' + parameter + b"]}",
    ):
        await plant(worker, "hostile", stored)
        await eventually_async(lambda: is_offered(gateway, "nested"), what="nobody knows better")
        assert (await gateway.post("/jobs/add", {"args": [1]}))[0] == 202
        assert await seconds_of_livez(gateway) < 1


async def plant(worker: PlayedWorker, name: str, stored: bytes) -> None:
    """Write a catalogue that no worker would write, with its digest, and a heartbeat that names it."""
    digest = hashlib.sha256(stored).hexdigest()
    record: WorkerRecord = replace(worker.record, worker_id=name, catalogue=digest)
    await worker.broker.publish(digest, stored)
    await worker.broker.announce(record, ttl=60)


async def seconds_of_livez(gateway: RunningGateway) -> float:
    start = time.perf_counter()
    assert (await gateway.get("/livez"))[0] == 200
    return time.perf_counter() - start
