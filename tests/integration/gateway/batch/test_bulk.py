"""Operations on many jobs: what they do, to which jobs and for whom; they can be stopped and resumed."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgpack
import pytest

from harness.http.event_streams import events_of
from harness.http.operations import end_due, enqueue_many, outcome_of, result_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.waiting import eventually_async
from jobgate.broker import Broker
from jobgate.gateway import new_key

DONE = {"errors": [], "limit_reached": False}


def names(prefix: str, number: int) -> list[str]:
    return [f"{prefix}-{each:03}" for each in range(number)]


async def statuses(gateway: RunningGateway, ids: list[str]) -> Counter[str]:
    answers = [await gateway.get(f"/jobs/{job_id}/status") for job_id in ids]
    return Counter(job["status"] for _, job, _ in answers)


async def test_jobs_of_a_filter_are_aborted(gateway: RunningGateway, worker: PlayedWorker) -> None:
    ids = await enqueue_many(worker.broker, names("a", 120), defer_by=600)
    others = await enqueue_many(worker.broker, names("b", 5), "send_invoice")
    document = {"filter": {"function": "add", "status": "deferred"}}
    counted = await gateway.post("/bulk/abort", {**document, "dry_run": True})
    assert counted[:2] == (200, {"matched": 120, "skipped": {}, "counted_all": True})
    answer = await gateway.post("/bulk/abort", document)
    job, headers = answer[1], answer[2]
    assert (job["function"], job["queue"]) == ("jobgate.bulk_abort", "arq:operations")
    assert headers["Location"] == f"/jobs/{job['job_id']}/status"
    assert await result_of(gateway, answer) == {"matched": 120, "aborted": 120, "skipped": {}, **DONE}
    assert await statuses(gateway, ids) == {"complete": 120}
    assert await statuses(gateway, others) == {"queued": 5}


async def test_running_jobs_are_asked_to_stop_and_ids_that_cannot_be_are_counted(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await enqueue_many(worker.broker, ["ended"])
    await worker.run_one(7)
    await enqueue_many(worker.broker, ["runs"])
    claimed = await worker.claim()
    await enqueue_many(worker.broker, ["waits"])
    ids = ["ended", "runs", "waits", "waits", "none"]
    result = await result_of(gateway, await gateway.post("/bulk/abort", {"ids": ids}))
    skipped = {"already-finished": 1, "unknown": 1}
    assert result == {"matched": 4, "aborted": 2, "skipped": skipped, **DONE}
    renewal = await worker.broker.renew([claimed.lease], lease=10)
    assert list(renewal.aborts) == ["runs"]


async def test_failed_jobs_are_retried_once(gateway: RunningGateway, worker: PlayedWorker) -> None:
    ids = await enqueue_many(worker.broker, names("a", 60))
    await enqueue_many(worker.broker, names("b", 3), "send_invoice")
    await end_due(worker)
    await enqueue_many(worker.broker, ["good"])
    await end_due(worker, failure=None)
    document = {"filter": {"function": "add"}}
    first = await result_of(gateway, await gateway.post("/bulk/retry", document))
    assert first == {"matched": 60, "retried": 60, "skipped": {}, **DONE}
    _, listed, _ = await gateway.get("/jobs?queue=arq:operations&status=complete")
    assert [job["function"] for job in listed["jobs"]] == ["jobgate.bulk_retry"]
    again = await end_due(worker)
    assert len(again) == 60
    made = [await worker.broker.view(job.lease.job_id) for job in again]
    assert sorted(str(view.retry_of) for view in made if view) == ids
    # Those that failed again are jobs of their own; the first ones are not run again.
    counted = await gateway.post("/bulk/retry", {**document, "dry_run": True})
    assert counted[1] == {"matched": 120, "skipped": {"already-retried": 60}, "counted_all": True}
    second = await result_of(gateway, await gateway.post("/bulk/retry", document))
    assert second == {"matched": 120, "retried": 60, "skipped": {"already-retried": 60}, **DONE}


async def test_an_operation_leaves_alone_what_comes_after_its_start(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    await enqueue_many(worker.broker, ["before", "after"])
    await end_due(worker)
    await enqueue_many(worker.broker, ["open"], defer_by=600)
    later = 4_102_444_800_000
    with valkey_server.client() as client:
        client.zadd("arq:queue:index:failed", {"after": later})
        client.set("arq:job:new", json.dumps({"t": None, "f": "add", "a": [], "k": {}, "et": later}))
        client.zadd("arq:queue", {"new": later})
    document = {"filter": {"until": "2101-01-01T00:00:00Z"}}
    retried = await result_of(gateway, await gateway.post("/bulk/retry", document))
    assert (retried["matched"], retried["retried"]) == (1, 1)
    await end_due(worker, failure=None)
    aborted = await result_of(gateway, await gateway.post("/bulk/abort", {"filter": {}}))
    assert (aborted["matched"], aborted["aborted"]) == (1, 1)
    assert await statuses(gateway, ["open", "new"]) == {"complete": 1, "deferred": 1}


async def test_an_operation_is_not_retried_by_another(gateway: RunningGateway) -> None:
    first = await gateway.post("/bulk/abort", {"ids": ["none"]})
    await result_of(gateway, first)
    again = await result_of(gateway, await gateway.post("/bulk/retry", {"ids": [first[1]["job_id"]]}))
    assert (again["retried"], again["skipped"]) == (0, {"forbidden": 1})


async def test_what_succeeded_runs_again_only_if_that_is_asked_for(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await enqueue_many(worker.broker, names("a", 3))
    await end_due(worker, failure=None)
    assert (await gateway.post("/bulk/retry", {"filter": {}, "dry_run": True}))[1]["matched"] == 0
    document = {"filter": {"success": True}, "limit": 2}
    counted = await gateway.post("/bulk/retry", {**document, "dry_run": True})
    assert counted[1] == {"matched": 2, "skipped": {}, "counted_all": True}
    asked = await gateway.post("/bulk/retry", document)
    result = await result_of(gateway, asked)
    assert result == {"matched": 2, "retried": 2, "skipped": {}, "errors": [], "limit_reached": True}


async def test_what_somebody_stopped_runs_again_only_if_that_is_asked_for(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    stopped = await enqueue_many(worker.broker, names("a", 3), defer_by=600)
    await result_of(gateway, await gateway.post("/bulk/abort", {"ids": stopped}))
    await enqueue_many(worker.broker, ["failed"])
    await end_due(worker)
    document = {"filter": {"success": False}}
    counted = await gateway.post("/bulk/retry", {**document, "dry_run": True})
    assert counted[1] == {"matched": 4, "skipped": {"aborted": 3}, "counted_all": True}
    result = await result_of(gateway, await gateway.post("/bulk/retry", document))
    assert result == {"matched": 4, "retried": 1, "skipped": {"aborted": 3}, **DONE}
    named = await result_of(gateway, await gateway.post("/bulk/retry", {"ids": stopped[:1]}))
    assert (named["matched"], named["retried"]) == (1, 1)
    coded = await result_of(gateway, await gateway.post("/bulk/retry", {"filter": {"code": "aborted"}}))
    assert (coded["retried"], coded["skipped"]) == (2, {"already-retried": 1})


@pytest.mark.parametrize(
    ("kind", "document", "pointers"),
    [
        ("retry", {}, ["#"]),
        ("retry", [], ["#"]),
        ("retry", {"ids": ["a"], "filter": {}}, ["#"]),
        ("retry", {"ids": []}, ["#/ids"]),
        ("retry", {"ids": ["a"] * 1001}, ["#/ids"]),
        ("retry", {"ids": ["a", 1]}, ["#/ids"]),
        ("retry", {"filter": {"status": "queued"}}, ["#/filter/status"]),
        ("abort", {"filter": {"status": "complete", "code": "error"}}, ["#/filter/status", "#/filter/code"]),
        ("abort", {"filter": {"queue": "arq:operations"}}, ["#/filter/queue"]),
        ("retry", {"filter": {"success": "true", "since": 1}}, ["#/filter/success", "#/filter/since"]),
        ("retry", {"filter": {"fnction": "a/b"}}, ["#/filter/fnction"]),
        ("retry", {"filters": {}}, ["#/filters", "#"]),
        ("retry", {"ids": ["a"], "dry_run": 1, "limit": 0}, ["#/dry_run", "#/limit"]),
        ("retry", {"ids": ["a"], "limit": 100_001}, ["#/limit"]),
        ("retry", {"filter": []}, ["#/filter"]),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    gateway: RunningGateway, kind: str, document: Any, pointers: list[str]
) -> None:
    status, problem, _ = await gateway.post(f"/bulk/{kind}", document)
    assert (status, problem["code"]) == (422, "invalid-request")
    assert sorted(error["pointer"] for error in problem["errors"]) == sorted(pointers)


async def test_a_queue_that_is_none_is_refused_or_fails_the_operation(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        client.set("a-text", "x")
    document = {"filter": {"queue": "a-text"}}
    counted = await gateway.post("/bulk/abort", {**document, "dry_run": True})
    assert (counted[0], counted[1]["errors"][0]["pointer"]) == (422, "#/filter/queue")
    outcome = await outcome_of(gateway, await gateway.post("/bulk/abort", document))
    assert (outcome["success"], outcome["error"]["code"]) == (False, "error")


async def test_a_repeated_request_is_one_operation(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await enqueue_many(worker.broker, ["a"])
    headers = {"Idempotency-Key": "k"}
    first = await gateway.post("/bulk/abort", {"ids": ["a"]}, headers=headers)
    await result_of(gateway, first)
    status, job, answered = await gateway.post("/bulk/abort", {"ids": ["a"]}, headers=headers)
    assert (status, job["job_id"], job["status"]) == (202, first[1]["job_id"], "complete")
    assert answered["Idempotent-Replayed"] == "true"
    status, problem, _ = await gateway.post("/bulk/abort", {"ids": ["b"]}, headers=headers)
    assert (status, problem["code"]) == (422, "idempotency-key-reused")


async def test_the_queue_of_operations_is_shown_and_can_be_paused(gateway: RunningGateway) -> None:
    path = "/queues/arq:operations"
    assert (await gateway.post(f"{path}/pause"))[1]["paused"]
    _, job, _ = await gateway.post("/bulk/abort", {"ids": ["a"]})
    assert (await gateway.get(path))[1]["depth"]["queued"] == 1

    async def listed() -> bool:
        return "arq:operations" in [each["queue"] for each in (await gateway.get("/queues"))[1]["queues"]]

    await eventually_async(listed, what="the queue in the list")
    assert (await gateway.get("/workers?queue=arq:operations"))[1]["workers"] == []
    assert not (await gateway.post(f"{path}/resume"))[1]["paused"]
    assert (await gateway.get(f"/jobs/{job['job_id']}/result?wait=20"))[1]["success"]
    assert (await gateway.ask("HEAD", "/events?queue=arq:operations"))[0] == 200
    assert (await gateway.post("/jobs/add", {"queue": "arq:operations"}))[0] == 422


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Mapping[str, dict[str, str]]]:
    """A keys file, and the headers of each caller."""
    file, headers = tmp_path / "keys.toml", {}
    scopes = {
        "own": ("enqueue:add", "read", "abort"),
        "all": ("read:*", "abort", "enqueue:*"),
        "operator": ("operate", "read:*"),
        "reader": ("read",),
        "operates-only": ("operate",),
        "operates-too": ("operate",),
    }
    for name, allowed in scopes.items():
        key, entry = new_key(name, allowed)
        headers[name] = {"Authorization": f"Bearer {key}"}
        file.write_text((file.read_text() if file.exists() else "") + entry)
    return file, headers


async def test_callers_act_on_what_they_may(
    redis_url: str, keys: tuple[Path, Mapping[str, dict[str, str]]], worker: PlayedWorker
) -> None:
    file, headers = keys
    async with running_gateway(redis_url, keys_file=file) as gateway:

        async def run(caller: str, kind: str, document: Any) -> Any:
            of = headers[caller]
            result = await result_of(
                gateway, await gateway.post(f"/bulk/{kind}", document, headers=of), headers=of
            )
            return result["matched"], result.get("retried", result.get("aborted")), result["skipped"]

        for owner in ("own", "all"):
            await enqueue_many(worker.broker, names(owner, 2), owner=owner)
        await enqueue_many(worker.broker, ["own-mail"], "send_invoice", owner="own")
        await end_due(worker)
        everything: dict[str, Any] = {"filter": {}}
        ids = {"ids": ["own-000", "all-000"]}
        # Jobs of others do not exist without `operate`, whatever may be read.
        assert await run("own", "retry", ids) == (2, 1, {"unknown": 1})
        assert await run("all", "retry", ids) == (2, 1, {"unknown": 1})
        assert await run("own", "retry", everything) == (3, 1, {"already-retried": 1, "forbidden": 1})
        assert await run("operator", "retry", everything) == (5, 2, {"already-retried": 3})
        assert await run("own", "abort", everything) == (3, 3, {})
        assert await run("operator", "abort", everything) == (2, 2, {})
        for kind in ("retry", "abort"):
            counted = await gateway.post(
                f"/bulk/{kind}", {**everything, "dry_run": True}, headers=headers["reader"]
            )
            assert counted[:2] == (
                (200, {"matched": 0, "skipped": {}, "counted_all": True})
                if kind == "retry"
                else (403, counted[1])
            )
        # An operation is its caller's own job.
        _, job, _ = await gateway.post("/bulk/abort", ids, headers=headers["own"])
        assert (await gateway.get(f"/jobs/{job['job_id']}/status", headers=headers["reader"]))[0] == 404


async def test_who_begins_an_operation_can_watch_and_stop_it(
    redis_url: str, keys: tuple[Path, Mapping[str, dict[str, str]]], worker: PlayedWorker
) -> None:
    file, headers = keys
    await enqueue_many(worker.broker, ["a"], owner="own")
    of, others = headers["operates-only"], headers["operates-too"]
    async with running_gateway(redis_url, keys_file=file) as gateway:
        await gateway.post("/queues/arq:operations/pause", headers=of)
        _, job, _ = await gateway.post("/bulk/abort", {"ids": ["a"]}, headers=of)
        path = f"/jobs/{job['job_id']}"
        for method, tail in (("GET", "status"), ("GET", "result"), ("HEAD", "events"), ("POST", "abort")):
            for place, key in ((path, others), ("/jobs/a", of), ("/jobs/unknown", of), ("/jobs/a", others)):
                assert (await gateway.ask(method, f"{place}/{tail}", headers=key))[0] == 403
        assert (await gateway.get(f"{path}/status", headers=of))[1]["status"] == "queued"
        assert (await gateway.get(f"{path}/result", headers=of))[0] == 202
        async with events_of(gateway.session, f"{gateway.url}{path}/events", **of) as events:
            assert (await events.next()).kind == "status"
            assert (await gateway.ask("POST", f"{path}/abort", headers=of))[:2] == (200, {"aborted": True})
            assert (await events.next()).kind == "finished"
        outcome = (await gateway.get(f"{path}/result", headers=of))[1]
        assert (outcome["success"], outcome["error"]["code"]) == (False, "aborted")


async def test_jobs_are_retried_no_faster_than_the_key_may_enqueue(
    redis_url: str, tmp_path: Path, worker: PlayedWorker
) -> None:
    key, entry = new_key("slow", ("enqueue:*", "read"), limits={"rate": 20, "burst": 100})
    (tmp_path / "keys.toml").write_text(entry)
    await enqueue_many(worker.broker, names("a", 60), owner="slow")
    await end_due(worker)
    headers = {"Authorization": f"Bearer {key}"}
    async with running_gateway(redis_url, keys_file=tmp_path / "keys.toml") as gateway:
        start = asyncio.get_running_loop().time()
        answer = await gateway.post("/bulk/retry", {"filter": {}}, headers=headers)
        result = await result_of(gateway, answer, headers=headers)
        assert (result["retried"], answer[2]["RateLimit-Limit"]) == (60, "100")
        assert asyncio.get_running_loop().time() - start > 2, "20 at once, then 20 a second"


async def test_an_operation_shows_its_progress_and_can_be_aborted(redis_url: str) -> None:
    async with (
        Broker(redis_url) as broker,
        running_gateway(redis_url, bulk_at_once=1) as gateway,
    ):
        ids = await enqueue_many(broker, names("a", 2000), defer_by=600)
        _, job, _ = await gateway.post("/bulk/abort", {"filter": {}})
        path = f"/jobs/{job['job_id']}"

        async def moves() -> bool:
            progress = (await gateway.get(f"{path}/status"))[1]["progress"]
            return progress is not None and progress["fraction"] > 0

        await eventually_async(moves, what="progress")
        status, answer, _ = await gateway.ask("POST", f"{path}/abort?wait=30")
        assert (status, answer) == (200, {"aborted": True})
        _, outcome, _ = await gateway.get(f"{path}/result")
        assert outcome["error"]["code"] == "aborted"
        assert "of 2,000 looked at" in outcome["error"]["message"]
        left = [job_id for job_id in ids if (await broker.body(job_id)) is not None]
        assert 0 < len(left) < 2000


async def test_an_operation_is_handed_over_when_its_gateway_stops(redis_url: str) -> None:
    async with Broker(redis_url) as broker, running_gateway(redis_url) as second:
        await enqueue_many(broker, names("a", 1500), defer_by=600)
        async with running_gateway(redis_url, bulk_at_once=1) as first:
            # Both gateways may have claimed it; whichever did, one of the two stops in the middle.
            answer = await first.post("/bulk/abort", {"filter": {}})
            async with asyncio.timeout(30):
                while (
                    (view := await broker.view(answer[1]["job_id"]))
                    and view.progress is None
                    and not view.has_ended
                ):
                    await asyncio.sleep(0.01)
        result = await result_of(second, answer)
        assert result == {"matched": 1500, "aborted": 1500, "skipped": {}, **DONE}


async def test_lost_connections_cost_an_operation_nothing(
    redis_url: str, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    ids = await enqueue_many(worker.broker, names("a", 300))
    await end_due(worker)
    async with running_gateway(redis_url, bulk_at_once=5) as gateway:
        answer = await gateway.post("/bulk/retry", {"filter": {}})
        with valkey_server.client() as client:
            while await worker.broker.result(answer[1]["job_id"]) is None:
                # Commands that are under way lose their answers; whether they were carried out, nobody knows.
                client.client_kill_filter(_type="normal", skipme=True)
                await asyncio.sleep(0.05)
        assert await result_of(gateway, answer) == {"matched": 300, "retried": 300, "skipped": {}, **DONE}
    again = [job.lease.job_id for job in await end_due(worker)]
    made = [await worker.broker.view(job_id) for job_id in again]
    assert sorted(str(view.retry_of) for view in made if view) == ids


async def test_what_is_no_operation_stops_no_others(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        client.zadd("arq:operations", {"lost": 1, "bad": 2, "list": 3})
        client.set("arq:job:bad", b'{"t":null,"f":"jobgate.bulk_retry","a":[],"k":{"ids":1},"et":1}')
        client.rpush("arq:job:list", "x")
        client.zadd("arq:operations", {"endless": 4})
        members = {"ids": [], "caller": {"name": None, "scopes": []}, "limit": math.inf}
        endless: dict[str, Any] = {"t": None, "f": "jobgate.bulk_retry", "a": [], "k": members, "et": 1}
        client.set("arq:job:endless", msgpack.packb(endless))
        client.zadd("arq:operations", {"octets": 5, "worn": 6, "backwards": 7})
        members = {"ids": [], "caller": {"name": None, "scopes": []}, "limit": 1, "more": b"\xff"}
        client.set("arq:job:octets", msgpack.packb({**endless, "k": members}))
        client.set("arq:job:worn", msgpack.packb({**endless, "k": {**members, "more": ""}}))
        client.set("arq:retry:worn", 100)
        client.set("arq:job:backwards", msgpack.packb({**endless, "k": {**members, "rate": -1}}))
    await enqueue_many(worker.broker, ["a"])
    result = await result_of(gateway, await gateway.post("/bulk/abort", {"ids": ["a"]}))
    assert result["aborted"] == 1
    codes = {}
    for job_id in ("lost", "bad", "list", "endless", "worn", "backwards"):
        _, outcome, _ = await gateway.get(f"/jobs/{job_id}/result?wait=10")
        codes[job_id] = outcome["error"]["code"]
    expected = {"lost": "lost-body", "list": "lost-body", "worn": "max-tries"}
    expected |= dict.fromkeys(("bad", "endless", "backwards"), "invalid-arguments")
    assert codes == expected
    # Its arguments cannot be stored with its result.
    assert (await gateway.get("/jobs/octets/result?wait=10"))[1]["success"] is True
