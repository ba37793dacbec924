"""`POST /jobs/{id}/retry`, and finished jobs as `GET /jobs` finds them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.http.operations import FAILURE, end_due, enqueue_many
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway, running_gateway
from jobgate.broker import Failure, FailureCode
from jobgate.gateway import new_key

TIMEOUT = Failure(type="TimeoutError", message="", code=FailureCode.TIMEOUT)


def next_millisecond(server: RedisServer) -> str:
    """The millisecond of Redis's clock that has just begun, in RFC 3339."""
    with server.client() as client:

        def now_us() -> int:
            time: Any = client.time()
            seconds, us = time
            return int(seconds) * 1_000_000 + int(us)

        begun = now_us() // 1000 + 1
        while now_us() // 1000 < begun:
            pass
    return datetime.fromtimestamp(begun / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


async def listed(gateway: RunningGateway, query: str, **options: Any) -> list[str]:
    """The ids of one page; there must be no further one."""
    status, page, _ = await gateway.get(f"/jobs?{query}", **options)
    assert (status, page["next_cursor"]) == (200, ""), page
    return [job["job_id"] for job in page["jobs"]]


async def test_a_failed_job_runs_again_once(gateway: RunningGateway, worker: PlayedWorker) -> None:
    options = {"job_id": "a", "args": [1], "kwargs": {"k": "ü"}, "max_tries": 7}
    await gateway.post("/jobs/add", options)
    await worker.run_one(failure=FAILURE)
    status, job, headers = await gateway.post("/jobs/a/retry")
    assert status == 202
    assert (job["retry_of"], job["function"], job["queue"], job["status"]) == (
        "a",
        "add",
        "arq:queue",
        "queued",
    )
    assert headers["Location"] == f"/jobs/{job['job_id']}/status"
    assert "Idempotent-Replayed" not in headers
    _, old, _ = await gateway.get("/jobs/a/status")
    assert old["retried_as"] == job["job_id"]
    answers = await asyncio.gather(*(gateway.post("/jobs/a/retry") for _ in range(5)))
    assert {(status, again["job_id"]) for status, again, _ in answers} == {(202, job["job_id"])}
    assert {headers["Idempotent-Replayed"] for *_, headers in answers} == {"true"}
    claimed = await worker.claim()
    body = worker.broker.decode_job(claimed.body or b"")
    assert (claimed.lease.job_id, list(body.args), body.kwargs, body.options.max_tries) == (
        *(job["job_id"], [1], {"k": "ü"}, 7),
    )
    await worker.finish(claimed, 3)
    assert (await gateway.get(f"/jobs/{job['job_id']}/result"))[1]["result"] == 3
    # The answer names the new job also when that is over.
    status, again, _ = await gateway.post("/jobs/a/retry")
    assert (status, again["job_id"], again["status"]) == (202, job["job_id"], "complete")


async def test_what_cannot_be_retried(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    await gateway.post("/jobs/add", {"job_id": "waits"})
    await gateway.post("/jobs/gone", {"job_id": "of-gone", "queue": "mail"})
    mail = PlayedWorker(worker.broker, "other", queue="mail")
    await mail.run_one(failure=FAILURE)
    await mail.announce()
    with valkey_server.client() as client:
        client.set("arq:result:odd", b"{")
    answers = {
        job_id: await gateway.post(f"/jobs/{job_id}/retry") for job_id in ("waits", "of-gone", "odd", "no")
    }
    assert {job_id: (status, problem["code"]) for job_id, (status, problem, _) in answers.items()} == {
        "waits": (409, "not-finished"),
        "of-gone": (404, "unknown-function"),
        "odd": (410, "arguments-gone"),
        "no": (404, "job-not-found"),
    }


async def test_an_operation_is_not_retried(gateway: RunningGateway) -> None:
    _, job, _ = await gateway.post("/bulk/abort", {"ids": ["a"]})
    assert (await gateway.get(f"/jobs/{job['job_id']}/result?wait=30"))[0] == 200
    status, problem, _ = await gateway.post(f"/jobs/{job['job_id']}/retry")
    assert (status, problem["code"]) == (403, "forbidden")


async def test_finished_jobs_are_found_newest_first(gateway: RunningGateway, worker: PlayedWorker) -> None:
    for job_id, failure in {"1-good": None, "2-bad": FAILURE, "3-late": TIMEOUT, "4-good": None}.items():
        await enqueue_many(worker.broker, [job_id], "send" if failure is TIMEOUT else "add")
        await worker.run_one(failure=failure)
    await enqueue_many(worker.broker, ["waits"])
    assert await listed(gateway, "") == ["waits", "4-good", "3-late", "2-bad", "1-good"]
    assert await listed(gateway, "status=complete") == ["4-good", "3-late", "2-bad", "1-good"]
    assert await listed(gateway, "success=true") == ["4-good", "1-good"]
    assert await listed(gateway, "success=false") == ["3-late", "2-bad"]
    _, page, _ = await gateway.get("/jobs?status=complete")
    assert {job["job_id"]: job["error"] for job in page["jobs"]}["3-late"] == {
        "type": "TimeoutError",
        "message": "",
        "code": "timeout",
    }
    assert await listed(gateway, "code=timeout") == ["3-late"]
    assert await listed(gateway, "function=send&success=false") == ["3-late"]
    assert await listed(gateway, "status=queued&success=true") == []
    assert await listed(gateway, "success=true&code=error") == []
    assert await listed(gateway, "status=complete&since=2199-01-01T00:00:00Z") == []


async def test_finished_jobs_are_found_by_the_time_of_their_end(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    await enqueue_many(worker.broker, ["early"])
    await worker.run_one()
    between = next_millisecond(valkey_server)
    next_millisecond(valkey_server)
    await enqueue_many(worker.broker, ["late"])
    await worker.run_one()
    assert await listed(gateway, f"status=complete&until={between}") == ["early"]
    assert await listed(gateway, f"status=complete&since={between}") == ["late"]


async def test_pages_of_finished_jobs_stay_while_jobs_end_and_results_expire(
    gateway: RunningGateway, worker: PlayedWorker, valkey_server: RedisServer
) -> None:
    ids = await enqueue_many(worker.broker, [f"job-{number:02}" for number in range(40)])
    ended = [job.lease.job_id for job in await end_due(worker)]
    assert sorted(ended) == ids
    seen: list[str] = []
    cursor = ""
    with valkey_server.client() as client:
        while True:
            _, page, _ = await gateway.get(f"/jobs?success=false&limit=7&cursor={cursor}")
            shown = [job["job_id"] for job in page["jobs"]]
            seen += shown
            cursor = page["next_cursor"]
            if not cursor:
                break
            await enqueue_many(worker.broker, [f"later-{len(seen)}"])
            await end_due(worker)
            client.delete(f"arq:result:{shown[-1]}")
        assert sorted(seen) == ids
        gone = [job_id for job_id in ids if not client.exists(f"arq:result:{job_id}")]
        assert client.zscore("arq:queue:index:failed", gone[-1]) is not None
        shown = await listed(gateway, "success=false&limit=1000")
        assert not set(shown) & set(gone)
        assert client.zscore("arq:queue:index:failed", gone[-1]) is None, (
            "what has expired is forgotten when it is met"
        )


@pytest.mark.parametrize("kind", ["status=complete", "status=queued"])
async def test_a_list_full_of_others_jobs_comes_in_bounded_pages(
    redis_url: str, tmp_path: Path, worker: PlayedWorker, kind: str
) -> None:
    key, entry = new_key("own", ("read",))
    file = tmp_path / "keys.toml"
    file.write_text(entry)
    await enqueue_many(worker.broker, [f"other-{number}" for number in range(1500)], owner="other")
    if kind == "status=complete":
        await end_due(worker)
    async with running_gateway(redis_url, keys_file=file) as gateway:
        headers = {"Authorization": f"Bearer {key}"}
        _, page, _ = await gateway.get(f"/jobs?{kind}&limit=1000", headers=headers)
        assert page["jobs"] == []
        assert page["next_cursor"], "it looks at 1,000 jobs"
        _, page, _ = await gateway.get(f"/jobs?{kind}&cursor={page['next_cursor']}", headers=headers)
        assert page == {"jobs": [], "next_cursor": ""}
