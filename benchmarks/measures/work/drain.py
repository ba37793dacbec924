"""Drains of a queue of no-op jobs, each by the worker's own command with its default log in a file.

The figures are of the middle of a drain: start and end do not count. What is left is counted from outside.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.peers import ARQ, JOBGATE, PEERS, SAQ, STREAQ, TASKIQ, Peer
from benchmarks.running import Child, Failed, Stage, in_turns
from benchmarks.tables import Figure, Table

#: Shares of the jobs that are done when measuring begins and ends.
BEGIN, END = 0.1, 0.95
#: Seconds between two looks, and until all must be done.
LOOK, PATIENCE = 0.02, 90.0
#: Jobs of a drain: about four seconds of work for each program.
JOBS = {"jobgate": 60_000, "arq": 4_000, "saq": 6_000, "taskiq": 6_000, "streaq": 4_000}
#: As many workers as are compared, each a process.
FLEET = (1, 2, 4, 8)
TYPED_ARGS = (42, "Ann", 9.5, "2026-01-31T12:00:00Z", ["a", "b"])
FIGURES = [
    Figure("rate", "jobs/s", more_is_better=True),
    Figure("worker", "µs of processor/job", more_is_better=False),
    Figure("redis", "µs of processor/job", more_is_better=False),
    Figure("commands", "commands/job"),
    Figure("memory", "MiB", more_is_better=False),
]


@dataclass(frozen=True)
class Look:
    """What was seen at one time."""

    at: float
    done: int
    worker_cpu: float
    redis_cpu: float
    #: Commands that Redis has run, also inside of scripts.
    commands: int
    worker_memory: float


def figures_between(begin: Look, end: Look) -> dict[str, float]:
    """Return the figures of the time between two looks."""
    jobs = end.done - begin.done
    return {
        "rate": jobs / (end.at - begin.at),
        "worker": (end.worker_cpu - begin.worker_cpu) / jobs * 1e6,
        "redis": (end.redis_cpu - begin.redis_cpu) / jobs * 1e6,
        "commands": (end.commands - begin.commands) / jobs,
        "memory": end.worker_memory,
    }


def watch(stage: Stage, peer: Peer, worker: Child, jobs: int) -> dict[str, float]:
    """Measure a worker that drains so many jobs."""
    looks: list[Look] = []
    deadline = time.monotonic() + PATIENCE
    with stage.client() as client:
        while time.monotonic() < deadline:
            done = jobs - peer.left(client)
            commands = int(client.info("stats")["total_commands_processed"])
            # Two of these commands are our own.
            commands -= 2 * len(looks)
            look = Look(time.monotonic(), done, worker.cpu, stage.redis_cpu, commands, worker.memory)
            if looks and done > END * jobs:
                return figures_between(looks[0], look)
            if done > BEGIN * jobs:
                looks.append(look)
            time.sleep(LOOK)
    raise Failed(f"{done} of {jobs} jobs were done in {PATIENCE:.0f} s.")


def drained(
    stage: Stage,
    peer: Peer,
    jobs: int,
    *options: str,
    at_once: int | None = 100,
    job: tuple[str, Sequence[Any]] = ("noop", ()),
) -> dict[str, float]:
    """Fill the queue, start the worker, and measure until almost all jobs are done."""
    jobs = stage.scaled(jobs)
    peer.enqueue(stage, jobs, *job)
    with peer.worker(stage, *options, at_once=at_once) as worker:
        return watch(stage, peer, worker, jobs)


def drain(stage: Stage) -> Table:
    """Compare one worker of each, with 100 jobs at once."""
    table = Table("drain", "No-op jobs drained by one worker, 100 at once", FIGURES)
    table.notes = [
        "SAQ logs nothing by default; the others log two lines a job, to a file.",
        "jobgate drains 60,000 jobs, the others 4,000 to 6,000: about four seconds of work for each.",
        "taskiq and jobgate run on uvloop, as their commands do where it is installed.",
    ]
    return in_turns(
        table, stage, {name: partial(drained, stage, peer, JOBS[name]) for name, peer in PEERS.items()}
    )


def drain_defaults(stage: Stage) -> Table:
    """Compare one worker of each, with as many jobs at once as it takes by itself."""
    table = Table("drain-defaults", "No-op jobs drained by one worker, its own default concurrency", FIGURES)
    table.notes = ["Jobs at once: jobgate 10, arq 10, SAQ 10, taskiq 100, streaQ 16."]
    jobs = {JOBGATE: 40_000, ARQ: 800, SAQ: 6_000, TASKIQ: 6_000, STREAQ: 4_000}
    return in_turns(
        table,
        stage.once,
        {peer.name: partial(drained, stage, peer, count, at_once=None) for peer, count in jobs.items()},
    )


def drain_fleet(stage: Stage) -> Table:
    """Compare one to eight processes of a worker."""
    table = Table("drain-fleet", "No-op jobs drained by several worker processes", FIGURES)
    table.notes = ["Redis and this process, which looks, share the processors with the workers."]
    return in_turns(
        table,
        stage.once,
        {
            f"{count} processes": partial(drained, stage, JOBGATE, JOBS["jobgate"], "--workers", str(count))
            for count in FLEET
        },
    )


def drain_typed(stage: Stage) -> Table:
    """Compare jobs with five typed arguments with the same jobs without types."""
    table = Table("drain-typed", "Jobs with five arguments drained by one worker", FIGURES)
    return in_turns(
        table,
        stage,
        {
            name: partial(drained, stage, JOBGATE, 40_000, job=(function, TYPED_ARGS))
            for name, function in (("jobgate", "typed"), ("untyped", "untyped"))
        },
    )
