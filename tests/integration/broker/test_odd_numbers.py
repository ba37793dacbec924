"""Times that no calendar holds, and scores that are no times: any producer may write them to Redis.

`_defer_by` alone takes a stock arq client beyond the year 9999.
"""

import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from harness.systems.gateways import RunningGateway, running_gateway
from jobgate.arq import Job, create_pool
from jobgate.broker import Broker
from jobgate.broker.milliseconds import ms_of
from jobgate.client import Client

#: Milliseconds; the first of them is the first that lies beyond the year 9999.
NO_TIMES = (253_402_300_800_000, 2**63 - 1, 2**64 - 1, -(10**15), -(2**63))
NO_SCORES = ("253402300800000", "8.64e+16", "1e300", "-1e300", "inf", "-inf")
JOB: dict[str, Any] = {"t": None, "f": "f", "a": (), "k": {}, "et": 1_700_000_000_000}
RESULT: dict[str, Any] = {**JOB, "t": 1, "s": True, "r": 7, "st": JOB["et"], "ft": JOB["et"], "id": "r"}


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[RunningGateway]:
    async with running_gateway(redis_url, serializer="pickle") as running:
        yield running


def put_job(redis_url: str, job_id: str, score: str, **fields: Any) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"arq:job:{job_id}", pickle.dumps({**JOB, **fields}))
        client.execute_command("ZADD", "arq:queue", score, job_id)


@pytest.mark.parametrize("number", NO_TIMES)
async def test_no_time_is_shown_for_a_number_that_is_none(
    gateway: RunningGateway, redis_url: str, number: int
) -> None:
    put_job(redis_url, "waits", "4102444800000", et=number)
    with redis.Redis.from_url(redis_url) as client:
        client.set("arq:result:ended", pickle.dumps({**RESULT, "et": number, "st": number, "ft": number}))
    status, ended, _ = await gateway.get("/jobs/ended/status")
    assert (status, ended["status"]) == (200, "complete")
    assert [ended[name] for name in ("enqueue_time", "start_time", "finish_time")] == [None] * 3
    assert (await gateway.get("/jobs/ended/result"))[1]["result"] == 7
    status, waits, _ = await gateway.get("/jobs/waits/result")
    assert (status, waits["status"], waits["enqueue_time"]) == (202, "deferred", None)
    jobs = (await gateway.get("/jobs"))[1]["jobs"]
    assert [job["job_id"] for job in jobs] == ["waits"]

    async with await create_pool(redis_url) as pool:
        assert [result.result for result in await pool.all_job_results()] == [7]
        assert [job.function for job in await pool.queued_jobs()] == ["f"]
    async with Client(redis_url) as client:
        assert (await client.job("ended").info()).finish_time is None


@pytest.mark.parametrize("score", NO_SCORES)
async def test_any_score_is_one_that_a_job_may_have(
    gateway: RunningGateway, redis_url: str, score: str
) -> None:
    put_job(redis_url, "odd", score)
    expected = "deferred" if float(score) > 0 else "queued"
    status, job, _ = await gateway.get("/jobs/odd/status")
    assert (status, job["status"], job["due_time"]) == (200, expected, None)
    assert [job["status"] for job in (await gateway.get("/jobs"))[1]["jobs"]] == [expected]
    async with await create_pool(redis_url) as pool:
        (listed,) = await pool.queued_jobs()
        assert listed.score == ms_of(score.encode())
        assert await Job("odd", pool).status() == expected
    status, answer, _ = await gateway.post("/jobs/odd/abort")
    assert (status, answer) == (200, {"aborted": True})


@pytest.mark.parametrize("score", ["inf", "-inf"])
async def test_a_mark_of_an_abort_may_be_any_number_too(redis_url: str, score: str) -> None:
    put_job(redis_url, "odd", "1")
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ZADD", "arq:abort", score, "odd")
    async with Broker(redis_url) as broker:
        claim = await broker.claim("arq:queue", 1, worker_id="w", token="w:1")
    assert [job.abort_mark_ms for job in claim.jobs] == [ms_of(score.encode())]


async def test_a_count_of_tries_that_is_no_number_spoils_no_list(
    gateway: RunningGateway, redis_url: str
) -> None:
    put_job(redis_url, "odd", "4102444800000")
    with redis.Redis.from_url(redis_url) as client:
        client.set("arq:retry:odd", "x")
        client.lpush("arq:result:other", "a key of another kind")
        client.zadd("arq:queue", {"other": 1})
    assert [(job["job_id"], job["try"]) for job in (await gateway.get("/jobs"))[1]["jobs"]] == [("odd", 0)]
