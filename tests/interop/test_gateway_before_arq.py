"""`jobgate gateway --serializer pickle` before untouched arq workers of each version, as its callers see it.

One server, one gateway and one worker of each version, which has a queue of its own, serve all tests.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from harness.arq.fleet import IDLE, MOVING, WAIT, ArqFleet, Caller
from harness.arq.stock import INTEROP, arq_script, arq_worker
from harness.arq.versions import RUNNING_VERSIONS
from harness.processes.commands import Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway
from harness.systems.ledger import Figures
from harness.tools import require_tool
from harness.waiting import eventually_async
from jobgate.broker.waiting.watch import REREAD_INTERVAL


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArqFleet]:
    folder = tmp_path_factory.mktemp("fleet")
    server = RedisServer(require_tool("redis-server"), folder / "server").start()
    processes = Processes(folder)
    yield ArqFleet(processes, server)
    processes.end_all()
    server.kill()


@pytest.fixture
async def http(fleet: ArqFleet) -> AsyncIterator[RunningGateway]:
    async with aiohttp.ClientSession() as session:
        yield RunningGateway(fleet.gateway.url, session)


@pytest.fixture(params=RUNNING_VERSIONS)
def arq(request: pytest.FixtureRequest, fleet: ArqFleet, http: RunningGateway) -> Caller:
    return Caller(http, f"arq-{request.param}", fleet.workers[request.param])


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@contextmanager
def commands(server: RedisServer) -> Iterator[list[str]]:
    """List the commands that a server gets while the block lasts; they are there after it."""
    seen: list[str] = []

    def listen() -> None:
        for entry in monitor.listen():
            seen.append(entry["command"])
            if entry["command"] == "ECHO that is all":
                return

    with server.client(timeout=60) as client, client.monitor() as monitor:
        listening = threading.Thread(target=listen)
        listening.start()
        yield seen
        with server.client() as other:
            other.echo("that is all")
        listening.join()


async def test_arguments_and_result_travel(arq: Caller) -> None:
    args = ["ü", 1, 2.5, None, True, [{"a": []}], 2**63]
    done = await arq.call("echo", *args, kwargs={"name": "x", "job_id": "mine"}, job_id=f"{arq.queue}-echo")
    assert done == {
        "job_id": f"{arq.queue}-echo",
        "function": "echo",
        "status": "complete",
        "success": True,
        "result": {"args": args, "kwargs": {"name": "x", "job_id": "mine"}, "try": 1},
    }
    job = await arq.job(done)
    assert (job["queue"], job["success"], job["try"], job["worker"]) == (arq.queue, True, 1, None)
    assert job["enqueue_time"] <= job["start_time"] <= job["finish_time"]


async def test_what_only_pickle_carries_arrives_as_plain_data(arq: Caller) -> None:
    result = (await arq.call("all_kinds"))["result"]
    assert result.pop("point")["__class__"] == "fleet_functions.Point"
    assert result == {
        "tuple": [1, [2, [3]]],
        "set": [4],
        "moment": "2026-01-02T03:04:05+00:00",
        "day": "2026-01-02",
        "span": 60.0,
        "bytes": "AP8=",
        "decimal": "1.10",
        "uuid": "00000000-0000-0000-0000-000000000007",
        "large": str(2**70),
        "5": "a number as key",
        "error": {"type": "ValueError", "message": "inside"},
    }


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        ("fail", ["broken: ü"], ("ValueError", "broken: ü", "error")),
        ("refuse", [], ("Refused", "no, 7", "error")),
        (
            "no_such_function",
            [],
            ("JobExecutionFailed", "function 'no_such_function' not found", "unknown-function"),
        ),
        ("echo_", [], ("JobExecutionFailed", "function 'echo_' not found", "unknown-function")),
        ("work", ["ä"], ("TypeError", None, "error")),
        ("sleep_briefly", [60], ("TimeoutError", "", "timeout")),
        ("flaky_twice", [9], ("JobExecutionFailed", "max 2 retries exceeded", "max-tries")),
        ("unwritable", [], ("SerializationError", "unable to serialize result", "unserialisable-result")),
    ],
)
async def test_failures_tell_type_message_and_kind(
    arq: Caller, function: str, args: list[Any], error: tuple[str, str | None, str]
) -> None:
    ended = await arq.call(function, *args)
    assert (ended["status"], ended["success"]) == ("complete", False)
    told = ended["error"]
    assert (told["type"], error[1] and told["message"], told["code"]) == error
    assert (await arq.job(ended))["success"] is False


async def test_retries_end_in_one_result(arq: Caller) -> None:
    started = time.time()
    ended = await arq.call("flaky", 3, 0.4)
    assert ended["result"] == 3
    assert time.time() - started >= 0.8
    assert (await arq.job(ended))["try"] == 3


async def test_every_stage_is_seen(arq: Caller) -> None:
    assert (await arq.http.get(f"/jobs/{arq.queue}-stages/status"))[0] == 404
    deferred = await arq.enqueue("echo", defer_by=60)
    assert (await arq.job(deferred))["status"] == "deferred"
    with arq.frozen():
        job = await arq.enqueue("sleep", 60, defer_by=0.5, job_id=f"{arq.queue}-stages")
        await arq.becomes(job, "queued")
        assert await arq.listed() == {deferred["job_id"]: "deferred", job["job_id"]: "queued"}
    await arq.becomes(job, "in_progress")
    assert await arq.listed("in_progress") == {job["job_id"]: "in_progress"}
    running = await arq.starts(job)  # arq counts the try some time after it has claimed the job
    assert (running["try"], running["worker"], running["finish_time"]) == (1, None, None)
    path = f"/jobs/{job['job_id']}"
    assert (await arq.http.get(f"{path}/result"))[0] == 202
    tag = {"If-None-Match": (await arq.http.get(f"{path}/status"))[2]["ETag"]}
    change = asyncio.create_task(arq.http.get(f"{path}/status?wait=30", headers=tag))
    assert await asyncio.gather(*map(arq.abort, (job, deferred))) == [(200, {"aborted": True})] * 2
    status, changed, _ = await change
    assert (status, changed["status"], changed["success"]) == (200, "complete", False)
    assert (await arq.listed("complete")).items() >= {
        (job["job_id"], "complete"),
        (deferred["job_id"], "complete"),
    }


async def test_jobs_of_stock_clients_are_seen_too(arq: Caller, fleet: ArqFleet, processes: Processes) -> None:
    deferred, due = ({"job_id": f"{arq.queue}-{name}"} for name in ("theirs", "theirs-due"))
    jobs = [
        ["sleep", [60], {"_job_id": deferred["job_id"], "_queue_name": arq.queue, "_defer_by": 60}],
        ["echo", ["ü"], {"_job_id": due["job_id"], "_queue_name": arq.queue}],
    ]
    version = arq.queue.removeprefix("arq-")
    assert (
        arq_script(processes, "arq_enqueue.py", fleet.server.url, json.dumps(jobs), version=version).wait()
        == 0
    )
    job = await arq.job(deferred)
    assert (job["function"], job["status"], job["queue"]) == ("sleep", "deferred", arq.queue)
    assert (await arq.result(due))["result"]["args"] == ["ü"]
    assert await arq.abort(deferred) == (200, {"aborted": True})
    assert (await arq.job(deferred))["status"] == "complete"


async def test_deferred_jobs_start_when_they_are_due(arq: Caller) -> None:
    until = datetime.now(UTC) + timedelta(seconds=1)
    by, at = await asyncio.gather(
        arq.enqueue("echo", defer_by=1), arq.enqueue("echo", defer_until=until.isoformat())
    )
    assert (by["status"], at["status"]) == ("deferred", "deferred")
    assert seconds(at["due_time"]) == pytest.approx(until.timestamp(), abs=0.002)
    for job in (by, at):
        await arq.result(job)
        assert (await arq.job(job))["start_time"] >= job["due_time"]


async def test_limits_that_stock_workers_do_not_know_do_not_hold(arq: Caller) -> None:
    """docs/in-front-of-arq.md says so: the settings of arq's worker decide."""
    ended = await arq.call("flaky", 2, timeout=0.001, max_tries=1, keep_result=0.001)
    assert ended["result"] == 2
    assert (await arq.result(ended))["result"] == 2


async def test_an_id_and_an_idempotency_key_name_one_job(arq: Caller) -> None:
    job_id, key = f"{arq.queue}-once", {"Idempotency-Key": f"{arq.queue}-key"}
    document = {"queue": arq.queue, "job_id": job_id}
    first = await arq.http.post("/jobs/echo", document, headers=key)
    await arq.result(first[1])
    again = await arq.http.post("/jobs/echo", document, headers=key)
    other = await arq.http.post("/jobs/echo", {**document, "args": [1]}, headers=key)
    without = await arq.http.post("/jobs/echo", document)
    assert [answer[0] for answer in (first, again, other, without)] == [202, 202, 422, 409]
    assert again[2]["Idempotent-Replayed"] == "true"
    assert without[1]["job"]["job_id"] == again[1]["job_id"] == job_id
    assert (await arq.job(first[1]))["try"] == 1


async def test_a_job_that_nobody_took_in_time_expires(arq: Caller, fleet: ArqFleet) -> None:
    with arq.frozen(), fleet.server.client() as client:
        job = await arq.enqueue("echo", expires=0.05)

        async def is_gone() -> bool:
            return not client.exists(f"arq:job:{job['job_id']}")

        await eventually_async(is_gone, what="the end of the body")
        assert (await arq.job(job))["status"] == "queued"
    ended = await arq.result(job)
    error = ended["error"]
    assert (error["type"], error["message"], error["code"]) == (
        "JobExecutionFailed",
        "job expired",
        "expired",
    )


async def test_what_waits_is_aborted_at_once(arq: Caller, fleet: ArqFleet) -> None:
    deferred = await arq.enqueue("echo", defer_by=60)
    with arq.frozen():
        queued = await arq.enqueue("echo")
        answers = [await arq.abort(job) for job in (deferred, queued)]
    assert answers == [(200, {"aborted": True})] * 2
    for job in (deferred, queued):
        ended = await arq.result(job)
        assert (ended["error"]["type"], ended["error"]["code"]) == ("CancelledError", "aborted")
    with fleet.server.client() as client:
        assert [client.zscore(arq.queue, job["job_id"]) for job in (deferred, queued)] == [None, None]


async def test_what_runs_is_aborted_by_its_worker(arq: Caller, fleet: ArqFleet) -> None:
    job = await arq.enqueue("sleep", 60)
    await arq.becomes(job, "in_progress")
    assert await arq.abort(job) == (200, {"aborted": True})
    assert (await arq.result(job))["error"]["code"] == "aborted"
    assert await arq.abort(job) == (200, {"aborted": True}), "as the first time"
    with fleet.server.client() as client:
        assert client.zcard("arq:abort") == 0


async def test_an_unknown_job_is_told_as_such(arq: Caller, fleet: ArqFleet) -> None:
    assert [
        (await arq.http.get("/jobs/nobody/status"))[0],
        (await arq.http.get("/jobs/nobody/result?wait=5"))[0],
        (await arq.http.post("/jobs/nobody/abort?wait=5"))[0],
    ] == [404, 404, 404]
    with fleet.server.client() as client:
        assert client.zcard("arq:abort") == 0


async def test_a_result_that_is_not_kept_ends_the_wait(arq: Caller) -> None:
    status, job, _ = await arq.http.post("/jobs/silent", {"queue": arq.queue}, headers=WAIT)
    assert (status, job["status"], job["success"]) == (202, "complete", None)


async def test_arqs_workers_are_called_on_when_jobgates_have_left(
    http: RunningGateway, fleet: ArqFleet, processes: Processes
) -> None:
    """The way back: a gateway that has seen workers which tell what they run must not wait for them."""
    url = fleet.server.url
    arq = Caller(http, MOVING, arq_worker(processes, url, QUEUE=MOVING, POLL_DELAY="0.05"))
    words = ("worker", "fleet_functions.WorkerSettings", "--redis", url, "--serializer", "pickle")
    worker = processes.start(*words, cwd=INTEROP, env={"PYTHONPATH": str(INTEROP), "QUEUE": MOVING})

    async def is_seen() -> bool:
        return (await http.post("/jobs/unknown", {"queue": MOVING}))[0] == 404

    await eventually_async(is_seen, what="404 for a function that nobody offers")
    assert worker.terminate() == 0
    assert (await arq.call("echo"))["success"] is True
    assert (await arq.call("unknown"))["error"]["code"] == "unknown-function"


async def test_results_arrive_by_push_although_arq_announces_nothing(
    arq: Caller, fleet: ArqFleet, record_property: Callable[[str, object], None]
) -> None:
    """Each result is read twice: once to be told of its change, once when it has changed."""

    async def lateness(number: int) -> float:
        """Seconds from the end of a job to the answer of the call that waits for it."""
        done = await arq.call("sleep", 0.5 + number / 100)
        answered = time.time()
        return answered - seconds((await arq.job(done))["finish_time"])

    async def is_tracking() -> bool:
        with fleet.server.client() as client:
            return bool(client.info("clients")["tracking_clients"])

    await arq.call("echo")
    await eventually_async(is_tracking, what="the connection that results are pushed on")
    jobs, started = 100, time.monotonic()
    with commands(fleet.server) as seen:
        late = sorted(await asyncio.gather(*map(lateness, range(jobs))))
    record_property("median ms", round(late[jobs // 2] * 1000, 1))
    reads = sum(words.count("arq:result:") for words in seen if words.startswith("MGET"))
    # Whoever polled would look every quarter of a second.
    rereads = (time.monotonic() - started) / REREAD_INTERVAL
    assert 2 * jobs <= reads <= jobs * (2 + rereads)
    assert not [words for words in seen if words.startswith("PUBLISH")]
    # arq's own clients look every half second.
    assert late[jobs // 2] < 0.5, late


async def test_gauges_tell_of_an_arq_fleet(http: RunningGateway, fleet: ArqFleet) -> None:
    assert (await http.get("/readyz"))[0] == 200
    with fleet.server.client() as client:
        client.delete(IDLE)
    for options in ({}, {}, {"defer_by": 60}):
        await http.post("/jobs/echo", {"queue": IDLE, **options})
    page = Figures((await http.get("/metrics"))[1].decode())
    depth = page.counts("jobgate_gateway_queue_depth", "queue", "state")
    assert depth == {(IDLE, "queued"): 2, (IDLE, "deferred"): 1}
    assert page.value("jobgate_gateway_oldest_due_age_seconds") < 60
    # They publish nothing of themselves but the health line, which says that one of them lives.
    assert page.counts("jobgate_gateway_live_workers", "queue") == {}
    health = page.counts("jobgate_gateway_health_line", "queue")
    assert {queue: health[queue,] for queue in (*fleet.queues, IDLE)} == {
        **dict.fromkeys(fleet.queues, 1),
        IDLE: 0,
    }


async def test_running_jobs_of_arq_are_counted_as_such(arq: Caller) -> None:
    jobs = [await arq.enqueue("sleep", 60) for _ in range(3)]
    for job in jobs:
        await arq.becomes(job, "in_progress")
    page = Figures((await arq.http.get("/metrics"))[1].decode())
    depth = page.counts("jobgate_gateway_queue_depth", "queue", "state")
    assert {state: count for (queue, state), count in depth.items() if queue == arq.queue} == {
        "in_progress": 3
    }
    assert await asyncio.gather(*map(arq.abort, jobs)) == [(200, {"aborted": True})] * 3
