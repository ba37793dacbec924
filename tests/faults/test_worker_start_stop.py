"""What a worker says of its Redis, and what it leaves behind when it stops in the middle of trouble."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.servers.losing_proxy import proxy_to
from harness.servers.redis_server import RedisServer
from harness.systems.workers import burst, enqueue, working
from harness.waiting import eventually_async
from jobgate.broker import Broker, JobStatus
from jobgate.worker import Worker

Ctx = dict[str, Any]


async def add(ctx: Ctx, a: int) -> int:
    return a + 1


async def claiming(worker: Worker) -> None:
    began = time.monotonic()

    async def has_claimed() -> bool:
        return worker.liveness.last_claim > began

    await eventually_async(has_claimed, what="a claim")


async def test_a_claim_whose_answer_was_lost_burns_no_try_at_a_stop(server: RedisServer) -> None:
    await burst([add], server.url)  # now the server knows the script: a claim is one request
    async with Broker(server.url) as broker, proxy_to(server.port) as proxy:
        job_id = await enqueue(broker, "add", 1)
        proxy.lose_answer_to(broker.keys.claim(broker.keys.default_queue, "").encode())
        async with working([add], proxy.url) as worker:

            async def in_doubt() -> bool:
                return proxy.lost and any(
                    source.is_in_doubt for source in worker._run._claimer._sources.values()
                )

            await eventually_async(in_doubt, what="a lost answer")
            view = await broker.view(job_id)
            assert view is not None
            assert view.tries == 1
            worker.stop()
            proxy.reopen()
        view = await broker.view(job_id)
        assert view is not None
        assert (view.status, view.tries) == (JobStatus.QUEUED, 0)


async def test_a_worker_that_stops_without_redis_says_what_may_be_left(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with working([add], server.url) as worker:
        await claiming(worker)
        source = next(iter(worker._run._claimer._sources.values()))
        server.pause()
        await asyncio.sleep(0.1)
        source.is_in_doubt = True
        worker.stop()

        async def said() -> bool:
            return "was not answered" in caplog.text

        try:
            await eventually_async(said, what="a word of what may be left")
        finally:
            server.resume()
    assert caplog.text.count("the last claim from queue arq:queue was not answered") == 1


@pytest.mark.parametrize("kind", ["valkey", "redis"])
@pytest.mark.parametrize("settings", [{"maxmemory-policy": "allkeys-lru"}, {"appendonly": "no"}])
async def test_it_warns_of_a_redis_that_may_lose_jobs(
    make_server: Callable[..., RedisServer],
    kind: str,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, str],
) -> None:
    server = make_server(kind)  # one of its own: to switch its file on again would take time
    caplog.set_level(logging.WARNING, "jobgate.worker")
    await burst([add], server.url)
    assert "maxmemory" not in caplog.text
    assert "appendonly" not in caplog.text
    [(name, value)] = settings.items()
    with server.client() as client:
        client.config_set(name, value)
    await burst([add], server.url)
    assert f"set {name} to " in caplog.text
