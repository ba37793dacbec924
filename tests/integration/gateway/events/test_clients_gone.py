"""Clients that hang up at every moment: what they held is free at once, not when their waits are over."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.http.bad_requests import request, typed
from harness.processes.commands import Process, Processes
from harness.servers.redis_server import RedisServer
from harness.systems.gateways import PlayedWorker, running_gateway
from harness.waiting import eventually
from jobgate.broker import Broker, JobRequest

#: Seconds until all is free; it takes one, and the waits that are left take 60.
SOON = 10.0
WAIT = request(line="GET /jobs/slow/result?wait=60 HTTP/1.1")
#: More than the gateway takes in before somebody reads it.
BODY = b"[" + b" " * 300_000

#: What waits for a job -> what was sent.
WAITING = {
    "one": WAIT,
    "with a tag": request(b"", 'If-None-Match: "x"', line="GET /jobs/slow/status?wait=60 HTTP/1.1"),
    "more than aiohttp queues": WAIT * 40,
    "more than is kept": WAIT * 20_000,
    "a body that nobody reads": request(BODY, *typed(), line="POST /jobs/slow/abort?wait=60 HTTP/1.1"),
    "a large body behind it": WAIT + request(BODY, *typed()),
    "an upgrade": request(b"", "Connection: upgrade", "Upgrade: x", line=WAIT.decode().split("\r\n")[0])
    + b"x" * 300_000,
}
#: What waits for the client to go on -> what was sent.
UNFINISHED = {
    "nothing": b"",
    "headers": WAIT[:-2],
    "a body": request(b"", *typed("Content-Length: 300000")) + BODY[:200_000],
}
#: What waits for it to read; one that has closed its half may still do that.
UNREAD = {
    "an answer that is not read": request(line="GET /jobs/large/result HTTP/1.1"),
    "many answers that are not read": request(line="GET /openapi.json HTTP/1.1") * 200,
}


async def prepare(redis_url: str) -> None:
    """Make a job that runs and one with a large result."""
    async with Broker(redis_url) as broker:
        await broker.enqueue(JobRequest(function="f", job_id="large"))
        await PlayedWorker(broker).run_one("x" * 8_000_000)
        await broker.enqueue(JobRequest(function="f", job_id="slow"))
        await broker.claim("arq:queue", 1, worker_id="w", token="w:1", lease=300)


@pytest.fixture
def gateway(processes: Processes, redis_url: str) -> Process:
    asyncio.run(prepare(redis_url))
    return processes.gateway(redis_url)


def held(port: int) -> int:
    """How many connections to a port of this machine somebody still has a descriptor for."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established, close_wait = "01", "08"
    return sum(
        int(line[1].rpartition(":")[2], 16) == port and line[3] in {established, close_wait} for line in lines
    )


def waits(process: Process) -> float:
    with connected(process) as client:
        client.sendall(request(b"", "Connection: close", line="GET /metrics HTTP/1.1"))
        text = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    return float(text.partition("\njobgate_gateway_waits_in_flight ")[2].split()[0])


def port_of(process: Process) -> int:
    return int(process.url.rpartition(":")[2])


def connected(process: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(process)), timeout=20)


def hang_up(client: socket.socket, how: str) -> None:
    if how == "RST":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half-closed":
        client.shutdown(socket.SHUT_WR)
    else:
        client.close()


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for client in opened:
        client.close()


@pytest.mark.parametrize("how", ["FIN", "RST", "half-closed"])
def test_what_clients_held_is_free_when_they_hang_up(
    gateway: Process, clients: list[socket.socket], how: str
) -> None:
    unread = {} if how == "half-closed" else UNREAD
    for sent in (WAITING | UNFINISHED | unread).values():
        clients.append(connected(gateway))
        with contextlib.suppress(TimeoutError):
            clients[-1].settimeout(0.2)
            clients[-1].sendall(sent)
    eventually(lambda: waits(gateway) >= len(WAITING) - 1, what="all but the one that is cut wait")
    for client in clients:
        with contextlib.suppress(OSError):  # the one that is cut
            hang_up(client, how)
    eventually(lambda: waits(gateway) == 0, timeout=SOON, what="no wait")
    eventually(lambda: held(port_of(gateway)) == 0, timeout=SOON, what="no connection")


async def test_a_client_that_hangs_up_while_redis_hangs_is_gone(server: RedisServer) -> None:
    async with running_gateway(server.url, redis_deadline=120.0) as gateway:
        assert (await gateway.get("/readyz"))[0] == 200
        server.pause()
        try:
            writers = []
            for _ in range(70):  # more than ask Redis at once
                _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(request(line="GET /jobs/x/status?wait=60 HTTP/1.1"))
                writers.append(writer)
            for writer in writers:
                await writer.drain()
                writer.close()
            # The session of the first request keeps its connection.
            await asyncio.to_thread(
                eventually, lambda: held(gateway.port) <= 1, timeout=SOON, what="none left"
            )
        finally:
            server.resume()


async def test_a_client_that_has_closed_its_half_reads_its_whole_answer(redis_url: str) -> None:
    await prepare(redis_url)
    async with running_gateway(redis_url) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request(line="GET /jobs/large/result HTTP/1.1"))
        received = await reader.read(65536)
        writer.write_eof()
        async with asyncio.timeout(30):
            received += await reader.read()
        writer.close()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b'xxx"}')
    assert len(received) > 8_000_000


async def test_pipelined_requests_beyond_the_queue_are_all_answered(redis_url: str) -> None:
    """While the first one waits, the others' bytes are kept; then they are taken in order."""
    sent = [request(b'{"job_id":"first"}', line="POST /jobs/f?wait=1.5 HTTP/1.1")]
    sent += [request(b'{"job_id":"j%d"}' % number, line="POST /jobs/f HTTP/1.1") for number in range(200)]
    async with running_gateway(redis_url) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        for each in sent:
            writer.write(each)
            await asyncio.sleep(0.005)  # arrive while nothing is read, and after
        received = b""
        async with asyncio.timeout(30):
            while received.count(b"HTTP/1.1 202 ") < len(sent):
                received += await reader.read(65536)
        writer.close()
    positions = [received.index(b'"job_id":"j%d"' % number) for number in range(200)]
    assert positions == sorted(positions)


async def test_a_client_that_sends_on_and_on_behind_a_wait_is_cut(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request(b"{}", line="POST /jobs/f?wait=60 HTTP/1.1") * 20_000)
        async with asyncio.timeout(SOON):
            with contextlib.suppress(ConnectionError):
                assert b"HTTP/1.1 200 " not in await reader.read()
        writer.close()
