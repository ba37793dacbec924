"""Drain a queue of no-op jobs with workers as users run them: their command, its default log in a file.

python -m benchmarks.command_line [--rounds 3] [--jobs 60000] [--arq-jobs 4000] [--workers N]

Prints for each worker the jobs a second, and the CPU time that its processes and Redis spend on one job. On a
busy machine the CPU time says more. All figures are of the middle of the drain: start and end do not count.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import redis

from benchmarks.processes import cpu_seconds
from jobgate.broker import Broker, JobRequest
from jobgate.broker.embedded import EmbeddedServer

ROOT = Path(__file__).parent.parent
QUEUE = "arq:queue"
#: Jobs in one call of the broker.
BATCH = 1_000
#: Shares of the jobs that are done when measuring begins and ends.
BEGIN, END = 0.1, 0.95
#: Seconds between two looks, and until a worker must have done something.
LOOK, PATIENCE = 0.02, 60.0


@dataclass(frozen=True)
class Program:
    """A worker that is measured."""

    name: str
    #: Its command.
    words: Sequence[str]
    #: Fills its queue with this many jobs.
    enqueue: Callable[[int], None]
    jobs: int
    #: Returns how many jobs have not ended.
    pending: Callable[["redis.Redis"], int]


@dataclass(frozen=True)
class Look:
    """What was seen at one time."""

    at: float
    done: int
    worker_cpu: float
    redis_cpu: float


@dataclass(frozen=True)
class Figures:
    """One drain."""

    jobs_per_second: float
    #: Microseconds of CPU time for each job.
    worker_us: float
    redis_us: float

    @classmethod
    def between(cls, begin: Look, end: Look) -> "Figures":
        """Return the figures of the time between two looks."""
        jobs = end.done - begin.done
        return cls(
            jobs / (end.at - begin.at),
            (end.worker_cpu - begin.worker_cpu) / jobs * 1e6,
            (end.redis_cpu - begin.redis_cpu) / jobs * 1e6,
        )


def drain(program: Program, server: EmbeddedServer) -> Figures:
    """Fill the queue, start the worker, and measure until almost all jobs are done."""
    with redis.Redis(port=server.port) as client, tempfile.TemporaryFile() as log:
        client.flushall()
        program.enqueue(program.jobs)
        environment = {**os.environ, "BENCHMARK_PORT": str(server.port)}
        worker = subprocess.Popen(program.words, cwd=ROOT, stdout=log, stderr=log, env=environment)
        try:
            looks = _watch(program, client, worker.pid, server.pid or 0)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read(5_000).decode())
            raise
        finally:
            worker.terminate()
            worker.wait()
    return Figures.between(looks[0], looks[-1])


def _watch(program: Program, client: "redis.Redis", worker: int, server: int) -> list[Look]:
    looks: list[Look] = []
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done = program.jobs - program.pending(client)
        look = Look(time.monotonic(), done, cpu_seconds(worker), cpu_seconds(server))
        if done > END * program.jobs:
            return looks if looks[1:] else [*looks, look]
        if done > BEGIN * program.jobs:
            looks.append(look)
        time.sleep(LOOK)
    raise SystemExit(f"{program.name} has done {done} of {program.jobs} jobs in {PATIENCE:.0f} s.")


def in_queue(client: "redis.Redis") -> int:
    """Return the number of jobs in the queue of arq and jobgate; those that run are among them."""
    return int(client.zcard(QUEUE))


def jobgate(server: EmbeddedServer, jobs: int, *options: str) -> Program:
    """Return jobgate's worker."""
    words = [sys.executable, "-m", "jobgate.cli", "worker", "benchmarks.functions.WorkerSettings"]
    words += ["--redis", server.url, *options]

    def enqueue(count: int) -> None:
        asyncio.run(_enqueue(server.url, count))

    return Program("jobgate", words, enqueue, jobs, in_queue)


async def _enqueue(url: str, jobs: int) -> None:
    async with Broker(url) as broker:
        for _ in range(0, jobs, BATCH):
            await broker.enqueue_many([JobRequest(function="noop")] * BATCH)


def arq(server: EmbeddedServer, jobs: int, python: str) -> Program:
    """Return arq's worker."""
    words = [str(Path(python).parent / "arq"), "benchmarks.arq_settings.WorkerSettings"]

    def enqueue(count: int) -> None:
        environment = {**os.environ, "BENCHMARK_PORT": str(server.port)}
        enqueuing = [python, "-m", "benchmarks.arq_settings", str(count)]
        subprocess.run(enqueuing, cwd=ROOT, check=True, env=environment)

    return Program("arq", words, enqueue, jobs, in_queue)


def report(name: str, rounds: Sequence[Figures], best: Sequence[Figures]) -> str:
    """Return the medians of all rounds in one line, and the ratios to the first program."""
    speeds = [each.jobs_per_second for each in rounds]
    worker, server = (median(getattr(each, field) for each in rounds) for field in ("worker_us", "redis_us"))
    ratio = median(a.jobs_per_second / b.jobs_per_second for a, b in zip(best, rounds, strict=True))
    cpu_ratio = median(b.worker_us / a.worker_us for a, b in zip(best, rounds, strict=True))
    return (
        f"{name:12s} {median(speeds):9,.0f} jobs/s ({min(speeds):,.0f} to {max(speeds):,.0f}), "
        f"{worker:7.1f} µs CPU a job, Redis {server:6.1f} µs; "
        f"jobgate does {ratio:5.2f} x the jobs/s, at 1/{cpu_ratio:.2f} of the CPU time"
    )


def measure(programs: Sequence[Program], server: EmbeddedServer, rounds: int) -> list[list[Figures]]:
    """Drain with all programs in turn, and show each drain on standard error."""
    figures: list[list[Figures]] = [[] for _ in programs]
    for number in range(rounds):
        for program, found in zip(programs, figures, strict=True):
            found.append(drain(program, server))
            print(f"round {number + 1}: {program.name}: {found[-1]}", file=sys.stderr)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=60_000)
    parser.add_argument("--arq-jobs", type=int, default=4_000, help="0 = do not measure arq")
    parser.add_argument("--arq-python", default=".venv-arq/0.28.0/bin/python", help="a Python that has arq")
    parser.add_argument("--workers", type=int, help="also measure so many of jobgate's processes")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder), options={"appendonly": "no"}) as server,
    ):
        programs = [jobgate(server, options.jobs)]
        if options.workers:
            programs.append(jobgate(server, options.jobs, "--workers", str(options.workers)))
        if options.arq_jobs:
            programs.append(arq(server, options.arq_jobs, options.arq_python))
        figures = measure(programs, server, options.rounds)
    for program, rounds in zip(programs, figures, strict=True):
        print(report(program.name, rounds, figures[0]))


if __name__ == "__main__":
    main()
