"""The tries of a job that were followed by another one: what is known of them, and how long."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from harness.jobs.leases import claimed, let_run_out
from harness.jobs.records import request_of
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway
from harness.systems.workers import working
from jobgate.broker import Broker, encode_try
from jobgate.worker import Retry, func

TRIES = "arq:queue:earlier-tries:a"


async def flaky(ctx: dict[str, Any]) -> str:
    if ctx["job_try"] == 1:
        raise Retry(defer=0.01)
    if ctx["job_try"] == 2:
        try:
            raise OSError("the disk is away")
        except OSError as error:
            raise Retry(defer=0.01) from error
    return "done"


async def hopeless(ctx: dict[str, Any]) -> None:
    raise Retry(defer=0.01) from ValueError(f"no {ctx['job_try']}")


FUNCTIONS = [func(flaky, max_tries=3), func(hopeless, max_tries=2)]


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    async with Broker(redis_url) as broker:
        yield broker


async def test_a_job_shows_its_tries_as_long_as_its_result(
    gateway: RunningGateway, redis_url: str, valkey_server: RedisServer
) -> None:
    async with working(None, redis_url, functions=FUNCTIONS) as worker:
        _, outcome, _ = await gateway.post("/jobs/flaky?wait=30", {"job_id": "a"})
        assert outcome["result"] == "done"
    _, job, _ = await gateway.get("/jobs/a/status")
    first, second = job["earlier_tries"]
    assert (first["try"], first["error"], first["lost"]) == (1, None, False)
    assert (second["try"], second["worker"]) == (2, worker.worker_id)
    assert second["error"] == {"type": "OSError", "message": "the disk is away", "code": "error"}
    times = [job["enqueue_time"], first["start_time"], first["end_time"], second["start_time"]]
    times += [second["end_time"], job["start_time"], job["finish_time"]]
    assert times == sorted(times)
    with valkey_server.client() as client:
        assert 0 <= client.pttl("arq:result:a") - client.pttl(TRIES) < 2000


async def test_the_result_of_max_tries_names_the_last_error(gateway: RunningGateway, redis_url: str) -> None:
    async with working(None, redis_url, functions=FUNCTIONS):
        _, outcome, _ = await gateway.post("/jobs/hopeless?wait=30", {"job_id": "a"})
    assert outcome["error"]["code"] == "max-tries"
    assert outcome["error"]["message"] == "max 2 retries exceeded; the last error is ValueError: no 2"
    (first,) = (await gateway.get("/jobs/a/status"))[1]["earlier_tries"]
    assert first["error"]["message"] == "no 1"


async def test_a_try_whose_worker_died_is_known(
    gateway: RunningGateway, broker: Broker, valkey_server: RedisServer
) -> None:
    await broker.enqueue(request_of("add", job_id="a"))
    await claimed(broker)
    with valkey_server.client() as client:
        let_run_out(client, "a")
    await claimed(broker)
    (first,) = (await gateway.get("/jobs/a/status"))[1]["earlier_tries"]
    assert (first["try"], first["lost"], first["start_time"], first["error"]) == (1, True, None, None)
    assert first["end_time"] == "1970-01-01T00:00:01.000Z"


async def test_jobs_that_are_not_retried_keep_nothing(broker: Broker, valkey_server: RedisServer) -> None:
    await broker.enqueue(request_of("add", job_id="a"))
    (job,) = await claimed(broker)
    await broker.release([job])
    with valkey_server.client() as client:
        assert client.exists(TRIES) == 0


async def test_the_last_tries_are_kept(broker: Broker, valkey_server: RedisServer) -> None:
    await broker.enqueue(request_of("add", job_id="a"))
    for number in range(1, 31):
        (job,) = await claimed(broker)
        entry = encode_try(number, 1, "w", ("E" * 999, "m\ud800" * 999))
        await broker.retry(job.lease, defer=None, score_ms=job.score_ms, entry=entry)
    view = await broker.view("a")
    assert view is not None
    assert [one.number for one in view.earlier_tries] == list(range(11, 31))
    assert len(view.earlier_tries[0].failure.message) == 200 if view.earlier_tries[0].failure else False
    with valkey_server.client() as client:
        client.rpush(TRIES, "x", "1 {}", '1 {"n":"x"}', "1 []")
        view = await broker.view("a")
        assert view is not None
        assert len(view.earlier_tries) == 20
        client.delete(TRIES)
        client.set(TRIES, "x")
        view = await broker.view("a")
        assert view is not None
        assert view.earlier_tries == ()
        (job,) = await claimed(broker)
        await broker.retry(job.lease, defer=None, score_ms=job.score_ms, entry=encode_try(31, 1, "w", None))
        assert client.get(TRIES) == b"x"
