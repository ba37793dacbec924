"""Workers of each version of stock arq, with a gateway before them, and somebody who calls it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.arq.stock import arq_worker
from harness.arq.versions import RUNNING_VERSIONS
from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import RunningGateway
from harness.waiting import eventually_async

#: A queue that nobody serves.
IDLE = "idle"
#: A queue for tests that start workers of their own.
MOVING = "moving"
WAIT = {"Prefer": "wait=30"}


class ArqFleet:
    """One server, one gateway, and one worker of each version, each with a queue of its own."""

    def __init__(self, processes: Processes, server: RedisServer) -> None:
        self.server = server
        self.workers = {
            version: arq_worker(
                processes, server.url, version=version, QUEUE=f"arq-{version}", POLL_DELAY="0.05"
            )
            for version in RUNNING_VERSIONS
        }
        self.queues = [f"arq-{version}" for version in RUNNING_VERSIONS]
        words = [word for queue in (*self.queues, IDLE, MOVING) for word in ("--queue", queue)]
        self.gateway = processes.gateway(server.url, "--serializer", "pickle", *words)
        for worker in self.workers.values():
            worker.wait_for_log("Starting worker for")


class Caller:
    """Asks the gateway for jobs on the queue of one version's worker."""

    def __init__(self, http: RunningGateway, queue: str, worker: Process) -> None:
        self.http = http
        self.queue = queue
        self.worker = worker

    async def call(self, function: str, *args: Any, **members: Any) -> Any:
        """Call a function and return its outcome."""
        document = {"args": args, "queue": self.queue, **members}
        status, body, headers = await self.http.post(f"/jobs/{function}", document, headers=WAIT)
        assert status == 200, body
        assert headers["Preference-Applied"] == "wait=30"
        return body

    async def enqueue(self, function: str, *args: Any, **members: Any) -> Any:
        """Enqueue a job and return it."""
        document = {"args": args, "queue": self.queue, **members}
        status, body, _ = await self.http.post(f"/jobs/{function}", document)
        assert status == 202, body
        return body

    async def job(self, job: Any) -> Any:
        """Look at a job."""
        status, body, _ = await self.http.get(f"/jobs/{job['job_id']}/status")
        assert status == 200, body
        return body

    async def result(self, job: Any) -> Any:
        """Wait for an outcome by long poll."""
        status, body, _ = await self.http.get(f"/jobs/{job['job_id']}/result?wait=30")
        assert status == 200, body
        return body

    async def listed(self, status: str = "") -> dict[str, str]:
        """List the jobs of the queue with this status, by default those that have not ended: id -> status.

        Those that stock arq's workers ended are in no index, so results are scanned.
        """
        jobs: dict[str, str] = {}
        cursor = ""
        while True:
            query = f"queue={self.queue}&limit=1000&cursor={cursor}" + (
                f"&scan=true&status={status}" if status else ""
            )
            code, page, _ = await self.http.get(f"/jobs?{query}")
            assert code == 200, page
            jobs |= {job["job_id"]: job["status"] for job in page["jobs"]}
            cursor = page["next_cursor"]
            if not cursor:
                return {one: now for one, now in jobs.items() if status or now != "complete"}

    async def abort(self, job: Any) -> tuple[int, Any]:
        """Abort a job and wait until it has stopped."""
        status, body, _ = await self.http.post(f"/jobs/{job['job_id']}/abort?wait=30")
        return status, body

    async def becomes(self, job: Any, status: str) -> Any:
        """Wait until a job has this status, and return it."""

        async def seen() -> Any:
            looked = await self.job(job)
            return looked if looked["status"] == status else None

        return await eventually_async(seen, what=status)

    async def starts(self, job: Any) -> Any:
        """Wait until a try of a job has been counted, and return the job."""

        async def seen() -> Any:
            looked = await self.job(job)
            return looked if looked["try"] else None

        return await eventually_async(seen, what="a try")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the worker, so that jobs stay where they are."""
        self.worker.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.worker.signal(signal.SIGCONT)
