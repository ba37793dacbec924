"""The workers that are compared: how each is started as its documents say, is filled, and is watched."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import redis

from benchmarks.peers.environments import executable
from benchmarks.programs.server_url import CONCURRENCY, REDIS_URL
from benchmarks.running import ROOT, Child, Failed, Stage, child, environment


@dataclass(frozen=True)
class Produced:
    """What a producer took."""

    #: All of it, without its start.
    seconds: float
    #: Seconds of each call, sorted.
    took: list[float]


#: Seconds in which a worker must start.
PATIENCE = 30.0


@dataclass(frozen=True)
class Peer:
    """A worker and its producer."""

    #: Its name; its environment has the same name.
    name: str
    #: The program and arguments that start a worker.
    command: tuple[str, ...]
    #: Returns how many of its jobs have not ended.
    left: Callable[["redis.Redis"], int]
    #: Option that says how many jobs run at once; those without one find it in a variable.
    concurrency_option: str | None = None

    def worker(self, stage: Stage, *options: str, at_once: int | None = 100) -> AbstractContextManager[Child]:
        """Run a worker until the block ends.

        Args:
            stage: Where it runs.
            options: Further arguments.
            at_once: Jobs that it runs at once; None = its own default.
        """
        program, *arguments = self.command
        more = [self.concurrency_option, str(at_once)] if self.concurrency_option and at_once else []
        words = [executable(self.name, program), *arguments, *more, *options]
        return child(*words, variables=self._variables(stage, at_once))

    def enqueue(self, stage: Stage, jobs: int, function: str = "noop", args: Sequence[Any] = ()) -> Produced:
        """Enqueue jobs as one does that has many."""
        return self._produce(stage, "many", str(jobs), function, json.dumps(args))

    def enqueue_one_by_one(self, stage: Stage, jobs: int) -> Produced:
        """Enqueue no-op jobs one after another."""
        return self._produce(stage, "one", str(jobs))

    def calls(self, stage: Stage, calls: int, at_once: int = 1) -> Produced:
        """Call a no-op and wait, so many at a time from one process."""
        return self._produce(stage, "call", str(calls), str(at_once))

    def wait_until_ready(self, stage: Stage) -> None:
        """Return when a worker has done a job. SAQ's sometimes sweeps a first job away."""
        self.enqueue(stage, 1)
        self.wait_until_done(stage)

    def wait_until_done(self, stage: Stage) -> None:
        """Return when no job is left."""
        deadline = time.monotonic() + PATIENCE
        with stage.client() as client:
            while self.left(client):
                if time.monotonic() > deadline:
                    raise Failed(f"The worker of {self.name} has done nothing.")
                time.sleep(0.01)

    def _produce(self, stage: Stage, *arguments: str) -> Produced:
        words = [executable(self.name, "python"), "-m", f"benchmarks.programs.{self.name}_jobs", *arguments]
        variables = environment(self._variables(stage, None))
        done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True, env=variables)
        if done.returncode:
            raise Failed(f"{' '.join(words)}\n{done.stderr[-1_000:]}")
        return Produced(**json.loads(done.stdout.splitlines()[-1]))

    def _variables(self, stage: Stage, at_once: int | None) -> dict[str, str]:
        found = {REDIS_URL: stage.url, "JOBGATE_REDIS_URL": stage.url}
        return found | ({CONCURRENCY: str(at_once)} if at_once else {})


def _in_sorted_set(key: str) -> Callable[["redis.Redis"], int]:
    return lambda client: int(client.zcard(key))


def _left_of_taskiq(client: "redis.Redis") -> int:
    """Return the messages that no worker has read or acknowledged: the stream keeps all of them."""
    if not client.exists("taskiq"):
        return 0
    groups = client.xinfo_groups("taskiq")
    return sum(int(group["lag"] or 0) + int(group["pending"]) for group in groups)


def _left_of_streaq(client: "redis.Redis") -> int:
    return int(client.xlen("streaq:default:queues:normal"))


JOBGATE = Peer(
    "jobgate",
    ("jobgate", "worker", "benchmarks.programs.jobgate_jobs.WorkerSettings"),
    _in_sorted_set("arq:queue"),
)
ARQ = Peer("arq", ("arq", "benchmarks.programs.arq_jobs.WorkerSettings"), _in_sorted_set("arq:queue"))
SAQ = Peer("saq", ("saq", "benchmarks.programs.saq_jobs.settings"), _in_sorted_set("saq:default:incomplete"))
# It starts two processes by default; this is about one.
TASKIQ = Peer(
    "taskiq",
    ("taskiq", "worker", "--workers", "1", "benchmarks.programs.taskiq_jobs:broker"),
    _left_of_taskiq,
    "--max-async-tasks",
)
STREAQ = Peer("streaq", ("streaq", "run", "benchmarks.programs.streaq_jobs:worker"), _left_of_streaq)
PEERS = {peer.name: peer for peer in (JOBGATE, ARQ, SAQ, TASKIQ, STREAQ)}
