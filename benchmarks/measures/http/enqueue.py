"""Requests that enqueue one job each, and requests with many."""

import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers import BODY, FRONTS, GATEWAY, JOBGATE, Front
from benchmarks.running import Stage, in_turns, load
from benchmarks.tables import Figure, Table

#: Requests of one turn at 64 connections; a quarter of them at one connection.
REQUESTS = {"jobgate": 20_000, "bare aiohttp": 20_000, "FastAPI + arq": 4_000, "Flower + Celery": 1_500}
FIGURES = [
    Figure("rate", "requests/s at 64 connections", more_is_better=True),
    Figure("alone", "requests/s at 1", more_is_better=True),
    Figure("many", "requests/s at 256", more_is_better=True),
    Figure("p99", "ms at 64", more_is_better=False),
    Figure("server", "µs of processor/request", more_is_better=False),
    Figure("generator", "% of a core taken by the load", None),
    Figure("memory", "MiB", more_is_better=False),
]
JOBS = 50_000
#: Jobs of a request where many clients send arrays at once.
IN_ARRAY = 100
LINE = b'{"function":"noop",' + BODY[1:] + b"\n"


def enqueue_http(stage: Stage) -> Table:
    """Compare the fronts."""
    table = Table("enqueue-http", "Enqueue over HTTP, one job a request", FIGURES)
    table.notes = [
        "Bare aiohttp parses the same body and enqueues nothing: it is the ceiling.",
        "FastAPI and Flower log each request by default; jobgate does with `--access-log`.",
        "All are one process, but for the last row; FastAPI's and jobgate's commands both have `--workers`.",
        "The load generator has a core of its own only as far as Redis leaves it one.",
    ]
    contenders = {front.name: partial(requested, stage, front) for front in FRONTS}
    two = partial(requested, stage, GATEWAY, "--workers", "2")
    return in_turns(table, stage, contenders | {"jobgate --workers 2": two})


def requested(stage: Stage, front: Front, *options: str) -> dict[str, float]:
    """Start a front and enqueue over 64 connections, then over 1 and 256."""
    requests = stage.scaled(REQUESTS[front.name])
    request = front.request()
    with front.running(stage, *options) as (server, port):

        def rate(connections: int, count: int) -> tuple[float, list[float]]:
            stage.empty()
            return load.run(port, request, connections=connections, requests=count, expected=front.status)

        rate(64, max(64, requests // 10))  # warms up
        cpu, begun, own = server.cpu, time.perf_counter(), time.process_time()
        many, took = rate(64, requests)
        figures = {
            "rate": many,
            "server": (server.cpu - cpu) / requests * 1e6,
            "generator": (time.process_time() - own) / (time.perf_counter() - begun) * 100,
            "p99": took[len(took) * 99 // 100] * 1000,
            "memory": server.memory,
        }
        figures["alone"] = rate(1, requests // 4)[0]
        figures["many"] = rate(256, max(256, requests // 2))[0]
    return figures


def enqueue_batch(stage: Stage) -> Table:
    """Compare single requests with arrays of jobs and with lines, through one gateway."""
    figures = [
        Figure("rate", "jobs/s", more_is_better=True),
        Figure("server", "µs of processor/job", more_is_better=False),
        Figure("redis", "µs of processor/job", more_is_better=False),
        Figure("memory", "MiB", more_is_better=False),
    ]
    table = Table("enqueue-batch", "Many jobs over HTTP through one gateway", figures)
    table.notes = [
        "jobgate: lines of JSON in one request from curl. array: 1,000 jobs a request, one after another.",
        "single: one job a request, 64 connections. direct: the Python client on Redis, without a gateway.",
    ]
    jobs = stage.scaled(JOBS)
    ways: dict[str, Callable[[int], object]] = {
        "jobgate": lambda port: send_lines(port, jobs),
        "array": lambda port: _arrays(port, jobs),
        "single": lambda port: load.run(
            port, load.post(GATEWAY.path, BODY), connections=64, requests=jobs, expected=b"202"
        ),
    }
    contenders = {name: _way(stage, way, jobs) for name, way in ways.items()}
    return in_turns(table, stage, contenders | {"direct": lambda: _direct(stage, jobs)})


def batch_connections(stage: Stage) -> Table:
    """Send arrays over several connections at once, to one gateway process and to two."""
    figures = [
        Figure("rate", "jobs/s at 64 connections", more_is_better=True),
        Figure("alone", "jobs/s at 1", more_is_better=True),
        Figure("many", "jobs/s at 256", more_is_better=True),
        Figure("p99", "ms of a request at 64, p99", more_is_better=False),
        Figure("memory", "MiB", more_is_better=False),
    ]
    table = Table("batch-connections", f"Arrays of {IN_ARRAY} jobs over several connections", figures)
    contenders = {"jobgate": (), "jobgate --workers 2": ("--workers", "2")}
    return in_turns(
        table, stage, {name: partial(_arrays_at_once, stage, *words) for name, words in contenders.items()}
    )


def _arrays_at_once(stage: Stage, *options: str) -> dict[str, float]:
    requests = max(256, stage.scaled(JOBS) // IN_ARRAY)
    array = load.post("/jobs", _array(IN_ARRAY))
    with GATEWAY.running(stage, *options) as (server, port):

        def sent(connections: int) -> tuple[float, list[float]]:
            stage.empty()
            return load.run(port, array, connections=connections, requests=requests, expected=b"200")

        sent(64)  # warms up
        rate, took = sent(64)
        return {
            "rate": rate * IN_ARRAY,
            "p99": took[len(took) * 99 // 100] * 1000,
            "alone": sent(1)[0] * IN_ARRAY,
            "many": sent(256)[0] * IN_ARRAY,
            "memory": server.memory,
        }


def _way(stage: Stage, way: Callable[[int], object], jobs: int) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        with GATEWAY.running(stage) as (server, port):
            load.run(port, load.post(GATEWAY.path, BODY), connections=64, requests=640, expected=b"202")
            cpu, redis_cpu, begun = server.cpu, stage.redis_cpu, time.perf_counter()
            way(port)
            return {
                "rate": jobs / (time.perf_counter() - begun),
                "server": (server.cpu - cpu) / jobs * 1e6,
                "redis": (stage.redis_cpu - redis_cpu) / jobs * 1e6,
                "memory": server.memory,
            }

    return measure


def send_lines(port: int, jobs: int) -> None:
    """Send a file of lines with curl."""
    with TemporaryDirectory() as folder:
        file, answer = Path(folder, "jobs.ndjson"), Path(folder, "answer")
        file.write_bytes(LINE * jobs)
        words = ["curl", "-sS", "--fail", "-T", str(file), "-X", "POST", "-o", str(answer)]
        words += ["-H", "Content-Type: application/x-ndjson", f"http://127.0.0.1:{port}/jobs"]
        subprocess.run(words, check=True)
        results = answer.read_bytes().splitlines()
        assert len(results) == jobs, f"{len(results)} of {jobs} lines were answered"
        assert all(result.startswith(b'{"status":202,') for result in results)


def _arrays(port: int, jobs: int) -> None:
    load.run(port, load.post("/jobs", _array(1000)), connections=1, requests=jobs // 1000, expected=b"200")


def _array(jobs: int) -> bytes:
    return b'{"jobs":[' + b",".join([LINE.strip()] * jobs) + b"]}"


def _direct(stage: Stage, jobs: int) -> dict[str, float]:
    redis_cpu = stage.redis_cpu
    produced = JOBGATE.enqueue(stage, jobs, "noop", [42, "de"])
    return {"rate": jobs / produced.seconds, "redis": (stage.redis_cpu - redis_cpu) / jobs * 1e6}
