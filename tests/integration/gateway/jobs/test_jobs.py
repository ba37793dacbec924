"""Jobs over HTTP: enqueued, awaited, followed, aborted; the test plays the worker."""

import asyncio

import pytest
import redis

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import (
    ABORTED,
    PlayedWorker,
    RunningGateway,
    functions_known,
    waits_in_flight,
)
from harness.waiting import eventually_async
from jobgate.broker import Failure


async def test_a_job_is_enqueued_run_and_read(gateway: RunningGateway, worker: PlayedWorker) -> None:
    status, job, headers = await gateway.post("/jobs/add", {"args": [1, 2]})
    assert status == 202
    assert headers["Location"] == f"/jobs/{job['job_id']}/status"
    assert len(job["job_id"]) == 20
    assert (job["function"], job["queue"], job["status"]) == ("add", "arq:queue", "queued")
    assert (job["success"], job["try"], job["start_time"], job["finish_time"]) == (None, 0, None, None)

    claimed = await worker.claim()
    status, job, _ = await gateway.get(headers["Location"])
    assert (status, job["status"], job["try"]) == (200, "in_progress", 1)
    assert (job["args"], job["kwargs"]) == ([1, 2], {})
    status, job, headers = await gateway.get(f"/jobs/{job['job_id']}/result")
    assert (status, job["status"], headers["Retry-After"]) == (202, "in_progress", "0")

    await worker.finish(claimed, 3)
    status, outcome, _ = await gateway.get(f"/jobs/{job['job_id']}/result")
    assert status == 200
    assert outcome == {
        "job_id": job["job_id"],
        "function": "add",
        "status": "complete",
        "success": True,
        "result": 3,
    }
    status, job, _ = await gateway.get(f"/jobs/{job['job_id']}/status")
    assert (job["status"], job["success"], job["due_time"]) == ("complete", True, None)
    assert job["worker"] == "played"


async def test_headers_in_several_lines_are_one_list_or_refused(
    gateway: RunningGateway, redis_url: str
) -> None:
    prefers = [("Prefer", "respond-async"), ("Prefer", "wait=0.01")]
    status, _, headers = await gateway.post("/jobs/add", {}, headers=prefers)
    assert (status, headers["Preference-Applied"]) == (202, "wait=0.01")
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    for path, body in (("/jobs/add", {"job_id": "a"}), ("/bulk/retry", {"ids": ["a"]})):
        status, problem, _ = await gateway.post(path, body, headers=keys)
        assert (status, problem["code"]) == (422, "invalid-request")
    with redis.Redis.from_url(redis_url) as client:
        assert client.zcard("arq:queue") == 1
        assert client.zcard("arq:operations") == 0


@pytest.mark.parametrize("way", ["prefer", "query"])
async def test_a_call_waits_for_its_outcome(gateway: RunningGateway, worker: PlayedWorker, way: str) -> None:
    path = "/jobs/add" if way == "prefer" else "/jobs/add?wait=20"
    headers = {"Prefer": "respond-async, wait=20"} if way == "prefer" else {}
    playing = asyncio.create_task(worker.run_one({"sum": 3}))
    status, outcome, headers = await gateway.post(path, {"args": [1, 2]}, headers=headers)
    await playing
    assert (status, outcome["success"], outcome["result"]) == (200, True, {"sum": 3})
    assert headers["Preference-Applied"] == "wait=20"


async def test_a_call_that_takes_too_long_is_a_job(gateway: RunningGateway) -> None:
    status, job, headers = await gateway.post("/jobs/add?wait=0.1", {"args": [1]})
    assert (status, job["status"], headers["Preference-Applied"]) == (202, "queued", "wait=0.1")
    assert headers["Location"] == f"/jobs/{job['job_id']}/status"


async def test_a_failed_job_is_answered_200(gateway: RunningGateway, worker: PlayedWorker) -> None:
    failure = Failure(type="ValueError", message="no such customer", traceback="Traceback …")
    playing = asyncio.create_task(worker.run_one(failure=failure))
    status, outcome, _ = await gateway.post("/jobs/add?wait=20")
    await playing
    assert (status, outcome["success"]) == (200, False)
    assert outcome["error"] == {
        "type": "ValueError",
        "message": "no such customer",
        "code": "error",
        "traceback": "Traceback …",
    }


async def test_a_long_poll_hears_of_the_end_at_once(
    gateway: RunningGateway, worker: PlayedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgate.broker.waiting.watch.REREAD_INTERVAL", 60)
    _, job, _ = await gateway.post("/jobs/add")
    claimed = await worker.claim()
    polling = asyncio.create_task(gateway.get(f"/jobs/{job['job_id']}/result?wait=50"))
    watching = asyncio.create_task(gateway.get(f"/jobs/{job['job_id']}/status?wait=50"))
    await waits_in_flight(gateway, 2)
    loop = asyncio.get_running_loop()
    start = loop.time()
    await worker.finish(claimed, "done")
    status, outcome, _ = await polling
    assert (status, outcome["result"]) == (200, "done")
    status, seen, _ = await watching
    assert (status, seen["status"]) == (200, "complete")
    assert loop.time() - start < 20


async def test_a_client_that_hangs_up_frees_its_place_and_keeps_its_job(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    calling = asyncio.create_task(gateway.post("/jobs/add?wait=50", {"job_id": "kept"}))
    await waits_in_flight(gateway, 1)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    await asyncio.wait_for(waits_in_flight(gateway, 0), 20)
    assert (await worker.run_one(1)).lease.job_id == "kept"
    # Its status in the metrics says that nobody read an answer.
    _, metrics, _ = await gateway.get("/metrics")
    assert 'jobgate_gateway_requests_total{route="enqueue",status="499"} 1.0' in metrics.decode()
    assert (await gateway.get("/jobs/kept/result"))[0] == 200


async def test_a_status_with_a_tag_waits_for_a_change(gateway: RunningGateway, worker: PlayedWorker) -> None:
    _, job, _ = await gateway.post("/jobs/add")
    path = f"/jobs/{job['job_id']}/status"
    _, _, headers = await gateway.get(path)
    known = {"If-None-Match": headers["ETag"]}
    assert (await gateway.get(path, headers=known))[0] == 304
    assert (await gateway.get(path + "?wait=0.1", headers=known))[0] == 304
    watching = asyncio.create_task(gateway.get(path + "?wait=20", headers=known))
    await waits_in_flight(gateway, 1)
    claimed = await worker.claim()
    status, seen, changed = await watching
    assert (status, seen["status"]) == (200, "in_progress")
    assert changed["ETag"] != headers["ETag"]
    await worker.finish(claimed)


async def test_deferral_and_options_reach_the_job(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    status, job, _ = await gateway.post(
        "/jobs/add",
        {"job_id": "later", "defer_by": 3600, "expires": 60, "timeout": 5, "max_tries": 2, "keep_result": 9},
    )
    assert (status, job["status"]) == (202, "deferred")
    view = await worker.broker.view("later")
    assert view is not None
    assert view.body is not None
    options = view.body.options
    assert (options.timeout, options.max_tries, options.keep_result) == (5, 2, 9)
    with valkey_server.client() as client:
        assert 3_600_000 < client.pttl("arq:job:later") <= 3_660_000
    _, job, _ = await gateway.get("/jobs/later/status")
    assert job["status"] == "deferred"
    status, job, _ = await gateway.post("/jobs/add", {"defer_until": "2001-01-01T00:00:00Z", "queue": "mail"})
    assert (status, job["status"], job["queue"]) == (202, "queued", "mail")
    assert (await gateway.get(f"/jobs/{job['job_id']}/status"))[1]["queue"] == "mail"


async def test_an_id_is_used_once(gateway: RunningGateway, worker: PlayedWorker) -> None:
    assert (await gateway.post("/jobs/add", {"job_id": "inv-42", "args": [1]}))[0] == 202
    status, problem, headers = await gateway.post("/jobs/add", {"job_id": "inv-42", "args": [1]})
    assert (status, problem["code"], problem["job"]["job_id"]) == (409, "job-exists", "inv-42")
    assert headers["Location"] == "/jobs/inv-42/status"
    assert (await worker.run_one(1)).lease.job_id == "inv-42"
    status, problem, _ = await gateway.post("/jobs/add?wait=5", {"job_id": "inv-42"})
    assert (status, problem["job"]["status"]) == (409, "complete")


async def test_an_idempotency_key_makes_one_job(gateway: RunningGateway, worker: PlayedWorker) -> None:
    headers = {"Idempotency-Key": '"order-7"'}
    answers = await asyncio.gather(
        *(gateway.post("/jobs/add", {"args": [1]}, headers=headers) for _ in range(10))
    )
    assert {status for status, _, _ in answers} == {202}
    assert len({job["job_id"] for _, job, _ in answers}) == 1
    assert sum("Idempotent-Replayed" in found for _, _, found in answers) == 9
    playing = asyncio.create_task(worker.run_one(1))
    status, outcome, found = await gateway.post("/jobs/add?wait=20", {"args": [1]}, headers=headers)
    await playing
    assert (status, outcome["result"], found["Idempotent-Replayed"]) == (200, 1, "true")
    status, problem, _ = await gateway.post("/jobs/add", {"args": [2]}, headers=headers)
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    assert (await gateway.get("/metrics"))[1].decode().count("jobgate_gateway_enqueued_total{") == 1


async def test_what_has_not_started_is_aborted_on_the_spot(gateway: RunningGateway) -> None:
    for document in ({"job_id": "a"}, {"job_id": "b", "defer_by": 60}):
        await gateway.post("/jobs/add", document)
        status, answer, _ = await gateway.ask("POST", f"/jobs/{document['job_id']}/abort")
        assert (status, answer) == (200, {"aborted": True})
        _, outcome, _ = await gateway.get(f"/jobs/{document['job_id']}/result")
        assert outcome["error"]["code"] == "aborted"


async def test_what_runs_is_told_and_its_end_is_awaited(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await gateway.post("/jobs/add", {"job_id": "a"})
    claimed = await worker.claim()
    status, job, _ = await gateway.ask("POST", "/jobs/a/abort")
    assert (status, job["status"]) == (202, "in_progress")
    aborting = asyncio.create_task(gateway.ask("POST", "/jobs/a/abort?wait=20"))
    await waits_in_flight(gateway, 1)
    await worker.finish(claimed, failure=ABORTED)
    status, answer, _ = await aborting
    assert (status, answer) == (200, {"aborted": True})


async def test_what_ends_by_itself_was_not_aborted(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await gateway.post("/jobs/add", {"job_id": "a"})
    claimed = await worker.claim()
    aborting = asyncio.create_task(gateway.ask("POST", "/jobs/a/abort?wait=20"))
    await waits_in_flight(gateway, 1)
    await worker.finish(claimed, "too late")
    assert (await aborting)[0] == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/status"), ("GET", "/result"), ("GET", "/result?wait=50"), ("POST", "/abort")],
)
async def test_unknown_jobs_are_404_at_once(gateway: RunningGateway, method: str, path: str) -> None:
    status, problem, _ = await asyncio.wait_for(gateway.ask(method, f"/jobs/nobody{path}"), 20)
    assert (status, problem["code"]) == (404, "job-not-found")


async def test_a_result_that_is_not_kept_is_gone(
    gateway: RunningGateway, worker: PlayedWorker, redis_url: str
) -> None:
    """As a stock arq worker ends a job: it hands nothing over."""
    await gateway.post("/jobs/add", {"job_id": "a"})
    await worker.claim()
    polling = asyncio.create_task(gateway.get("/jobs/a/result?wait=10"))
    await waits_in_flight(gateway, 1)
    with redis.Redis.from_url(redis_url) as client:
        client.zrem("arq:queue", "a")
        client.delete("arq:job:a", "arq:in-progress:a")
    status, problem, _ = await polling
    assert (status, problem["code"]) == (410, "result-not-kept")


async def test_unknown_functions_are_told_with_near_names(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    assert (await gateway.post("/jobs/send_invoce"))[0] == 202, "nobody says what they offer"
    await worker.announce()
    await functions_known(gateway)
    status, problem, _ = await gateway.post("/jobs/send_invoce")
    assert (status, problem["code"], problem["near"]) == (404, "unknown-function", ["send_invoice"])
    assert (await gateway.post("/jobs/send_invoice"))[0] == 202
    assert (await gateway.post("/jobs/anything", {"queue": "unwatched"}))[0] == 202
    await PlayedWorker(worker.broker, "send_mail", name="mail", queue="mail").announce()
    assert (await gateway.post("/jobs/send_mail", {"queue": "mail"}))[0] == 202
    status, problem, _ = await gateway.post("/jobs/send_mail")
    assert (status, problem["queues"]) == (404, ["mail"])


async def test_a_new_worker_is_known_at_once(
    gateway: RunningGateway, worker: PlayedWorker, redis_url: str
) -> None:
    await worker.announce()
    await functions_known(gateway)
    assert (await gateway.post("/jobs/brand_new"))[0] == 404
    await PlayedWorker(worker.broker, "brand_new", name="second").announce()
    assert (await gateway.post("/jobs/brand_new"))[0] == 202


async def test_a_call_without_a_live_worker_is_refused_before_it_is_enqueued(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await worker.announce()
    await functions_known(gateway)
    await worker.broker.retire(worker.record)

    async def refused() -> bool:
        status, problem, headers = await gateway.post("/jobs/add?wait=0.01")
        return (status, headers.get("Retry-After")) == (503, "1") and problem["code"] == "no-worker"

    await eventually_async(refused, what="503 no-worker")
    assert (await gateway.post("/jobs/add?wait=0.01", {"job_id": "never"}))[0] == 503
    assert (await gateway.get("/jobs/never/status"))[0] == 404
    for no_wait in ("?wait=0", "?wait=0.0", "?wait=-0", ""):
        status, _, headers = await gateway.post(f"/jobs/add{no_wait}", headers={"Prefer": "wait=0"})
        assert (status, headers.get("Preference-Applied")) == (202, None), "a job may wait for its worker"
    assert (await gateway.post("/jobs/add?wait=0", {"keep_result": 0}))[0] == 202
