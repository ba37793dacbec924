"""A thousand clients that wait for results: how soon an answer follows its result, and what waiting costs."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import uvloop

from benchmarks.measures.http.call import percentiles
from benchmarks.measures.waiting.streams import LEASE, QUEUE, result_of
from benchmarks.peers import GATEWAY
from benchmarks.running import Child, Stage, in_turns
from benchmarks.tables import Figure, Table
from jobgate.broker import Broker, ClaimedJob, JobRequest

POLLS = 1_000
#: Results of the first half of the jobs that are written each second; those of the other half come at once.
RATE = 200
#: Clients that connect at the same time.
AT_ONCE = 100
FIGURES = [
    Figure("p99", "ms from result to answer", more_is_better=False),
    Figure("p50", "ms", more_is_better=False),
    Figure("at-once", f"ms until the last answer of {POLLS // 2} results at once", more_is_better=False),
    Figure("memory", "MiB of the gateway", more_is_better=False),
    Figure("each", "KiB a poll", more_is_better=False),
    Figure("rest", "% of a core while nothing happens", more_is_better=False),
]


@dataclass
class Polls:
    """The clients' side: when each job's answer came."""

    port: int
    answered: dict[str, float] = field(default_factory=dict)

    async def poll(self, job_id: str, is_sent: asyncio.Event) -> None:
        """Wait for the result of one job."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET /jobs/{job_id}/result?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await writer.drain()
        is_sent.set()
        line = await reader.readline()
        self.answered[job_id] = time.perf_counter()
        assert b" 200 " in line, line
        writer.close()


async def _begun(polls: Polls, ids: Sequence[str]) -> list[asyncio.Task[None]]:
    """Begin to wait for all jobs, some at a time."""
    tasks = []
    for start in range(0, len(ids), AT_ONCE):
        sent = [(job_id, asyncio.Event()) for job_id in ids[start : start + AT_ONCE]]
        tasks += [asyncio.create_task(polls.poll(*one)) for one in sent]
        await asyncio.gather(*(is_sent.wait() for _, is_sent in sent))
    await asyncio.sleep(1)
    return tasks


async def _written_one_by_one(broker: Broker, jobs: Sequence[ClaimedJob]) -> dict[str, float]:
    """Write results at a steady rate; return when each writing began."""
    begun, start = {}, time.perf_counter()
    for number, job in enumerate(jobs):
        await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        begun[job.lease.job_id] = time.perf_counter()
        await broker.finish(job.lease, result_of(job), keep=60)
    return begun


async def _measured(stage: Stage, gateway: Child, port: int) -> Mapping[str, float]:
    polls, ids, alone = Polls(port), [f"job{number}" for number in range(POLLS)], gateway.memory
    async with Broker(stage.url) as broker:
        await broker.enqueue_many([JobRequest(function="f", job_id=one) for one in ids])
        jobs = (await broker.claim(QUEUE, POLLS, worker_id="w", token="w:1", lease=LEASE)).jobs
        tasks = await _begun(polls, ids)
        memory, cpu = gateway.memory, gateway.cpu
        await asyncio.sleep(2)
        rest = (gateway.cpu - cpu) / 2 * 100
        begun = await _written_one_by_one(broker, jobs[: POLLS // 2])
        start = time.perf_counter()
        finished = [broker.finish(job.lease, result_of(job), keep=60) for job in jobs[POLLS // 2 :]]
        await asyncio.gather(*finished, *tasks)
    took = sorted(polls.answered[job_id] - at for job_id, at in begun.items())
    each = (memory - alone) / POLLS * 1024
    last = (max(polls.answered.values()) - start) * 1000
    return {**percentiles(took), "at-once": last, "memory": memory, "each": each, "rest": rest}


def long_polls(stage: Stage) -> Table:
    """Measure a gateway of its own in each round."""

    def measure() -> Mapping[str, float]:
        with GATEWAY.running(stage) as (gateway, port):
            return uvloop.run(_measured(stage, gateway, port))

    table = Table("long-polls", f"{POLLS:,} waiting long polls on one gateway", FIGURES)
    table.notes = [f"Results of half of the jobs are written one by one, {RATE} a second, by one process."]
    return in_turns(table, stage, {"jobgate": measure})
