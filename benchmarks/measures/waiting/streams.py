"""What many event streams cost one gateway: memory and time, at rest and while their jobs change."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

from benchmarks.peers import GATEWAY
from benchmarks.running import Child, Stage, in_turns
from benchmarks.tables import Figure, Table
from jobgate.broker import Broker, ClaimedJob, JobRequest, JobResult

QUEUE = "arq:queue"
STREAMS = 1000
#: Progress reports a second, over all jobs, and for how many seconds.
RATE, SECONDS = 200, 4.0
#: No lease runs out while it is measured.
LEASE = 3600.0


@dataclass
class Streams:
    """The clients' side: counts events, and notes when each arrives."""

    events: int = 0
    ended: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, port: int, job_id: str) -> None:
        """Read one stream to its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /jobs/{job_id}/events HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        async for line in reader:
            if line.startswith(b"event: "):
                self.events += 1
                self.arrived.set()
        self.ended += 1
        self.arrived.set()
        writer.close()

    async def reach(self, events: int, ended: int = 0) -> None:
        """Return when so many events have arrived and so many streams have ended."""
        async with asyncio.timeout(120):
            while self.events < events or self.ended < ended:
                await self.arrived.wait()
                self.arrived.clear()


def result_of(claimed: ClaimedJob) -> JobResult:
    """A success of a claimed job."""
    now = int(time.time() * 1000)
    return JobResult(
        job_id=claimed.lease.job_id,
        function="f",
        args=[],
        kwargs={},
        tries=1,
        success=True,
        result=1,
        enqueue_time_ms=now,
        start_time_ms=now,
        finish_time_ms=now,
        queue=QUEUE,
    )


def share(child: Child, before: float, since: float) -> float:
    """Return the part of a core, in percent, that a process has taken since some time."""
    return 100 * (child.cpu - before) / (time.perf_counter() - since)


async def one_round(redis_url: str, port: int, child: Child) -> dict[str, float]:
    """Open streams, let them rest, let their jobs change, and end them."""
    streams, alone = Streams(), child.memory
    ids = [f"job{number}" for number in range(STREAMS)]
    async with Broker(redis_url) as broker:
        await broker.enqueue_many([JobRequest(function="f", job_id=one) for one in ids])
        before = child.cpu
        reading = [asyncio.create_task(streams.follow(port, one)) for one in ids]
        await streams.reach(len(ids))
        figures = {
            "each": (child.memory - alone) / STREAMS * 1024,
            "open": (child.cpu - before) / STREAMS * 1e6,
        }
        await asyncio.sleep(1)
        before, start = child.cpu, time.perf_counter()
        await asyncio.sleep(SECONDS)
        figures["rest"] = share(child, before, start)
        claim = await broker.claim(QUEUE, STREAMS, worker_id="w", token="w:1", lease=LEASE)
        await streams.reach(2 * STREAMS)
        figures["changes"] = await changing(streams, broker, child, claim.jobs)
        before = child.cpu
        finished = [broker.finish(job.lease, result_of(job), keep=60) for job in claim.jobs]
        await asyncio.gather(*finished, *reading)
        return figures | {"end": (child.cpu - before) / STREAMS * 1e6}


async def changing(streams: Streams, broker: Broker, child: Child, jobs: Sequence[ClaimedJob]) -> float:
    """Report progress of one job after the other; return what that takes of a core, in percent."""
    before, expected, start = child.cpu, streams.events, time.perf_counter()
    changes = int(RATE * SECONDS)
    for number in range(changes):
        await broker.report_progress(jobs[number % len(jobs)].lease, number / changes, f"step {number}")
        await asyncio.sleep(max(0.0, start + (number + 1) / RATE - time.perf_counter()))
    await streams.reach(expected + changes)
    return share(child, before, start)


def streams(stage: Stage) -> Table:
    """Measure a gateway of its own in each round: Python keeps memory that it has once taken."""
    figures = [
        Figure("each", "KiB a stream", more_is_better=False),
        Figure("rest", "% of a core at rest", more_is_better=False),
        Figure("changes", f"% of a core with {RATE} changes/s", more_is_better=False),
        Figure("open", "µs of processor to open one", more_is_better=False),
        Figure("end", "µs of processor to end one", more_is_better=False),
    ]

    def measure() -> dict[str, float]:
        with GATEWAY.running(stage) as (child, port):
            return uvloop.run(one_round(stage.url, port, child))

    table = Table("streams", f"{STREAMS:,} event streams on one gateway", figures)
    return in_turns(table, stage.once, {"jobgate": measure})
