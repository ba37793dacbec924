"""What a crowd of patient and slow clients costs everybody else: the p99 of enqueues beside it.

The crowd is event streams of jobs that nobody runs, waits for their results, and clients that send a byte of
their request now and then. It lives in a process of its own: it shares the gateway with the requests that are
measured, and nothing else.

python -m benchmarks.measures.waiting.crowd PORT

This begins the crowd, prints `there`, and ends with its standard input.
"""

import asyncio
import contextlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import uvloop

from benchmarks.peers import BODY, GATEWAY
from benchmarks.running import ROOT, Failed, Stage, in_turns, load
from benchmarks.tables import Figure, Table
from jobgate.broker import Broker, JobRequest

STREAMS, WAITS, SLOW = 1000, 2000, 200
CONNECTIONS, REQUESTS = 8, 15_000
#: Members of the crowd that connect at the same time.
AT_ONCE = 250
#: Seconds of a wait; within it the measurement beside the crowd must end.
LONGEST_WAIT = 60
#: Seconds between two bytes of a slow client.
SLOWNESS = 0.5
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
                await asyncio.sleep(SLOWNESS)
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


async def be_a_crowd(port: int) -> None:
    """Be there until standard input ends."""
    writers = []
    for begin, count in ((stream, STREAMS), (wait, WAITS)):
        for first in range(0, count, AT_ONCE):
            some = range(first, min(first + AT_ONCE, count))
            writers += await asyncio.gather(*(begin(port, one) for one in some))
    tasks = []
    for _ in range(SLOW):
        tasks.append(asyncio.create_task(slow(port)))
        await asyncio.sleep(SLOWNESS / SLOW)  # they do not send in step
    await settled(port)
    print("there", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def crowd(port: int) -> Iterator[None]:
    """Keep a crowd there while the block runs."""
    words = [sys.executable, "-m", "benchmarks.measures.waiting.crowd", str(port)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        try:
            if child.stdout.readline() != b"there\n":
                raise Failed("The crowd did not come.")
            yield
        finally:
            child.stdin.close()
            child.wait()


def latencies(port: int) -> dict[str, float]:
    """Enqueue; return what that took, in milliseconds."""
    request = load.post(GATEWAY.path, BODY)
    _, taken = load.run(port, request, connections=CONNECTIONS, requests=REQUESTS, expected=b"202")
    return {name: taken[len(taken) * part // 100] * 1000 for name, part in (("p99", 99), ("p50", 50))}


def beside_crowd(stage: Stage) -> Table:
    """Measure enqueues beside a crowd, and without one, through gateways that have just started."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    figures = [Figure("p99", "ms", more_is_better=False), Figure("p50", "ms", more_is_better=False)]
    title = f"Enqueues beside {STREAMS:,} event streams, {WAITS:,} waits and {SLOW} slow clients, and alone"
    return in_turns(
        Table("crowd", title, figures),
        stage.once,
        {"jobgate": lambda: _measured(stage, crowd), "alone": lambda: _measured(stage, _nobody)},
    )


@contextlib.contextmanager
def _nobody(_: int) -> Iterator[None]:
    yield


def _measured(
    stage: Stage, company: Callable[[int], contextlib.AbstractContextManager[None]]
) -> dict[str, float]:
    asyncio.run(_jobs(stage.url))
    with GATEWAY.running(stage) as (_, port):
        latencies(port)  # warms up
        with company(port):
            begun = time.monotonic()
            figures = latencies(port)
            if time.monotonic() - begun > LONGEST_WAIT - 10:
                raise Failed("The waits ended before the measurement.")
            return figures


async def _jobs(url: str) -> None:
    async with Broker(url) as broker:
        await broker.enqueue_many(
            [JobRequest(function="f", job_id=f"job{one}") for one in range(max(STREAMS, WAITS))]
        )


if __name__ == "__main__":
    uvloop.run(be_a_crowd(int(sys.argv[1])))
