"""A bulk retry while gateways and workers are killed: each job is retried exactly once."""

from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from harness.forms import LONG
from harness.http.operations import end_due, enqueue_many
from harness.jobs.leases import let_run_out
from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, RunningGateway
from harness.waiting import eventually_async
from jobgate.broker import Broker

JOBS, KILLS = (10_000, 20) if LONG else (300, 2)
FUNCTIONS = """
async def add(ctx, number):
    return number

class WorkerSettings:
    functions = [add]
    keep_result = 3600
    lease = 2
"""


class BulkRetry:
    """The operation, as a gateway shows it."""

    def __init__(self, session: aiohttp.ClientSession, job_id: str) -> None:
        self._session = session
        self.job_id = job_id
        self._fraction = 0.0

    async def state(self, gateway: Process) -> dict[str, Any]:
        status, job, _ = await RunningGateway(gateway.url, self._session).get(f"/jobs/{self.job_id}/status")
        assert status == 200, job
        state: dict[str, Any] = job
        return state

    async def moves(self, gateway: Process) -> str:
        """Wait until it is further than before; return the name of the gateway that runs it."""

        async def has_moved() -> dict[str, Any] | None:
            state = await self.state(gateway)
            now = 1.0 if state["status"] == "complete" else (state["progress"] or {}).get("fraction", 0.0)
            moved, self._fraction = now > self._fraction, max(now, self._fraction)
            return state if moved or now == 1.0 else None

        state = await eventually_async(has_moved, timeout=60, what="progress") or {}
        return str(state["worker"])


async def retries(broker: Broker, ids: list[str]) -> list[str]:
    """The ids of the jobs as which these were retried; the second one of a job would have no other trace."""
    views = [await broker.view(job_id) for job_id in ids]
    return [view.retried_as for view in views if view is not None and view.retried_as is not None]


async def all_finished(broker: Broker) -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        page = await broker.finished_ids("arq:queue", cursor=cursor, limit=1000)
        ids += [job_id for job_id, _ in page.entries]
        cursor = page.cursor
        if not cursor:
            return ids


async def test_each_job_is_retried_once_whoever_is_killed(
    processes: Processes, valkey_server: RedisServer, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "bulk_functions.py").write_text(FUNCTIONS)

    def gateway() -> Process:
        # Few at once, so that a short operation is interrupted.
        return processes.gateway(redis_url, "--bulk-at-once", "50" if LONG else "2")

    def worker() -> Process:
        return processes.worker("bulk_functions.WorkerSettings", redis_url, cwd=tmp_path)

    async with Broker(redis_url) as broker, aiohttp.ClientSession() as session:
        ids = await enqueue_many(broker, (f"job-{number:05}" for number in range(JOBS)))
        assert len(await end_due(PlayedWorker(broker))) == JOBS
        gateways, workers = [gateway(), gateway()], [worker()]
        document = {"filter": {"function": "add"}, "limit": JOBS}
        _, job, _ = await RunningGateway(gateways[0].url, session).post("/bulk/retry", document)
        operation = BulkRetry(session, job["job_id"])
        for _ in range(KILLS):
            runs_it = f".{gateways[0].pid}." in await operation.moves(gateways[1])
            gateways.pop(0 if runs_it else 1).kill()
            workers.pop(0).kill()
            with valkey_server.client() as client:
                if client.zscore("arq:operations", operation.job_id) is not None:
                    let_run_out(client, operation.job_id, queue="arq:operations")  # else it takes 10 s
            gateways.append(gateway())
            workers.append(worker())
        path = f"/jobs/{operation.job_id}/result?wait=60"
        _, outcome, _ = await RunningGateway(gateways[0].url, session).get(path)
        expected = {"matched": JOBS, "retried": JOBS, "skipped": {}, "errors": [], "limit_reached": True}
        assert outcome["result"] == expected
        again = await retries(broker, ids)
        assert len(set(again)) == JOBS

        async def all_ended() -> bool:
            return len(await all_finished(broker)) >= 2 * JOBS

        await eventually_async(all_ended, timeout=120, what="the end of all jobs")
        assert Counter(await all_finished(broker)) == Counter([*ids, *again])
