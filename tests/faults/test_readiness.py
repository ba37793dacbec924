"""`/readyz` and the worker's `/livez` say what the traffic finds: a Redis that answers but refuses writes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis

from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway, running_gateway
from harness.systems.workers import enqueue, outcome, working
from harness.waiting import eventually, eventually_async
from jobgate.broker import Broker
from jobgate.worker.vitals import liveness

ServerMaker = Callable[..., RedisServer]


async def add(ctx: dict[str, Any], a: int, b: int) -> int:
    return a + b


def _unable_to_persist(server: RedisServer, client: redis.Redis) -> None:
    (server.directory / "dump.rdb").mkdir()  # a snapshot cannot take its place
    client.config_set("save", "3600 1000")
    client.bgsave()
    eventually(
        lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", what="a snapshot that fails"
    )


def _able_to_persist(server: RedisServer, client: redis.Redis) -> None:
    client.config_set("save", "")


#: How Redis comes to refuse writes, how it ceases to, and what is said of it.
REFUSALS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "READONLY": (
        lambda server, client: client.replicaof("127.0.0.1", "1"),
        lambda server, client: client.replicaof("NO", "ONE"),
        "it is a replica",
    ),
    "NOREPLICAS": (
        lambda server, client: client.config_set("min-replicas-to-write", "1"),
        lambda server, client: client.config_set("min-replicas-to-write", "0"),
        "too few of its replicas",
    ),
    "OOM": (
        lambda server, client: client.config_set("maxmemory", "1"),
        lambda server, client: client.config_set("maxmemory", "0"),
        "its memory or disk is full",
    ),
    "MISCONF": (_unable_to_persist, _able_to_persist, "cannot persist"),
}


async def status_of(gateway: RunningGateway) -> int:
    return (await gateway.get("/readyz"))[0]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_readyz_is_503_with_a_reason_while_redis_takes_no_writes(
    make_server: ServerMaker, refusal: str
) -> None:
    begin, end, reason = REFUSALS[refusal]
    server = make_server("redis")
    async with running_gateway(server.url, redis_deadline=1.5) as gateway:
        assert await status_of(gateway) == 200
        with server.client() as client:
            begin(server, client)
            status, problem, _ = await gateway.get("/readyz")
            assert (status, problem["code"]) == (503, "not-ready")
            assert reason in problem["detail"]
            assert (await gateway.post("/jobs/f", {}))[0] == 503, "as the traffic"
            end(server, client)
        await eventually_async(lambda: _is_200(gateway), what="a gateway that is ready again")
        assert (await gateway.post("/jobs/f", {}))[0] == 202


async def _is_200(gateway: RunningGateway) -> bool:
    return await status_of(gateway) == 200


async def test_many_probes_make_few_looks(redis_url: str, valkey_server: RedisServer) -> None:
    async with running_gateway(redis_url) as gateway:
        with valkey_server.client() as client:
            client.config_resetstat()
            answers = await asyncio.gather(*(status_of(gateway) for _ in range(300)))
            assert set(answers) == {200}
            looks = client.info("commandstats")["cmdstat_config|get"]["calls"]
    assert looks <= 60


async def test_a_worker_whose_claims_a_replica_refuses_is_not_alive_for_long(
    make_server: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server("redis")
    async with Broker(server.url) as broker, working([add], server.url) as worker:
        await outcome(broker, await enqueue(broker, "add", 1, 2))
        monkeypatch.setattr(liveness, "CLAIM_STALL", 1.0)
        with server.client() as client:
            client.replicaof("127.0.0.1", "1")

            async def is_dead() -> bool:
                return "no claim was answered" in worker.liveness.verdict().detail

            await eventually_async(is_dead, what="a verdict")
            client.replicaof("NO", "ONE")

        async def is_alive() -> bool:
            return worker.liveness.verdict().alive

        await eventually_async(is_alive, what="a worker that consumes again")
