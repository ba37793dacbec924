"""A retry, an abort or an operation that Redis may have carried out is never answered as one that failed."""

import asyncio
from typing import Any

import pytest

from harness.http.operations import FAILURE
from harness.servers.losing_proxy import proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, running_gateway, waits_in_flight
from jobgate.broker import Broker
from jobgate.broker.scripts import script

#: Seconds that a request has for Redis; of these, one call may take nine tenths.
DEADLINE = 1.0

#: What is asked, with which body, and the script whose answer is lost.
ASKED = [
    ("/jobs/failed/retry", None, "rerun"),
    ("/jobs/running/abort", None, "abort"),
    ("/jobs/running/abort?wait=5", None, "abort"),
    ("/bulk/retry", {"ids": ["failed"]}, "enqueue"),
]


async def prepared(gateway: Any, worker: PlayedWorker) -> None:
    """Have a job that has failed and one that runs, and all scripts known to Redis."""
    for job_id in ("failed", "warm"):
        await gateway.post("/jobs/add", {"job_id": job_id})
        await worker.run_one(failure=FAILURE)
    await gateway.post("/jobs/add", {"job_id": "running"})
    await worker.claim()
    await gateway.post("/jobs/warm/retry")
    await gateway.post("/jobs/none/abort")
    await gateway.post("/jobs/add", {"job_id": "soon"})
    assert (await gateway.post("/jobs/soon/abort"))[0] == 200


@pytest.mark.parametrize("slow", [False, True], ids=["lost", "cut off"])
@pytest.mark.parametrize(("path", "body", "lost"), ASKED)
async def test_a_lost_answer_is_in_doubt_and_the_request_can_be_repeated(
    make_server: Any, path: str, body: Any, lost: str, slow: bool
) -> None:
    server: RedisServer = make_server("valkey")
    async with (
        proxy_to(server.port) as proxy,
        running_gateway(proxy.url, redis_deadline=DEADLINE) as gateway,
        Broker(server.url) as broker,
    ):
        await prepared(gateway, PlayedWorker(broker, "add"))
        proxy.lose_answer_to(script(lost).sha.encode())
        if slow:
            server.pause()
        asked = asyncio.create_task(gateway.post(path, body))
        if slow:  # so that the request is cut off before the call that writes gives up
            await asyncio.sleep(0.4 * DEADLINE)
            server.resume()
        status, problem, headers = await asked
        assert (status, problem["code"], headers["Retry-After"]) == (503, "outcome-unknown", "1"), problem
        assert problem["retryable"] is True
        proxy.reopen()
        status, again, _ = await gateway.post(path.partition("?")[0], body)
        assert status == 202, again


async def test_a_job_that_was_asked_to_stop_is_not_answered_as_if_it_was_not(make_server: Any) -> None:
    server: RedisServer = make_server("valkey")
    async with (
        running_gateway(server.url, redis_deadline=DEADLINE) as gateway,
        Broker(server.url) as broker,
    ):
        await prepared(gateway, PlayedWorker(broker, "add"))
        asked = asyncio.create_task(gateway.post("/jobs/running/abort?wait=2"))
        while await _marked(server) is None:
            await asyncio.sleep(0.01)
        server.pause()
        status, problem, _ = await asked
        server.resume()
        assert (status, problem["code"]) == (503, "outcome-unknown")


async def test_an_abort_for_whose_wait_there_is_no_room_is_refused_before_anything_is_done(
    make_server: Any,
) -> None:
    server: RedisServer = make_server("valkey")
    async with running_gateway(server.url, max_waits=1) as gateway, Broker(server.url) as broker:
        await prepared(gateway, PlayedWorker(broker, "add"))
        waiting = asyncio.create_task(gateway.get("/jobs/running/result?wait=30"))
        await waits_in_flight(gateway, 1)
        status, problem, _ = await gateway.post("/jobs/running/abort?wait=5")
        assert (status, problem["code"]) == (429, "too-many-waits")
        assert await _marked(server) is None
        assert (await gateway.post("/jobs/running/abort"))[0] == 202
        assert await _marked(server) is not None
        waiting.cancel()


async def _marked(server: RedisServer) -> Any:
    with server.client() as client:
        return client.zscore("arq:abort", "running")
