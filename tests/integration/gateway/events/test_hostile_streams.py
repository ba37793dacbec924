"""Streams of lines from clients that are slow, greedy, broken or gone; and gateways that end meanwhile."""

import asyncio
import itertools
import json
import re
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.http.line_streams import LineStream, line, line_stream
from harness.processes.commands import Process, Processes
from harness.systems.gateways import running_gateway
from harness.waiting import PATIENCE, eventually_async
from jobgate.gateway import new_key

MIB = 1024 * 1024


def chunk(data: bytes) -> bytes:
    """Return data as a chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


JOBS = chunk(b'{"function":"f"}\n' * 1000)
NEWLINES = chunk(b"\n" * 65536)
PART = chunk(b"x" * (MIB // 2))
CRUMBS = chunk(b"[") * 1000
DEEP = chunk((b"[" * 5000 + b"]" * 5000 + b"\n") * 10)


def memory(process: Process) -> float:
    """MiB that it has in memory now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def end_of(results: list[dict[str, Any]]) -> tuple[int, str, int]:
    """What the last result says of the end of its stream."""
    problem = results[-1]["problem"]
    return results[-1]["status"], problem["code"], problem["next_line"]


@pytest.mark.parametrize("piece", [b" ", b"x"])
async def test_a_line_that_does_not_end_in_time_ends_the_stream(redis_url: str, piece: bytes) -> None:
    slow = running_gateway(redis_url, body_deadline=0.3)
    async with slow as gateway, line_stream(gateway.port) as stream:
        await stream.send(line(), "", line())

        async def drip() -> None:
            while True:
                await stream.send_raw(b"1\r\n%b\r\n" % piece)
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        results = await stream.rest()
        dripping.cancel()
        assert [one["status"] for one in results] == [202, 202, 408]
        assert end_of(results) == (408, "body-timeout", 4)
        await asyncio.gather(dripping, return_exceptions=True)
        assert await stream.closed() == b""


async def test_empty_lines_keep_a_stream_open(redis_url: str) -> None:
    async with running_gateway(redis_url, body_deadline=0.5) as gateway, line_stream(gateway.port) as stream:
        for _ in range(20):
            await stream.send("")
            await asyncio.sleep(0.05)
        await stream.send(line())
        assert (await stream.result())["status"] == 202


async def test_a_client_that_does_not_read_is_held_up_then_cut_off(redis_url: str) -> None:
    async with running_gateway(redis_url, write_deadline=1.0) as gateway:
        # With small buffers in the kernel, so that the test need not send much.
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        async with line_stream(gateway.port, client=client) as stream:
            sent = itertools.count()

            async def send_all() -> None:
                while next(sent) < 1000:
                    await stream.send(*[line(args=["x" * 1000])] * 100)

            with pytest.raises(ConnectionError):
                await send_all()
            # The kernel's buffers take some megabytes.
            assert next(sent) < 500
        assert (await gateway.get("/livez"))[0] == 200


async def test_a_broken_transfer_encoding_ends_the_stream(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway:
        async with line_stream(gateway.port) as stream:
            await stream.send(line(job_id="a"))
            assert (await stream.result())["status"] == 202
            await stream.send_raw(b'1c\r\n{"function":"add","args":[]}\r\nZZ\r\n\n\r\n')
            results = await stream.rest()
            assert end_of(results) == (400, "malformed-request", 2)
            assert len(results) == 2
            await stream.closed()
        _, page, _ = await gateway.get("/jobs")
        assert [job["job_id"] for job in page["jobs"]] == ["a"]


async def test_a_stream_ends_with_the_gateway_and_says_where_to_go_on(redis_url: str) -> None:
    async with running_gateway(redis_url) as gateway, AsyncExitStack() as stack:
        idle = await stack.enter_async_context(line_stream(gateway.port))
        busy = await stack.enter_async_context(line_stream(gateway.port))
        await idle.send("", line())
        await idle.result()

        async def send_on() -> None:
            for number in itertools.count():
                await busy.send(*(line(job_id=f"j{number}-{at}") for at in range(50)))

        sending = asyncio.create_task(send_on())
        for _ in range(200):
            await busy.result()
        gateway.stop.set()
        results = await busy.rest()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert {one["status"] for one in results[:-1]} == {202}
        assert end_of(results) == (503, "shutting-down", len(results))
        assert results[-1]["problem"]["retryable"]
        assert end_of(await idle.rest()) == (503, "shutting-down", 3)


async def test_a_key_that_is_revoked_ends_its_streams(redis_url: str, tmp_path: Path) -> None:
    (key, entry), (_, other) = (new_key(name, ("enqueue:*",)) for name in ("mail", "billing"))
    path = tmp_path / "keys.toml"
    path.write_text(entry)
    header = f"Authorization: Bearer {key}"
    async with (
        running_gateway(redis_url, keys_file=path) as gateway,
        line_stream(gateway.port, header) as stream,
    ):
        await stream.send(line())
        assert (await stream.result())["status"] == 202
        path.write_text(other)

        async def is_refused() -> bool:
            headers = {"Authorization": f"Bearer {key}"}
            return (await gateway.post("/jobs", {"jobs": []}, headers=headers))[0] == 401

        await eventually_async(is_refused, what="the key is revoked")
        await stream.send(line(), line())
        assert end_of(await stream.rest()) == (401, "unauthorized", 2)


@pytest.mark.parametrize(("way", "back"), [("kill", "start"), ("pause", "resume")])
async def test_jobs_that_redis_did_not_confirm_are_answered_503_and_the_stream_goes_on(
    make_server: Any, way: str, back: str
) -> None:
    server = make_server("valkey")
    hasty = running_gateway(server.url, redis_deadline=1.0)
    async with hasty as gateway, line_stream(gateway.port) as stream:
        await stream.send(line(job_id="a"))
        assert (await stream.result())["status"] == 202
        getattr(server, way)()
        await stream.send(line(job_id="b"), "{", line())
        first, broken, third = [await stream.result() for _ in range(3)]
        assert (first["status"], broken["status"], third["status"]) == (503, 400, 503)
        assert first["problem"]["retryable"]
        assert first["problem"]["retry_after"] == 1
        if first["problem"]["code"] == "outcome-unknown":
            assert first["problem"]["job_id"] == "b"
            assert len(third["problem"]["job_id"]) == 20
        getattr(server, back)()

        async def works() -> bool:
            await stream.send(line())
            return bool((await stream.result())["status"] == 202)

        await eventually_async(works, what="a job is enqueued")
        await stream.send(line(job_id="b"))
        assert (await stream.result())["status"] in {202, 409}


async def greedy(stream: LineStream) -> None:
    """Send and never read."""
    for _ in range(200):
        await stream.send_raw(JOBS)


async def newlines(stream: LineStream) -> None:
    """Send a million empty lines."""
    for _ in range(16):
        await stream.send_raw(NEWLINES)


async def endless(stream: LineStream) -> None:
    """Send one line of 32 MiB."""
    for _ in range(64):
        await stream.send_raw(PART)


async def crumbs(stream: LineStream) -> None:
    """Send a line in chunks of one byte."""
    for _ in range(40):
        await stream.send_raw(CRUMBS)


async def deep(stream: LineStream) -> None:
    """Send lines that are nested deep."""
    for _ in range(20):
        await stream.send_raw(DEEP)


async def test_hostile_streams_cost_bounded_memory_and_nobody_else_waits(
    processes: Processes, redis_url: str
) -> None:
    gateway = processes.gateway(redis_url)
    port = int(gateway.url.rpartition(":")[2])
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(line_stream(port)) for _ in range(12)]
        before = memory(gateway)
        kinds = itertools.cycle([greedy, greedy, newlines, endless, crumbs, deep])
        attacks = [asyncio.create_task(kind(stream)) for kind, stream in zip(kinds, streams, strict=False)]
        for _ in range(10):
            assert await live(port) < PATIENCE
        # Each may have some hundred KiB in the buffers of its connection, and one line.
        assert memory(gateway) - before < 50
        for attack in attacks:
            attack.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)
        for stream in streams:
            stream.cut()
    assert await live(port) < PATIENCE
    assert "Traceback" not in gateway.log


async def live(port: int) -> float:
    """Seconds that somebody else's request takes."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert json.loads((await reader.read()).partition(b"\r\n\r\n")[2]) == {"status": "alive"}
    writer.close()
    return loop.time() - start
