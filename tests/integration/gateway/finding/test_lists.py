"""`GET /jobs`: every job of a queue is on a page, and none that the caller must not see."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from harness.jobs.failed import Failing, write_failed
from harness.processes.commands import REPOSITORY, Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from harness.tools import require_tool
from jobgate.broker import Broker
from jobgate.gateway import new_key


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[PlayedWorker]:
    async with Broker(redis_url) as broker:
        yield PlayedWorker(broker)


async def every_page(gateway: RunningGateway, query: str = "", **options: Any) -> list[dict[str, Any]]:
    """The jobs of all pages."""
    jobs: list[dict[str, Any]] = []
    cursor = ""
    while True:
        status, page, _ = await gateway.get(f"/jobs?{query}&cursor={cursor}".replace("?&", "?"), **options)
        assert status == 200, page
        jobs += page["jobs"]
        cursor = page["next_cursor"]
        if not cursor:
            return jobs


async def enqueue(gateway: RunningGateway, *job_ids: str, function: str = "add", **members: Any) -> None:
    for job_id in job_ids:
        assert (await gateway.post(f"/jobs/{function}", {"job_id": job_id, **members}))[0] == 202


async def test_jobs_of_every_status_are_listed_as_they_are(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await enqueue(gateway, "ended")
    await worker.run_one(7)
    await enqueue(gateway, "running")
    await worker.claim()
    await enqueue(gateway, "waiting", function="send", args=[1])
    await enqueue(gateway, "later", defer_by=60)
    await enqueue(gateway, "elsewhere", queue="mail")
    statuses = {"ended": "complete", "running": "in_progress", "waiting": "queued", "later": "deferred"}
    jobs = await every_page(gateway)
    assert {job["job_id"]: job["status"] for job in jobs} == statuses
    for job in jobs:
        shown = (await gateway.get(f"/jobs/{job['job_id']}/status"))[1]
        assert {**job, "args": shown["args"], "kwargs": shown["kwargs"]} == shown
    for job_id, status in statuses.items():
        assert [job["job_id"] for job in await every_page(gateway, f"status={status}")] == [job_id]
    assert [job["job_id"] for job in await every_page(gateway, "function=send")] == ["waiting"]
    assert [job["job_id"] for job in await every_page(gateway, "queue=mail")] == ["elsewhere"]
    assert await every_page(gateway, "queue=nobody-s") == []


async def test_the_loop_of_the_documents_finds_all(gateway: RunningGateway, worker: PlayedWorker) -> None:
    document = (REPOSITORY / "docs" / "operations.md").read_text()
    (loop,) = re.findall(r"^```sh\n(cursor=.*?)^```", document, re.MULTILINE | re.DOTALL)
    ids = [f"job-{number:03}" for number in range(120)]
    await enqueue(gateway, "ended")
    await worker.run_one(7)
    await enqueue(gateway, *ids)
    require_tool("curl")
    shell = await asyncio.create_subprocess_exec(
        *(require_tool("sh"), "-c", loop.replace("localhost:8080", gateway.url.removeprefix("http://"))),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        printed, _ = await shell.communicate()
    pages = [orjson.loads(page) for page in printed.splitlines()]
    assert len(pages) > 1
    assert [job["job_id"] for page in pages for job in page["jobs"]] == [*ids, "ended"]
    assert pages[-1]["next_cursor"] == ""


async def test_jobs_that_wait_come_by_due_time_with_cursors_that_stay(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    """Many are due at the same time, and the job that a cursor names may be gone."""
    body = orjson.dumps({"t": None, "f": "add", "a": [], "k": {}, "et": 0})
    due = {f"{score:04}-{number}": score for score in (5, 7, 2000) for number in range(9)}
    with valkey_server.client() as client:
        client.zadd("arq:queue", due)
        client.mset({f"arq:job:{job_id}": body for job_id in due})
        seen: list[str] = []
        cursor = ""
        while len(seen) < len(due):
            _, page, _ = await gateway.get(f"/jobs?limit=4&cursor={cursor}")
            assert len(page["jobs"]) <= 4
            seen += [job["job_id"] for job in page["jobs"]]
            client.zrem("arq:queue", seen[-1])
            client.delete(f"arq:job:{seen[-1]}")
            cursor = page["next_cursor"]
        assert seen == sorted(due)


async def test_times_bound_what_is_listed(gateway: RunningGateway) -> None:
    due = {f"of-{year}": f"{year}-01-01T00:00:00Z" for year in (2101, 2102, 2103)}
    for job_id, until in due.items():
        await enqueue(gateway, job_id, defer_until=until)
    asked = "since=2102-01-01T01:00:00%2B01:00&until=2102-01-01T00:00:00Z"
    assert [job["job_id"] for job in await every_page(gateway, asked)] == ["of-2102"]
    unescaped = "since=2102-01-01T01:00:00+01:00"
    assert [job["job_id"] for job in await every_page(gateway, unescaped)] == ["of-2102", "of-2103"]


async def test_a_scan_finds_what_ended_at_the_bounds_themselves(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    await enqueue(gateway, "ended")
    await worker.run_one(7)
    end = (await gateway.get("/jobs/ended/status"))[1]["finish_time"]
    second = end[: end.index(".")]
    for bounds, found in ((f"since={end}&until={end}", ["ended"]), (f"until={second}Z", [])):
        asked = f"scan=true&status=complete&{bounds}"
        assert [job["job_id"] for job in await every_page(gateway, asked)] == found


async def test_a_cursor_of_another_list_is_refused(gateway: RunningGateway, worker: PlayedWorker) -> None:
    await enqueue(gateway, "ended")
    await worker.run_one(7)
    await enqueue(gateway, "first", "second")
    cursor = (await gateway.get("/jobs?limit=1"))[1]["next_cursor"]
    for other in ("status=complete", "order=newest", "success=true&status=queued"):
        status, problem, _ = await gateway.get(f"/jobs?{other}&cursor={cursor}")
        assert (status, problem["errors"][0]["pointer"]) == (422, "?cursor")
    status, problem, _ = await gateway.get(f"/failures?cursor={cursor}")
    assert (status, problem["errors"][0]["pointer"]) == (422, "?cursor")


async def test_a_status_is_found_among_many_others(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        client.zadd("arq:queue", {f"waits-{number}": 9e14 + number for number in range(3000)})
    await enqueue(gateway, "runs")
    await worker.claim()
    _, page, _ = await gateway.get("/jobs?status=in_progress")
    assert [job["job_id"] for job in page["jobs"]] == ["runs"]
    assert page["next_cursor"] == ""
    _, page, _ = await gateway.get("/jobs?status=queued")
    assert page == {"jobs": [], "next_cursor": ""}


async def test_a_long_list_comes_in_pages(gateway: RunningGateway, worker: PlayedWorker) -> None:
    ids = {f"job-{number}" for number in range(400)}
    await enqueue(gateway, *ids)
    for _ in range(20):
        await worker.run_one()
    first = (await gateway.get("/jobs?limit=10"))[1]
    assert first["next_cursor"]
    assert len(first["jobs"]) < 100
    jobs = await every_page(gateway, "limit=10")
    assert {job["job_id"] for job in jobs} == ids
    assert sum(job["status"] == "complete" for job in jobs) == 20


async def test_what_cannot_be_read_spoils_no_list(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    await enqueue(gateway, "good")
    with valkey_server.client() as client:
        client.zadd("arq:queue", {"lost": 1, "bad": 1, b"\xff": 1})
        client.set("arq:job:bad", b"{")
        client.set("arq:result:odd", b"{")
    jobs = {job["job_id"]: job["function"] for job in await every_page(gateway, "scan=true")}
    assert jobs == {"good": "add", "lost": None, "bad": None, "\ufffd": None}


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "status=done", "function=1", "wait=1"),
        *(
            "success=maybe",
            "code=none",
            "since=today",
            "until=1999-01-01T00:00:00Z",
            "scan=1",
        ),
        *(
            "cursor=x",
            "cursor=q1",
            "cursor=wAAAA",
            "cursor=wA",
            "cursor=fbmFuOng",  # nan:x
            "order=newest&cursor=nbmFuOng",
            "scan=true&cursor=seA",
            "scan=true&cursor=sLTE",
            "scan=true&cursor=s2aM",
            "scan=true&cursor=sMTg0NDY3NDQwNzM3MDk1NTE2MTY",
            "queue=arq:abort",
            "queue=a%20b",
            "queue=",
            "%",
            "limit",
        ),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(gateway: RunningGateway, query: str) -> None:
    status, problem, _ = await gateway.get(f"/jobs?{query}")
    assert (status, problem["code"]) == (422, "invalid-request")


async def test_a_key_that_is_no_queue_is_refused(gateway: RunningGateway, valkey_server: RedisServer) -> None:
    with valkey_server.client() as client:
        client.set("a-text", "x")
    status, problem, _ = await gateway.get("/jobs?queue=a-text")
    assert (status, problem["errors"][0]["pointer"]) == (422, "?queue")


async def test_a_caller_sees_what_it_may(redis_url: str, tmp_path: Path, worker: PlayedWorker) -> None:
    file = tmp_path / "keys.toml"
    lines, headers = [], {}
    for name, scopes in {
        "alice": ("enqueue:*", "read"),
        "bob": ("enqueue:*", "read:*"),
        "carol": ("enqueue:*",),
    }.items():
        key, line = new_key(name, scopes)
        lines.append(line)
        headers[name] = {"Authorization": f"Bearer {key}"}
    file.write_text("\n".join(lines))
    async with running_gateway(redis_url, keys_file=file) as gateway:
        for name in ("alice", "bob"):
            await gateway.post("/jobs/add", {"job_id": f"ended-{name}"}, headers=headers[name])
            await worker.finish(await worker.claim())
            await gateway.post("/jobs/add", {"job_id": f"of-{name}", "defer_by": 60}, headers=headers[name])
        # In this order: who sees less takes nothing from the list of the others.
        seen = {
            name: sorted(job["job_id"] for job in await every_page(gateway, headers=headers[name]))
            for name in ("alice", "bob")
        }
        assert seen == {
            "alice": ["ended-alice", "of-alice"],
            "bob": ["ended-alice", "ended-bob", "of-alice", "of-bob"],
        }
        assert (await gateway.get("/jobs", headers=headers["carol"]))[0] == 403
        assert (await gateway.get("/jobs"))[0] == 401


async def test_a_page_of_large_results_takes_little_memory(
    processes: Processes, redis_url: str, valkey_server: RedisServer
) -> None:
    gateway = processes.gateway(redis_url)
    numbers = list(range(1000, 31_000))
    stored = {"t": 1, "f": "f", "a": [numbers], "k": {}, "et": 0, "s": True, "r": numbers, "st": 0, "ft": 0}
    with valkey_server.client() as client:
        for number in range(200):
            client.set(f"arq:result:{number}", orjson.dumps({**stored, "q": "arq:queue"}))
    before = gateway.most_memory
    async with aiohttp.ClientSession() as session:
        jobs = await every_page(RunningGateway(gateway.url, session), "status=complete&scan=true&limit=1000")
    assert len(jobs) == 200
    assert gateway.most_memory - before < 200, "25 at a time take 60 MiB, all 200 at once 450"


async def test_jobs_of_all_queues_and_statuses_are_one_list(
    gateway: RunningGateway, worker: PlayedWorker
) -> None:
    mailer = PlayedWorker(worker.broker, name="mailer", queue="mail")
    ended = []
    for number in range(4):
        ended.append(f"ended-{number}")
        await enqueue(gateway, ended[-1], queue="mail" if number % 2 else "arq:queue")
        await (mailer if number % 2 else worker).run_one(7)
    later = [f"later-{number}" for number in range(5)]
    for number, job_id in enumerate(later):
        await enqueue(
            gateway, job_id, queue="mail" if number % 2 else "arq:queue", defer_by=60 * (number + 1)
        )
    for limit in (1, 2, 3, 100):
        newest = await every_page(gateway, f"queue=*&order=newest&limit={limit}")
        times = [job["finish_time"] or job["due_time"] for job in newest]
        assert times == sorted(times, reverse=True)
        assert [job["job_id"] for job in newest[:5]] == later[::-1]
        assert {job["job_id"] for job in newest} == {*later, *ended}
        by_due = await every_page(gateway, f"queue=*&limit={limit}")
        assert [job["job_id"] for job in by_due[:5]] == later
        assert [job["job_id"] for job in by_due[5:]] == [job["job_id"] for job in newest[5:]]
    done = await every_page(gateway, "queue=*&order=newest&status=complete")
    assert {job["job_id"] for job in done} == set(ended)
    assert (await gateway.get("/jobs?order=newest&scan=true"))[0] == 422


async def test_lists_of_many_queues_go_on_where_a_page_ended_although_jobs_have_left(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    body = orjson.dumps({"t": None, "f": "add", "a": [], "k": {}, "et": 0})
    names = [f"q{number}" for number in range(7)]
    async with Broker(valkey_server.url) as broker:
        await broker.note_queues(names)
    with valkey_server.client() as client:
        ids = [f"{score:04}-{number}" for score in (5, 7, 2000) for number in range(14)]
        for at, job_id in enumerate(ids):
            client.zadd(names[at % 7], {job_id: int(job_id[:4])})
            client.set(f"arq:job:{job_id}", body)
        for order, expected in (("due", sorted(ids)), ("newest", sorted(ids, reverse=True))):
            seen: list[str] = []
            cursor = ""
            while len(seen) < len(ids):
                _, page, _ = await gateway.get(f"/jobs?queue=*&order={order}&limit=4&cursor={cursor}")
                seen += [job["job_id"] for job in page["jobs"]]
                cursor = page["next_cursor"]
                for queue in names if order == "newest" else ():
                    client.zrem(queue, seen[-1])
            assert seen == expected


async def test_a_queue_of_another_type_spoils_no_list_of_all(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    await enqueue(gateway, "fine")
    await worker.broker.note_queues(["odd"])
    with valkey_server.client() as client:
        client.set("odd", "x")
    assert [job["job_id"] for job in await every_page(gateway, "queue=*")] == ["fine"]
    assert (await gateway.get("/jobs?queue=odd"))[0] == 422


async def test_one_of_ten_thousand_failures_is_on_the_first_page(
    gateway: RunningGateway, valkey_server: RedisServer
) -> None:
    with valkey_server.client() as client:
        write_failed(client, [Failing(type="KeyError")], 1, prefix="old")
        write_failed(client, [Failing()], 10_000)
    _, page, _ = await gateway.get("/jobs?error_type=KeyError")
    assert [job["job_id"] for job in page["jobs"]] == ["old-0"]
