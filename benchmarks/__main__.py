"""Run all benchmarks on one private server and print them as ratios.

python -m benchmarks [--rounds 3] [--arq-python PATH] [--only enqueue]
"""

import argparse
import asyncio
import contextlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import redis

from benchmarks import books, crowd, lines, listing, load, streams
from benchmarks.marks import Mark, paired
from benchmarks.processes import ROOT, Child, free_port, gateway, process
from jobgate.broker import Broker
from jobgate.broker.embedded import EmbeddedServer

BODY = b'{"args":[42,"de"],"kwargs":{"key":"value"}}'
TYPED = b'{"args":[42,"Ann",9.5,"2026-01-31T12:00:00Z",["a","b"]]}'
FINISHED_JOBS = 1_000_000
ARQ_JOBS, JOBGATE_JOBS, REQUESTS, CALLS, ARQ_CALLS = 3_000, 60_000, 30_000, 2_000, 6


class Benchmarks:
    """All measurements, on one server."""

    def __init__(self, server: EmbeddedServer, arq_python: str, rounds: int) -> None:
        self._server = server
        self._arq_python = arq_python
        self._rounds = rounds
        self._gateway_port, self._bare_port, self._worker_port = free_port(), free_port(), free_port()

    def run(self, only: str = "") -> list[Mark]:
        """Measure everything, or what `only` names, with progress on standard error."""
        measures: dict[str, Callable[[], Mark]] = {
            "drain": self._drain,
            "drain-typed": self._drain_typed,
            "start-typed": self._start_typed,
            "enqueue": self._enqueue,
            "enqueue-typed": self._enqueue_typed,
            "call-alone": self._call_alone,
            "call-together": self._call_together,
            "call-blocking": self._call_blocking,
            "list": self._list,
            "books-enqueue": partial(books.enqueue, self._server, self._rounds),
            "books-drain": partial(books.drain, self._server, self._rounds),
            "lines": partial(lines.measure, self._server, self._rounds),
            "streams": partial(streams.measure, self._server),
            "crowd": partial(crowd.measure, self._server, self._rounds),
        }
        return [self._alone(measure) for name, measure in measures.items() if name.startswith(only)]

    def _alone(self, measure: Callable[[], Mark]) -> Mark:
        """Measure on an empty server: the results of a measure are no load on the next one's."""
        with redis.Redis(port=self._server.port) as client:
            client.flushall()
        return measure()

    def _drain(self) -> Mark:
        ours, theirs = self._paired(
            "drain",
            lambda: self._worker(sys.executable, "jobgate", JOBGATE_JOBS),
            lambda: self._worker(self._arq_python, "arq", ARQ_JOBS),
        )
        return Mark(
            "No-op jobs drained by one worker, max_jobs 100", "jobs/s", ours, "arq", theirs, at_least=12
        )

    def _drain_typed(self) -> Mark:
        ours, theirs = self._paired(
            "drain with type hints",
            lambda: self._worker(sys.executable, "typed", JOBGATE_JOBS // 2),
            lambda: self._worker(sys.executable, "untyped", JOBGATE_JOBS // 2),
        )
        name = "Jobs with five typed arguments drained by one worker"
        return Mark(name, "jobs/s", ours, "untyped", theirs, at_least=0.8)

    def _start_typed(self) -> Mark:
        words = [sys.executable, "-m", "benchmarks.typed"]

        def seconds() -> float:
            return float(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)

        ours = [seconds() for _ in range(self._rounds)]
        return Mark("Start of a worker with 500 typed functions", "s", ours, "itself", ours, at_most=2)

    def _list(self) -> Mark:
        """Measure pages of 100 jobs, among them those of a filter that rules out 49 of 50 jobs."""
        listing.fill(self._server.port, FINISHED_JOBS)
        with self._gateway():
            pages = listing.page_ms(self._gateway_port, "status=complete", 30)
            failed = listing.page_ms(self._gateway_port, "success=false&code=error", 30)
        name = f"A page of 100 of {FINISHED_JOBS:,} finished jobs, and of those that failed"
        return Mark(name, "ms", pages, "failed", failed, at_most=50)

    def _worker(self, python: str, kind: str, jobs: int) -> float:
        self._empty()
        words = [python, "-m", "benchmarks.drain", kind, str(self._server.port), str(jobs)]
        return float(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)

    def _enqueue(self) -> Mark:
        request = load.post("/jobs/noop", BODY)

        def rate(port: int) -> float:
            self._empty()
            return load.run(port, request, connections=64, requests=REQUESTS, expected=b"202")[0]

        with self._gateway(), self._bare():
            rate(self._gateway_port), rate(self._bare_port)
            ours, theirs = self._paired(
                "enqueue", lambda: rate(self._gateway_port), lambda: rate(self._bare_port)
            )
        return Mark("Enqueue over HTTP, 64 connections", "requests/s", ours, "bare", theirs, at_least=0.6)

    def _enqueue_typed(self) -> Mark:
        """Measure what the check of arguments costs. The worker that publishes the types is paused."""

        def rate(function: str) -> float:
            self._empty()
            request = load.post(f"/jobs/{function}", TYPED)
            return load.run(
                self._gateway_port, request, connections=64, requests=REQUESTS // 2, expected=b"202"
            )[0]

        asyncio.run(self._pause())
        with self._jobgate_worker(), self._gateway():
            self._wait_for_types()
            rate("typed"), rate("untyped")
            ours, theirs = self._paired("enqueue with types", lambda: rate("typed"), lambda: rate("untyped"))
        name = "Enqueue over HTTP of a function with five typed parameters, against one without types"
        return Mark(name, "requests/s", ours, "untyped", theirs, at_least=0.85)

    async def _pause(self) -> None:
        async with Broker(self._server.url) as broker:
            await broker.pause("arq:queue")

    def _wait_for_types(self) -> None:
        """Wait until the gateway refuses wrong arguments."""
        wrong = load.post("/jobs/typed", b'{"args":[]}')
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):
                load.run(self._gateway_port, wrong, connections=1, requests=1, expected=b"422")
                return
            time.sleep(0.1)
        raise SystemExit("The gateway does not know the types of the function.")

    def _call_alone(self) -> Mark:
        with self._gateway(), self._jobgate_worker():
            self._calls(1, CALLS // 10)
            ours, theirs = self._paired(
                "call, one after another",
                lambda: self._calls(1, CALLS)[1][CALLS // 2] * 1000,
                self._arq_calls,
            )
        return Mark("Call of a no-op over HTTP, one after another, p50", "ms", ours, "arq", theirs, at_most=2)

    def _call_together(self) -> Mark:
        with self._gateway(), self._bare(), self._jobgate_worker():
            self._calls(64, CALLS)
            request = load.post("/jobs/noop", BODY)
            ours, theirs = self._paired(
                "call, 64 at once",
                lambda: self._calls(64, REQUESTS // 2)[0],
                lambda: load.run(
                    self._bare_port, request, connections=64, requests=REQUESTS, expected=b"202"
                )[0],
            )
        return Mark("Calls of a no-op over HTTP, 64 connections", "calls/s", ours, "bare", theirs)

    def _call_blocking(self) -> Mark:
        """Measure what a blocking call costs over an awaited one, through the same gateway."""
        url = f"http://127.0.0.1:{self._gateway_port}"
        words = [sys.executable, "-m", "benchmarks.blocking", url, str(CALLS)]

        def medians() -> tuple[float, float]:
            done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
            beyond, awaited = map(float, done.stdout.split())
            return beyond, awaited

        with self._gateway(), self._jobgate_worker():
            pairs = [medians() for _ in range(self._rounds)]
        ours, theirs = [beyond for beyond, _ in pairs], [awaited for _, awaited in pairs]
        name = "What a call of BlockingClient takes beyond the one of Client, p50"
        return Mark(name, "µs", ours, "Client", theirs, at_most=100)

    def _calls(self, connections: int, requests: int) -> tuple[float, list[float]]:
        self._empty()
        request = load.post("/jobs/noop", b"", Prefer="wait=10")
        return load.run(
            self._gateway_port, request, connections=connections, requests=requests, expected=b"200"
        )

    def _arq_calls(self) -> float:
        self._empty()
        words = [self._arq_python, "-m", "benchmarks.arq_call", str(self._server.port), str(ARQ_CALLS)]
        done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
        return median(map(float, done.stdout.split())) * 1000

    def _paired(
        self, name: str, ours: Callable[[], float], theirs: Callable[[], float]
    ) -> tuple[list[float], list[float]]:
        return paired(name, self._rounds, ours, theirs)

    def _empty(self) -> None:
        with redis.Redis(port=self._server.port) as client:
            client.delete(*(client.keys("arq:job:*") or ["-"]), "arq:queue")

    def _gateway(self) -> contextlib.AbstractContextManager[Child]:
        return gateway(self._server.url, self._gateway_port)

    def _jobgate_worker(self) -> contextlib.AbstractContextManager[Child]:
        port = self._worker_port
        words = [sys.executable, "-m", "jobgate.cli", "worker", "benchmarks.functions.WorkerSettings"]
        return process(*words, "--redis", self._server.url, "--metrics-port", str(port), port=port)

    def _bare(self) -> contextlib.AbstractContextManager[Child]:
        return process(sys.executable, "-m", "benchmarks.bare", str(self._bare_port), port=self._bare_port)


def main() -> None:
    """Measure, print, and end with 1 when a mark is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (default 3)")
    parser.add_argument("--arq-python", default=".venv-arq/0.28.0/bin/python", help="a Python that has arq")
    parser.add_argument("--only", default="", help="how the names of the measurements begin, such as enqueue")
    options = parser.parse_args()
    # No append-only file: all sides write to the same server, and its disk is not what is measured.
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder), options={"appendonly": "no"}) as server,
    ):
        marks = Benchmarks(server, options.arq_python, options.rounds).run(options.only)
    print(f"Python {platform.python_version()}, medians of {options.rounds} rounds:")
    print(*marks, sep="\n")
    sys.exit(0 if all(mark.reached for mark in marks) else 1)


if __name__ == "__main__":
    main()
