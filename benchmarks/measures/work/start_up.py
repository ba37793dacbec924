"""How long programs take to start, and what they hold at rest."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from benchmarks.peers import FRONTS, PEERS, Front, Peer
from benchmarks.running import ROOT, Stage, in_turns, load
from benchmarks.tables import Figure, Table

#: Seconds after which a program that has started is at rest, and for which it is then watched.
SETTLE, REST = 1.0, 3.0
WORKERS = [
    Figure("start", "s from the command to the end of the first job", more_is_better=False),
    Figure("cpu", "s of processor until then", more_is_better=False),
    Figure("memory", "MiB at rest", more_is_better=False),
    Figure("idle", "% of a core at rest", more_is_better=False),
    Figure("commands", "Redis commands/s at rest", more_is_better=False),
]


def start_worker(stage: Stage) -> Table:
    """Compare workers that find one job."""
    table = Table("start-worker", "Start of a worker, and the worker at rest", WORKERS)
    table.notes = ["Redis commands are counted with those inside of scripts."]
    return in_turns(table, stage.once, {name: _worker(stage, peer) for name, peer in PEERS.items()})


def _worker(stage: Stage, peer: Peer) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        peer.enqueue(stage, 1)
        begun = time.perf_counter()
        with peer.worker(stage) as worker:
            peer.wait_until_done(stage)
            figures = {"start": time.perf_counter() - begun, "cpu": worker.cpu}
            time.sleep(SETTLE)
            cpu, commands = worker.cpu, stage.commands
            time.sleep(REST)
            return figures | {
                "memory": worker.memory,
                "idle": (worker.cpu - cpu) / REST * 100,
                "commands": (stage.commands - commands - 1) / REST,
            }

    return measure


def start_gateway(stage: Stage) -> Table:
    """Compare fronts that answer their first request that enqueues."""
    figures = [
        Figure("start", "s from the command to the first job that is enqueued", more_is_better=False),
        Figure("cpu", "s of processor until then", more_is_better=False),
        Figure("memory", "MiB at rest", more_is_better=False),
        Figure("idle", "% of a core at rest", more_is_better=False),
    ]
    table = Table("start-gateway", "Start of an HTTP front, and the front at rest", figures)
    return in_turns(table, stage.once, {front.name: _front(stage, front) for front in FRONTS})


def _front(stage: Stage, front: Front) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        begun = time.perf_counter()
        with front.running(stage) as (server, port):
            load.run(port, front.request(), connections=1, requests=1, expected=front.status)
            figures = {"start": time.perf_counter() - begun, "cpu": server.cpu}
            time.sleep(SETTLE)
            cpu = server.cpu
            time.sleep(REST)
            return figures | {"memory": server.memory, "idle": (server.cpu - cpu) / REST * 100}

    return measure


def start_typed(stage: Stage) -> Table:
    """Measure what type hints add to the start of a worker."""
    figures = [Figure("start", "s", more_is_better=False)]
    words = [sys.executable, "-m", "benchmarks.programs.many_functions"]

    def measure() -> Mapping[str, float]:
        done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
        return {"start": float(done.stdout)}

    table = Table("start-typed", "500 typed functions described and published as a worker starts", figures)
    return in_turns(table, stage, {"jobgate": measure})
