"""What a crowd of patient and slow clients costs everybody else: the latency of enqueues beside it.

python -m benchmarks.crowd [--streams 1000] [--waits 2000] [--slow 200] [--requests 3000]

The crowd is event streams of jobs that nobody runs, waits for their results, and clients that send a byte of
their request now and then. It prints p50 and p99 of enqueues over 8 connections before the crowd, beside it,
and after it, and ends with 1 if the p99 beside it is more than twice that of the quiet time before.
"""

import argparse
import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop

from benchmarks import load
from benchmarks.__main__ import BODY, _free_port
from benchmarks.streams import gateway_process
from jobgate.broker import Broker, JobRequest
from jobgate.broker.embedded import EmbeddedServer

CONNECTIONS = 8
#: Members of the crowd that connect at the same time.
AT_ONCE = 250
#: How much the crowd may cost others.
AT_MOST = 2.0
#: Seconds of a wait; within it the measurement beside the crowd must end.
LONGEST_WAIT = 60
HOST = "Host: localhost\r\n"


async def sent(port: int, request: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the text of a request over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    await writer.drain()
    return reader, writer


async def stream(port: int, number: int) -> asyncio.StreamWriter:
    """Open the event stream of a job; returns once the first event is there."""
    reader, writer = await sent(port, f"GET /jobs/job{number}/events HTTP/1.1\r\n{HOST}\r\n")
    await reader.readuntil(b"event: status")
    return writer


async def wait(port: int, number: int) -> asyncio.StreamWriter:
    """Begin to wait for the result of a job."""
    path = f"/jobs/job{number}/result?wait={LONGEST_WAIT}"
    return (await sent(port, f"GET {path} HTTP/1.1\r\n{HOST}\r\n"))[1]


async def slow(port: int) -> None:
    """Send requests a byte at a time, again and again."""
    body = b'{"args": [42]}'
    head = f"POST /jobs/noop HTTP/1.1\r\n{HOST}Content-Length: {len(body)}\r\n\r\n"
    while True:
        with contextlib.suppress(OSError):
            _, writer = await sent(port, head)
            for at in range(len(body)):
                writer.write(body[at : at + 1])
                await asyncio.sleep(0.5)
            writer.close()


async def settled(port: int) -> None:
    """Return once the gateway has let everybody in: what is measured is the crowd, not its arrival."""
    quick = 0
    while quick < 5:
        start = time.monotonic()
        reader, writer = await sent(port, f"GET /livez HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
        await reader.read()
        writer.close()
        quick = quick + 1 if time.monotonic() - start < 0.1 else 0
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def crowd(url: str, port: int, streams: int, waits: int, slow_ones: int) -> AsyncIterator[float]:
    """Keep the crowd there while the block runs; yields the time at which its waits began."""
    number = max(streams, waits, 1)
    async with Broker(url) as broker:
        jobs = [JobRequest(function="f", job_id=f"job{one}") for one in range(number)]
        await broker.enqueue_many(jobs)
    writers, begun = [], 0.0
    for begin, count in ((stream, streams), (wait, waits)):
        begun = time.monotonic()
        for first in range(0, count, AT_ONCE):
            some = range(first, min(first + AT_ONCE, count))
            writers += await asyncio.gather(*(begin(port, one) for one in some))
    tasks = [asyncio.create_task(slow(port)) for _ in range(slow_ones)]
    await settled(port)
    try:
        yield begun
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()


def latency(port: int, requests: int, when: str) -> float:
    """Enqueue, print what it took, and return the p99 in seconds."""
    request = load.post("/jobs/noop", BODY)
    rate, taken = load.run(port, request, connections=CONNECTIONS, requests=requests, expected=b"202")
    middle, high = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    print(f"{when}: p50 {middle * 1000:.2f} ms, p99 {high * 1000:.2f} ms, {rate:,.0f} requests/s", flush=True)
    return high


async def beside(url: str, port: int, options: argparse.Namespace) -> float:
    """Return the p99 beside the crowd, which lives in this thread's loop."""
    async with crowd(url, port, options.streams, options.waits, options.slow) as begun:
        found = await asyncio.to_thread(latency, port, options.requests, "beside the crowd")
        if time.monotonic() - begun > LONGEST_WAIT:
            raise SystemExit("The waits ended before the measurement: give fewer --requests.")
        return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--waits", type=int, default=2000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--requests", type=int, default=3000)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    port = _free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder)) as server,
        gateway_process(server.url, port),
    ):
        latency(port, options.requests // 3, "to warm up")
        before = latency(port, options.requests, "alone")
        found = uvloop.run(beside(server.url, port, options))
        latency(port, options.requests, "alone again")
    times = found / before
    print(f"{times:.2f} times the p99 of the quiet time before; at most {AT_MOST:g}")
    sys.exit(0 if times <= AT_MOST else 1)


if __name__ == "__main__":
    main()
