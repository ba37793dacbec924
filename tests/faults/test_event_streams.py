"""Jobs that are watched while connections are cut and programs are killed.

No state is missed for good, for the end of each job is seen; none goes backwards; each stream ends.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from harness.forms import LONG
from harness.processes.commands import Process, Processes
from harness.servers.cutting_proxy import CuttingProxy, cutting_proxy
from harness.servers.redis_server import RedisServer
from harness.tools import free_port
from jobgate.broker import Broker
from jobgate.client import (
    Client,
    GatewayUnavailable,
    JobEvent,
    JobEventKind,
    JobExists,
    JobNotFound,
    JobStatus,
)

pytestmark = [pytest.mark.early, pytest.mark.timeout(900 if LONG else 150)]

JOBS = """
import asyncio, os
from jobgate.worker import Retry

async def steps(ctx, number):
    for step in range(1, 4):
        await asyncio.sleep(float(os.environ["STEP"]))
        await ctx["progress"](step / 4, f"step {step}")
    if number % 5 == 0 and ctx["job_try"] == 1:
        raise Retry(defer=1)
    if number % 7 == 0:
        raise ValueError(number)
    return number

class WorkerSettings:
    functions = [steps]
    max_jobs = 2000
"""
#: How many jobs, how many at a time, and the seconds of one of a job's three steps.
JOBS_WATCHED, AT_ONCE, STEP = (10_000, 200, 0.5) if LONG else (120, 120, 0.6)
#: Seconds between two cuts.
CUT_EVERY = 1.0
#: Seconds that a client keeps trying. A job whose worker was killed may have no news for so long, and no
#: connection lasts long enough to count as one.
PATIENCE = 300 if LONG else 60


@dataclass
class Fleet:
    """Two gateways, two workers and Redis, any of which may be killed and started again."""

    server: RedisServer
    processes: Processes
    folder: Path
    gateways: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)

    def start(self) -> None:
        for _ in range(2):
            self.gateways.append(self.processes.gateway(self.server.url, "--drain", "0", port=free_port()))
            self.workers.append(self._worker())

    def _worker(self) -> Process:
        environment = {**os.environ, "STEP": str(STEP)}
        url = self.server.url
        return self.processes.worker("watched.WorkerSettings", url, cwd=self.folder, env=environment)

    @property
    def ports(self) -> list[int]:
        return [int(gateway.url.rpartition(":")[2]) for gateway in self.gateways]

    def kill_gateway(self) -> None:
        port = self.ports[0]
        self.gateways[0].kill()
        self.gateways[0] = self.processes.gateway(self.server.url, "--drain", "0", port=port)

    def stop_gateway(self) -> None:
        port = self.ports[1]
        assert self.gateways[1].terminate() == 0, self.gateways[1].log
        self.gateways[1] = self.processes.gateway(self.server.url, "--drain", "0", port=port)

    def kill_worker(self) -> None:
        self.workers[0].kill()
        self.workers[0] = self._worker()

    async def faults(self, *, of_workers: bool) -> None:
        """Kill and restart one after the other."""
        more = [self.kill_worker] if of_workers else []
        for fault in (self.kill_gateway, self.server.restart, *more, self.stop_gateway):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(fault)


@pytest.fixture
def fleet(make_server: Any, processes: Processes, tmp_path: Path) -> Fleet:
    (tmp_path / "watched.py").write_text(JOBS)
    started = Fleet(make_server(), processes, tmp_path)
    started.start()
    return started


class Watchers:
    """Watch jobs and keep what was seen."""

    def __init__(self, enqueuer: Client, client: Client) -> None:
        self._enqueuer = enqueuer
        self._client = client
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.histories: dict[int, list[JobEvent]] = {}

    async def watch(self, number: int) -> None:
        async with self._turns:
            await self._enqueue(number)
            seen = self.histories[number] = []
            async for event in self._client.job(f"j{number}").events():
                seen.append(event)

    async def _enqueue(self, number: int) -> None:
        """Enqueue a job; its id makes that safe to repeat."""
        while True:
            with contextlib.suppress(GatewayUnavailable, JobExists):
                await self._enqueuer.enqueue("steps", number, _job_id=f"j{number}", _max_tries=50)
                return
            if await self._exists(number):
                return

    async def _exists(self, number: int) -> bool:
        try:
            await self._enqueuer.job(f"j{number}").info()
        except (GatewayUnavailable, JobNotFound):
            return False
        return True


#: What follows what in one try.
ORDER = {JobStatus.IN_PROGRESS: 0, JobStatus.DEFERRED: 1, JobStatus.QUEUED: 2, JobStatus.COMPLETE: 9}


def rank(event: JobEvent) -> tuple[int, int, float]:
    """The place of an event in the life of its job."""
    job = event.job
    if job.status is JobStatus.COMPLETE:
        return 1 << 30, 0, 0.0
    return job.tries, ORDER[job.status], job.progress.fraction if job.progress else 0.0


def check(seen: list[JobEvent], number: int, *, killed: bool) -> None:
    """Assert that a history is one that a job may have had."""
    story = [(event.kind.value, event.job.status.value, event.job.tries, event.job.worker) for event in seen]
    *before, last = seen
    assert last.kind is JobEventKind.FINISHED, story
    assert last.job.success is (number % 7 != 0), story
    assert all(event.kind is not JobEventKind.FINISHED for event in before), story
    highest = (0, 0, 0.0)
    for event in seen:
        # A try in which the worker was killed may be given back.
        assert rank(event) > highest or killed, story
        highest = rank(event)


@contextlib.asynccontextmanager
async def watchers(fleet: Fleet) -> AsyncIterator[tuple[Watchers, CuttingProxy]]:
    async with (
        cutting_proxy(*fleet.ports) as proxy,
        Client(
            proxy.url, registry=CollectorRegistry(), max_connections=AT_ONCE + 10, request_timeout=PATIENCE
        ) as client,
        Client(fleet.server.url, registry=CollectorRegistry(), request_timeout=60) as enqueuer,
    ):
        yield Watchers(enqueuer, client), proxy


@pytest.mark.parametrize("of_workers", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_jobs_are_seen_to_their_end(fleet: Fleet, of_workers: bool) -> None:
    async with watchers(fleet) as (watching, proxy), asyncio.TaskGroup() as helpers:
        cutting = helpers.create_task(proxy.cut_every(CUT_EVERY))
        killing = helpers.create_task(fleet.faults(of_workers=of_workers))
        await asyncio.gather(*(watching.watch(number) for number in range(JOBS_WATCHED)))
        cutting.cancel()
        await killing
    for number, seen in watching.histories.items():
        check(seen, number, killed=of_workers)
    assert len(watching.histories) == JOBS_WATCHED
    assert proxy.cuts > 0
    for gateway in fleet.gateways:
        assert "Traceback" not in gateway.log
    async with Broker(fleet.server.url) as broker:
        assert await broker._core.link.command("KEYS", "arq:job:*") == []
