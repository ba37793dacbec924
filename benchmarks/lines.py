"""Many jobs by NDJSON from curl through the command-line gateway, beside `Broker.enqueue_many`."""

import asyncio
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import redis

from benchmarks.marks import Mark, note
from benchmarks.processes import Child, free_port, gateway
from jobgate.broker import Broker, JobRequest
from jobgate.broker.embedded import EmbeddedServer

LINE = b'{"function":"noop","args":[42,"de"],"kwargs":{"key":"value"}}\n'
JOBS = 100_000
#: Requests of one `enqueue_many`.
AT_ONCE = 1000


def by_curl(child: Child, port: int, file: Path) -> tuple[float, float]:
    """Send a file of lines; return jobs per second, and the most MiB that the gateway had meanwhile."""
    answer = file.with_name("answer")
    words = ["curl", "-sS", "--fail", "-T", str(file), "-X", "POST", "-o", str(answer)]
    words += ["-H", "Content-Type: application/x-ndjson", f"http://127.0.0.1:{port}/jobs"]
    most, has_ended = child.memory, threading.Event()

    def watch() -> None:
        nonlocal most
        while not has_ended.wait(0.05):
            most = max(most, child.memory)

    watching = threading.Thread(target=watch)
    watching.start()
    start = time.perf_counter()
    subprocess.run(words, check=True)
    took = time.perf_counter() - start
    has_ended.set()
    watching.join()
    results = answer.read_bytes().splitlines()
    assert len(results) == JOBS
    assert all(result.startswith(b'{"status":202,') for result in results)
    return JOBS / took, most


async def by_broker(redis_url: str) -> float:
    """Enqueue the same jobs in this process; return jobs per second."""
    async with Broker(redis_url) as broker:
        await broker.connect(timeout=5)
        start = time.perf_counter()
        for _ in range(JOBS // AT_ONCE):
            requests = [
                JobRequest(function="noop", args=[42, "de"], kwargs={"key": "value"}) for _ in range(AT_ONCE)
            ]
            await broker.enqueue_many(requests)
        return JOBS / (time.perf_counter() - start)


def measure(server: EmbeddedServer, rounds: int) -> Mark:
    """Measure both in turns; the gateway's memory and time are shown as progress."""
    port, ours, theirs = free_port(), [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        redis.Redis(port=server.port) as stored,
        gateway(server.url, port) as child,
    ):
        file = Path(folder) / "jobs.ndjson"
        file.write_bytes(LINE * JOBS)
        by_curl(child, port, file)
        for number in range(1, rounds + 1):
            stored.flushall()
            before, cpu = child.memory, child.cpu
            rate, most = by_curl(child, port, file)
            each = (child.cpu - cpu) / JOBS * 1e6
            stored.flushall()
            ours.append(rate)
            theirs.append(asyncio.run(by_broker(server.url)))
            note(
                f"lines, round {number} of {rounds}: {rate:,.0f} jobs/s, {each:.1f} µs of the gateway each, "
                f"whose memory was {before:.0f} MiB before, at most {most:.0f}, then {child.memory:.0f}"
            )
    return Mark(f"{JOBS:,} jobs as lines from curl", "jobs/s", ours, "direct", theirs)
