"""The server behind an address changes: a failover, a wake-up of the old master, a change of its kind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from harness.jobs.records import request_of
from harness.jobs.silent import enqueue_silently
from harness.servers.failover import Name, follow, name_of, sentinels_of, wait_for_replica
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway, running_gateway
from harness.systems.held import Held
from harness.systems.workers import busy, working
from harness.tools import require_tool
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker, BrokerMisconfigured, ClaimedJob, JobRequest
from jobgate.broker.link.peers import TRUSTED_FOR
from jobgate.gateway import GatewayError
from jobgate.worker import Worker, func

ServerMaker = Callable[..., RedisServer]
QUEUE = "arq:queue"


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


@pytest.fixture
def pair(make_server: ServerMaker) -> tuple[RedisServer, RedisServer]:
    """A master and its replica."""
    master, replica = (make_server("redis", repl_diskless_sync_delay="0") for _ in range(2))
    follow(replica, master)
    return master, replica


async def ready(gateway: RunningGateway) -> bool:
    return (await gateway.get("/readyz"))[0] == 200


async def test_traffic_follows_the_name_when_its_server_becomes_a_replica(
    pair: tuple[RedisServer, RedisServer],
) -> None:
    first, second = pair
    held = Held()
    async with (
        name_of(first) as name,
        working([*held.functions, func(add, name="add")], name.url) as worker,
        running_gateway(name.url) as gateway,
    ):
        assert (await gateway.post("/jobs/hold", {"job_id": "long"}))[0] == 202
        await busy(worker)
        waiting = asyncio.create_task(gateway.get("/jobs/long/result?wait=50"))
        wait_for_replica(first)
        follow(second, None)
        name.leads_to = second
        follow(first, second)
        status, answer, _ = await gateway.post("/jobs/add?wait=20", {"args": [1, 2]})
        assert (status, answer.get("result")) == (200, 3)
        held.may_end.set()
        assert (await waiting)[1]["result"] == "held"
        assert (held.starts, held.cancelled) == (1, 0)
        assert await ready(gateway)


async def test_an_old_master_that_wakes_up_is_left(pair: tuple[RedisServer, RedisServer]) -> None:
    first, second = pair
    held = Held()
    async with (
        name_of(first) as name,
        working([*held.functions, func(add, name="add")], name.url, lease=3) as worker,
        running_gateway(name.url, queues=("other",)) as gateway,
    ):
        assert (await gateway.post("/jobs/hold", {"job_id": "long"}))[0] == 202
        await busy(worker)
        wait_for_replica(first)
        first.pause()
        follow(second, None)
        name.leads_to = second
        await asyncio.sleep(1.2 * TRUSTED_FOR)  # no failover is faster
        first.resume()  # it still believes that it is the master
        for number in range(20):
            document = {"job_id": f"new-{number}", "queue": "other"}
            assert (await gateway.post("/jobs/hold", document))[0] == 202
        with second.client() as client:
            assert sum(client.exists(f"arq:job:new-{number}") for number in range(20)) == 20
            left = client.pttl("arq:in-progress:long")
            await eventually_async(
                lambda: _grew(client, "arq:in-progress:long", left), what="a renewed lease"
            )
            held.may_end.set()
            await eventually_async(lambda: _there(client, "arq:result:long"), what="the result")
        assert (held.starts, held.cancelled) == (1, 0)


async def test_jobs_that_wake_nobody_are_found_on_the_new_master(
    pair: tuple[RedisServer, RedisServer],
) -> None:
    first, second = pair
    function = func(add, name="add")
    async with (
        name_of(first) as name,
        working([function], name.url),
        working([function], name.url),
        working([function], name.url),
    ):
        with first.client() as client:
            await eventually_async(lambda: _there(client, "arq:queue:job-poller"), what="a poller")
        wait_for_replica(first)
        first.pause()
        follow(second, None)
        name.leads_to = second
        with second.client() as client:
            enqueue_silently(client, "j", "add", 1, 2)
            await eventually_async(lambda: _there(client, "arq:result:j"), what="the result")
        first.resume()


async def _there(client: Any, key: str) -> bool:
    return bool(client.exists(key))


async def _grew(client: Any, key: str, before: int) -> bool:
    return bool(client.pttl(key) > before)


ANSWERS = [
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "LOADING Redis is loading the dataset in memory",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 127.0.0.1:6381",
    "CLUSTERDOWN The cluster is down",
    "NOAUTH Authentication required.",
]


@pytest.fixture
async def name(redis_url: str, valkey_server: RedisServer) -> AsyncIterator[Name]:
    async with name_of(valkey_server) as made:
        yield made


async def claimed(broker: Broker, token: str) -> list[ClaimedJob]:
    return list((await broker.claim(QUEUE, 1, worker_id="w", token=token)).jobs)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.split()[0])
async def test_every_connection_is_replaced_when_its_server_says_that_it_is_the_wrong_one(
    name: Name, answer: str
) -> None:
    async with Broker(name.url, deadline=3) as broker:
        renewer = broker.lease_renewer()
        await broker.enqueue(JobRequest(function="f", job_id="a"))
        (job,) = await claimed(broker, "w:1")
        assert not (await asyncio.to_thread(renewer.renew, [job.lease], lease=10)).lost
        waiting = asyncio.create_task(broker.wait("a", 20))
        await broker.wait_for_work(QUEUE, 0.01)
        await eventually_async(lambda: _pushes(broker), what="tracking")

        name.spoil(answer)
        assert (await broker.enqueue(JobRequest(function="f", job_id="b"))).created
        assert (await asyncio.to_thread(renewer.renew, [job.lease], lease=10)).lost == []
        assert await broker.view("b") is not None
        assert [each.lease.job_id for each in await claimed(broker, "w:2")] == ["b"]
        before = name.connections
        await broker.wait_for_work(QUEUE, 0.01)
        await eventually_async(lambda: _pushes(broker), what="tracking by new connections")
        assert name.connections > before, "the connection that waits for work is another"
        waiting.cancel()
        renewer.close()


async def _pushes(broker: Broker) -> bool:
    return broker._watcher.pushes


async def test_a_server_in_cluster_mode_is_refused_in_words(make_server: ServerMaker) -> None:
    server = make_server("redis", cluster_enabled="yes")
    with pytest.raises(GatewayError, match="cluster mode"):
        async with running_gateway(server.url):
            pass
    with pytest.raises(BrokerMisconfigured, match="cluster mode"):
        await Worker([add], redis_settings=server.url, handle_signals=False).async_run()


async def test_a_frozen_sentinel_does_not_keep_the_others_from_being_asked(
    make_server: ServerMaker, tmp_path: Path
) -> None:
    binary = require_tool("redis-server")
    master = make_server("redis")
    with sentinels_of(binary, tmp_path, master, count=2) as sentinels:
        for port in sentinels.ports:
            eventually(partial(_knows_master, port), what="a Sentinel that knows its master")
        sentinels.pause(0)
        async with (
            running_gateway(sentinels.url) as gateway,
            working([*Held().functions, func(add, name="add")], sentinels.url),
        ):
            await eventually_async(lambda: ready(gateway), what="a gateway that is ready")
            status, answer, _ = await gateway.post("/jobs/add?wait=20", {"args": [1, 2]})
            assert (status, answer.get("result")) == (200, 3)
            async with Broker(sentinels.url) as broker:
                await broker.enqueue(request_of("f", job_id="a", queue="own"))
                claim = await broker.claim("own", 1, worker_id="w", token="w:1")
                renewer = broker.lease_renewer()
                renewed = await asyncio.to_thread(renewer.renew, [claim.jobs[0].lease], lease=10)
                renewer.close()
            assert renewed.lost == []


def _knows_master(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"))
    except redis.ConnectionError:
        return False
