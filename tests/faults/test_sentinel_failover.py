"""Three Sentinels move the master while jobs are enqueued and run; then the old master wakes up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from harness.servers.failover import Sentinels, follow, sentinels_of, wait_for_replica
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway, running_gateway
from harness.systems.workers import busy, working
from harness.tools import require_tool
from harness.waiting import eventually_async
from jobgate.worker import func

ServerMaker = Callable[..., RedisServer]
#: Seconds for what Sentinels do on a busy machine.
PATIENCE = 60.0
RUNNING, CALLERS = 8, 4


@dataclass
class Load:
    """Callers that enqueue jobs, which nobody runs, as long as the block lasts."""

    gateway: RunningGateway
    prefix: str
    #: When the request of each acknowledged job began.
    acknowledged: dict[str, float] = field(default_factory=dict)

    async def call(self, caller: int) -> None:
        number = 0
        while True:
            number += 1
            job_id, begun = f"{self.prefix}-{caller}-{number}", time.monotonic()
            document = {"job_id": job_id, "queue": "other"}
            if (await self.gateway.post("/jobs/hold", document))[0] == 202:
                self.acknowledged[job_id] = begun
            await asyncio.sleep(0.005)

    async def more(self, jobs: int) -> None:
        """Wait until so many more jobs have been acknowledged."""
        wanted = len(self.acknowledged) + jobs

        async def there() -> bool:
            return len(self.acknowledged) >= wanted

        await eventually_async(there, timeout=PATIENCE, what=f"{jobs} acknowledged jobs")


@asynccontextmanager
async def load_on(gateway: RunningGateway, prefix: str) -> AsyncIterator[Load]:
    load = Load(gateway, prefix)
    callers = [asyncio.create_task(load.call(number)) for number in range(CALLERS)]
    try:
        yield load
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


class Held:
    """Jobs that run until they are let go."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.started: list[str] = []
        self.cancelled: list[str] = []

    async def hold(self, ctx: dict[str, Any]) -> str:
        self.started.append(ctx["job_id"])
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.append(ctx["job_id"])
            raise
        return "held"


async def until(look: Callable[[], object], what: str) -> None:
    """Wait for something that the servers or Sentinels say."""

    async def probe() -> bool:
        try:
            return bool(await asyncio.to_thread(look))
        except redis.ConnectionError:
            return False

    await eventually_async(probe, timeout=PATIENCE, what=what)


def missing(server: RedisServer, keys: list[str]) -> list[str]:
    with server.client() as client:
        there = client.mget(keys)
    return [key for key, value in zip(keys, there, strict=True) if value is None]


async def one_failover(servers: list[RedisServer], sentinels: Sentinels, name: str) -> RedisServer:
    """Freeze the master until another has its place, then wake it up; return it."""
    (port,) = sentinels.masters()
    (old,) = (one for one in servers if one.port == port)
    held, ids = Held(), [f"{name}-held-{number}" for number in range(RUNNING)]
    async with (
        working([func(held.hold, name="hold")], sentinels.url, lease=3) as worker,
        running_gateway(sentinels.url, queues=("other",)) as gateway,
    ):
        for job_id in ids:
            assert (await gateway.post("/jobs/hold", {"job_id": job_id}))[0] == 202
        await busy(worker, RUNNING)
        await asyncio.to_thread(wait_for_replica, old)
        async with load_on(gateway, name) as load:
            await load.more(50)
            old.pause()
            frozen_at = time.monotonic()
            await until(lambda: port not in sentinels.masters(), "a new master")
            await load.more(50)
            old.resume()  # it still believes that it is the master
            await load.more(200)
        (new,) = (one for one in servers if {one.port} == sentinels.masters())
        after = [f"arq:job:{job_id}" for job_id, at in load.acknowledged.items() if at > frozen_at]
        assert missing(new, after) == [], "only what was acknowledged before can be lost by replication"
        held.may_end.set()
        await until(lambda: not missing(new, [f"arq:result:{job_id}" for job_id in ids]), "all results")
    assert held.cancelled == []
    assert sorted(held.started) == ids
    return old


@pytest.fixture
async def watched(
    make_server: ServerMaker, tmp_path: Path
) -> AsyncIterator[tuple[list[RedisServer], Sentinels]]:
    """A master, two replicas and three Sentinels that know all of them."""
    servers = [make_server("redis", repl_diskless_sync_delay="0") for _ in range(3)]
    for replica in servers[1:]:
        follow(replica, servers[0])
    with sentinels_of(require_tool("redis-server"), tmp_path, servers[0], count=3, down_ms=500) as sentinels:
        await until(lambda: sentinels.see_all(2), "Sentinels that know each other and the replicas")
        yield servers, sentinels


@pytest.mark.timeout(240)  # Sentinels may vote more than once on a busy machine
async def test_a_failover_by_sentinels_loses_no_job_and_cancels_none(
    watched: tuple[list[RedisServer], Sentinels],
) -> None:
    await one_failover(*watched, "once")


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_failovers_one_after_another_lose_no_job_and_cancel_none(
    watched: tuple[list[RedisServer], Sentinels],
) -> None:
    servers, sentinels = watched
    for turn in range(6):
        old = await one_failover(servers, sentinels, f"turn-{turn}")
        await until(partial(_is_replica, old), "an old master that has become a replica")


def _is_replica(server: RedisServer) -> bool:
    with server.client() as client:
        return bool(client.info("replication").get("master_link_status") == "up")
