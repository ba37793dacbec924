"""What grows with a queue: the cost of an enqueue, a claim, a status, a list, and Redis' memory."""

import asyncio
import itertools
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from statistics import median

from benchmarks.peers import ARQ, GATEWAY, JOBGATE, Peer
from benchmarks.running import Stage, in_turns
from benchmarks.tables import Figure, Table
from jobgate.broker import Broker, ClaimedJob, JobRequest

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
#: Jobs in one call that enqueues or claims, and how many are measured at each length.
BATCH, SAMPLE = 100, 1_000
#: Times that a sample is taken; the least counts, for whatever else runs only adds to it.
SAMPLES = 15
#: Requests for a status and for a list at each length.
LOOKS = 30
#: Jobs of which the memory is compared.
STORED = 20_000
QUEUE = "arq:queue"
ARGS = [42, "de", "a key"]


def backlog(stage: Stage) -> Table:
    """Let a queue grow, and measure at some lengths. All is of one queue, in one round."""
    figures = [
        Figure("claim", "µs of Redis' processor/job", more_is_better=False),
        Figure("enqueue", "µs of Redis' processor/job", more_is_better=False),
        Figure("status", "ms of a request", more_is_better=False),
        Figure("list", "ms of a page of 100", more_is_better=False),
        Figure("stored", "bytes/job", more_is_better=False),
    ]
    lengths = LENGTHS[:-1] if stage.is_quick else LENGTHS
    table = Table("backlog", "A long queue of one worker and one gateway", figures)

    def measure() -> Mapping[str, float]:
        with GATEWAY.running(stage) as (_, port):
            empty, found = _memory(stage), {}
            for length in lengths:
                found = asyncio.run(_at_length(stage, port, length))
                found["stored"] = (_memory(stage) - empty) / length
                table.add(f"{length:,} jobs", found)
        return found

    in_turns(table, stage.once, {f"{lengths[-1]:,} jobs": measure})
    for values in table.rows[f"{lengths[-1]:,} jobs"].values() if table.rows else ():
        del values[1:]  # the last length was added above
    return table


async def _at_length(stage: Stage, port: int, length: int) -> dict[str, float]:
    async with Broker(stage.url) as broker:
        with stage.client() as client:
            missing = length - int(client.zcard(QUEUE))
        for start in range(0, missing, 1_000):
            await broker.enqueue_many(_requests(min(1_000, missing - start)))

        async def claimed() -> None:
            jobs = (
                await broker.claim(QUEUE, BATCH, worker_id="w", token=f"w:{next(numbers)}", lease=60)
            ).jobs
            assert len(jobs) == BATCH, f"{len(jobs)} of {BATCH} jobs were claimed"
            running.extend(jobs)

        running: list[ClaimedJob] = []
        numbers = itertools.count()
        claims, enqueues = [], []
        for _ in range(SAMPLES):
            claims.append(await _redis_us(stage, claimed))
            # All go back: a job that runs costs a claim a look.
            await broker.release(running)
            running.clear()
            enqueues.append(await _redis_us(stage, lambda: broker.enqueue_many(_requests(BATCH))))
        job_id = (await broker.enqueue(JobRequest(function="noop", args=ARGS))).job_id
    return {
        "claim": min(claims),
        "enqueue": min(enqueues),
        "status": _request_ms(port, f"/jobs/{job_id}/status"),
        "list": _request_ms(port, "/jobs?status=queued&limit=100"),
    }


def _requests(count: int) -> list[JobRequest]:
    return [JobRequest(function="noop", args=ARGS) for _ in range(count)]


async def _redis_us(stage: Stage, batch: Callable[[], Awaitable[object]]) -> float:
    """Return what a job of some batches takes of Redis."""
    before = stage.redis_cpu
    for _ in range(SAMPLE // BATCH):
        await batch()
    return (stage.redis_cpu - before) / SAMPLE * 1e6


def _request_ms(port: int, path: str) -> float:
    took = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            answer.read()
        took.append((time.perf_counter() - begun) * 1000)
    return median(took)


def _memory(stage: Stage) -> int:
    with stage.client() as client:
        return int(client.info("memory")["used_memory"])


def memory(stage: Stage) -> Table:
    """Compare what a queued job takes of Redis' memory."""
    figures = [Figure("stored", "bytes/job", more_is_better=False)]
    jobs = stage.scaled(STORED)
    table = Table("memory", f"Redis' memory for a queued job with three arguments, of {jobs:,}", figures)
    table.notes = ["arq pickles jobs, jobgate writes them as JSON: both by default."]

    def measure(peer: Peer) -> Mapping[str, float]:
        empty = _memory(stage)
        peer.enqueue(stage, jobs, "noop", ARGS)
        return {"stored": (_memory(stage) - empty) / jobs}

    return in_turns(table, stage, {peer.name: partial(measure, peer) for peer in (JOBGATE, ARQ)})
