"""Enqueue, and enqueue and wait, from Python programs that talk to Redis themselves."""

import shutil
import subprocess
from collections.abc import Callable, Mapping

from benchmarks.measures.http.call import percentiles
from benchmarks.peers import PEERS, STREAQ, Peer
from benchmarks.running import Failed, Stage, in_turns
from benchmarks.tables import Figure, Table

#: Jobs that are enqueued together, and one after another.
MANY = {"jobgate": 50_000, "arq": 5_000, "saq": 8_000, "taskiq": 8_000, "streaq": 10_000}
ALONE = 2_000
#: Calls one after another, and 64 at once.
CALLS = {
    "jobgate": (1_000, 6_400),
    "arq": (4, 192),
    "saq": (300, 1_280),
    "taskiq": (15, 640),
    "streaq": (30, 640),
}
AT_ONCE = 64
#: With more at once streaQ's calls never return: their subscriptions take all connections.
AT_ONCE_STREAQ = 32
CEILING = "redis-benchmark"


def enqueue_redis(stage: Stage) -> Table:
    """Compare producers."""
    figures = [
        Figure("rate", "jobs/s, many", more_is_better=True),
        Figure("alone", "jobs/s, one after another", more_is_better=True),
        Figure("redis", "µs of processor/job", more_is_better=False),
    ]
    table = Table("enqueue-redis", "Enqueue from Python through Redis", figures)
    table.notes = [
        "Many: `enqueue_many` of jobgate and streaQ, 100 calls at once of SAQ and 50 of taskiq, whose pools "
        "do not stand more, and one call after another of arq, which has no other way.",
        "redis-benchmark is the ceiling: `SET` of a small value over 64 connections, and over one.",
    ]
    contenders = {name: _producer(stage, peer) for name, peer in PEERS.items()}
    return in_turns(table, stage, contenders | {CEILING: lambda: _ceiling(stage)})


def _producer(stage: Stage, peer: Peer) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        jobs, cpu = stage.scaled(MANY[peer.name]), stage.redis_cpu
        many = peer.enqueue(stage, jobs)
        cpu = stage.redis_cpu - cpu
        alone = peer.enqueue_one_by_one(stage, stage.scaled(ALONE))
        return {
            "rate": jobs / many.seconds,
            "alone": stage.scaled(ALONE) / alone.seconds,
            "redis": cpu / jobs * 1e6,
        }

    return measure


def _ceiling(stage: Stage) -> Mapping[str, float]:
    found = shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")
    if not found:
        raise Failed("redis-benchmark is not installed.")

    def rate(clients: int, requests: int) -> float:
        words = [found, "-p", str(stage.port), "-c", str(clients), "-n", str(requests), "-t", "set", "--csv"]
        line = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        return float(line.split(",")[1].strip('"'))

    return {"rate": rate(64, stage.scaled(200_000)), "alone": rate(1, stage.scaled(30_000))}


def call_redis(stage: Stage) -> Table:
    """Compare calls."""
    figures = [
        Figure("p50", "ms, one after another", more_is_better=False),
        Figure("p99", "ms", more_is_better=False),
        Figure("p99.9", "ms", more_is_better=False),
        Figure("rate", "calls/s, 64 at once", more_is_better=True),
    ]
    table = Table("call-redis", "Enqueue and wait from Python through Redis", figures)
    table.notes = [
        "SAQ waits with `Job.refresh`, which listens; `Queue.apply` polls, and a call takes a second.",
        "arq, taskiq and streaQ wait as their documents show; arq and taskiq poll.",
        f"streaQ makes {AT_ONCE_STREAQ} calls at once: with 64 from one process they never return.",
    ]
    return in_turns(table, stage, {name: _caller(stage, peer) for name, peer in PEERS.items()})


def _caller(stage: Stage, peer: Peer) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        few, many = CALLS[peer.name]
        with peer.worker(stage):
            peer.wait_until_ready(stage)
            alone = peer.calls(stage, stage.scaled(few))
            at_once = AT_ONCE_STREAQ if peer is STREAQ else AT_ONCE
            together = peer.calls(stage, max(at_once, stage.scaled(many)), at_once)
        return {**percentiles(alone.took), "rate": len(together.took) / together.seconds}

    return measure
