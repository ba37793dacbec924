"""What many event streams cost one gateway: memory and processor time, at rest and while their jobs change.

python -m benchmarks.streams [--streams 1000] [--rate 200] [--seconds 10]
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.__main__ import ROOT, _free_port, _is_live
from jobgate.broker import Broker, ClaimedJob, JobRequest, JobResult
from jobgate.broker.embedded import EmbeddedServer

QUEUE = "arq:queue"
#: No lease runs out while it is measured.
LEASE = 3600.0


@contextmanager
def gateway_process(url: str, port: int) -> Iterator[int]:
    """Run a gateway; yields its process id."""
    words = [sys.executable, "-m", "jobgate.cli", "gateway", "--redis", url, "--port", str(port)]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _is_live(port):
            time.sleep(0.05)
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """MiB that a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass
class Streams:
    """The clients' side: counts events, and notes when each arrives."""

    events: int = 0
    ended: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, port: int, job_id: str) -> None:
        """Read one stream to its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /jobs/{job_id}/events HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        async for line in reader:
            if line.startswith(b"event: "):
                self.events += 1
                self.arrived.set()
        self.ended += 1
        self.arrived.set()
        writer.close()

    async def reach(self, events: int, ended: int = 0) -> None:
        """Return when so many events have arrived and so many streams have ended."""
        async with asyncio.timeout(120):
            while self.events < events or self.ended < ended:
                await self.arrived.wait()
                self.arrived.clear()


def result_of(claimed: ClaimedJob) -> JobResult:
    """A success of a claimed job."""
    now = int(time.time() * 1000)
    return JobResult(
        job_id=claimed.lease.job_id,
        function="f",
        args=[],
        kwargs={},
        tries=1,
        success=True,
        result=1,
        enqueue_time_ms=now,
        start_time_ms=now,
        finish_time_ms=now,
        queue=QUEUE,
    )


def report(what: str, pid: int, before: float, seconds: float) -> None:
    """Print what a phase has cost."""
    print(
        f"{what}: {100 * (cpu(pid) - before) / seconds:.1f} % of a core, {memory(pid):.0f} MiB in memory",
        flush=True,
    )


async def measure(redis_url: str, port: int, pid: int, count: int, rate: int, seconds: float) -> None:
    """Open the streams, then run their jobs."""
    streams = Streams()
    alone = memory(pid)
    async with Broker(redis_url) as broker:
        requests = [JobRequest(function="f", job_id=f"job{number}") for number in range(count)]
        await asyncio.gather(*map(broker.enqueue, requests))
        before, start = cpu(pid), time.perf_counter()
        reading = [asyncio.create_task(streams.follow(port, str(one.job_id))) for one in requests]
        await streams.reach(count)
        took = time.perf_counter() - start
        print(f"{count} streams opened in {took:.2f} s, {cpu(pid) - before:.2f} s of the processor")
        print(f"memory: {alone:.0f} MiB before, {(memory(pid) - alone) / count * 1024:.1f} KiB a stream")
        await asyncio.sleep(3)
        before = cpu(pid)
        await asyncio.sleep(seconds)
        report("at rest", pid, before, seconds)

        before, start = cpu(pid), time.perf_counter()
        claim = await broker.claim(QUEUE, count, worker_id="w", token="w:1", lease=LEASE)
        await streams.reach(2 * count)
        took = time.perf_counter() - start
        print(f"all jobs start at once: seen by all after {took:.2f} s, {cpu(pid) - before:.2f} s processor")

        before, expected = cpu(pid), streams.events
        start = time.perf_counter()
        changes = int(rate * seconds)
        for number in range(changes):
            job = claim.jobs[number % count]
            await broker.report_progress(job.lease, number / changes, f"step {number}")
            await asyncio.sleep(max(0.0, start + (number + 1) / rate - time.perf_counter()))
        await streams.reach(expected + changes)
        report(f"{rate} changes/s", pid, before, time.perf_counter() - start)

        before, start = cpu(pid), time.perf_counter()
        finished = [broker.finish(job.lease, result_of(job), keep=60) for job in claim.jobs]
        await asyncio.gather(*finished)
        await asyncio.gather(*reading)
        took = time.perf_counter() - start
        print(f"all jobs end at once: seen by all after {took:.2f} s, {cpu(pid) - before:.2f} s processor")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=200, help="progress reports a second, over all jobs")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    port = _free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder)) as server,
        gateway_process(server.url, port) as pid,
    ):
        uvloop.run(measure(server.url, port, pid, options.streams, options.rate, options.seconds))


if __name__ == "__main__":
    main()
