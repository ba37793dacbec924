"""Many jobs by NDJSON from curl through the command-line gateway, beside `Broker.enqueue_many`.

python -m benchmarks.lines [--jobs 100000] [--rounds 3]

It prints jobs per second of both, the processor's time of the gateway for each job, and the gateway's memory
before, at most during, and after.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median

import redis

from benchmarks.__main__ import _free_port
from jobgate.broker import Broker, JobRequest
from jobgate.broker.embedded import EmbeddedServer

ROOT = Path(__file__).parent.parent
LINE = b'{"function":"noop","args":[42,"de"],"kwargs":{"key":"value"}}\n'
#: Requests of one `enqueue_many`.
AT_ONCE = 1000


class Gateway:
    """A gateway as the command line starts it, with its default logging."""

    def __init__(self, redis_url: str) -> None:
        self.port = _free_port()
        words = [sys.executable, "-m", "jobgate.cli", "gateway", "--redis", redis_url]
        self._process = subprocess.Popen(
            [*words, "--port", str(self.port)], cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not self._is_live():
            if time.monotonic() > deadline:
                raise SystemExit("The gateway did not start.")
            time.sleep(0.05)

    def _is_live(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=1):
                return True
        except OSError:
            return False

    @property
    def memory(self) -> float:
        """MiB that it has in memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def cpu(self) -> float:
        """Seconds of the processor that it has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def by_curl(gateway: Gateway, jobs: int, file: Path) -> tuple[float, float]:
    """Send a file of so many lines; return jobs per second, and the most MiB meanwhile."""
    answer = file.with_name("answer")
    words = ["curl", "-sS", "--fail", "-T", str(file), "-X", "POST", "-o", str(answer)]
    words += ["-H", "Content-Type: application/x-ndjson", f"http://127.0.0.1:{gateway.port}/jobs"]
    most, has_ended = gateway.memory, threading.Event()

    def watch() -> None:
        nonlocal most
        while not has_ended.wait(0.05):
            most = max(most, gateway.memory)

    watching = threading.Thread(target=watch)
    watching.start()
    start = time.perf_counter()
    subprocess.run(words, check=True)
    took = time.perf_counter() - start
    has_ended.set()
    watching.join()
    results = answer.read_bytes().splitlines()
    assert len(results) == jobs
    assert all(result.startswith(b'{"status":202,') for result in results)
    return jobs / took, most


async def by_broker(redis_url: str, jobs: int) -> float:
    """Enqueue the same jobs in this process; return jobs per second."""
    async with Broker(redis_url) as broker:
        await broker.connect(timeout=5)
        start = time.perf_counter()
        for _ in range(jobs // AT_ONCE):
            requests = [
                JobRequest(function="noop", args=[42, "de"], kwargs={"key": "value"}) for _ in range(AT_ONCE)
            ]
            await broker.enqueue_many(requests)
        return jobs / (time.perf_counter() - start)


def measure(server: EmbeddedServer, jobs: int, rounds: int) -> None:
    """Measure both in turns, and print it."""
    rates: list[tuple[float, float]] = []
    gateway = Gateway(server.url)
    with tempfile.TemporaryDirectory() as folder, redis.Redis(port=server.port) as stored:
        file = Path(folder) / "jobs.ndjson"
        file.write_bytes(LINE * jobs)
        by_curl(gateway, jobs, file)
        for number in range(1, rounds + 1):
            stored.flushall()
            before, cpu = gateway.memory, gateway.cpu
            rate, most = by_curl(gateway, jobs, file)
            each = (gateway.cpu - cpu) / jobs * 1e6
            stored.flushall()
            rates.append((rate, asyncio.run(by_broker(server.url, jobs))))
            print(
                f"round {number} of {rounds}: {rate:,.0f} jobs/s by curl, {each:.1f} us of the gateway each; "
                f"{rates[-1][1]:,.0f} jobs/s by enqueue_many; memory of the gateway "
                f"{before:.1f} MiB, then at most {most:.1f}, then {gateway.memory:.1f}"
            )
    gateway.stop()
    share = median(ours / theirs for ours, theirs in rates)
    print(f"median: {median(ours for ours, _ in rates):,.0f} jobs/s by curl, {share:.2f} of enqueue_many")


def main() -> None:
    """Measure on a private server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder), options={"appendonly": "no"}) as server,
    ):
        measure(server, options.jobs, options.rounds)


if __name__ == "__main__":
    main()
