"""Answers that are made while they are sent, over real sockets, through a route of the test's own."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.http.bad_requests import request
from harness.waiting import eventually_async
from jobgate.gateway import GatewaySettings
from jobgate.gateway.context import Call, Gateway
from jobgate.gateway.http import Answer, Door, HttpServer, StreamedAnswer
from jobgate.gateway.listening import Listener, TcpPort, listen
from jobgate.gateway.routes import Route, Router
from jobgate.gateway.server import open_gateway
from jobgate.gateway.service import GatewayService

PIECE = b"x" * 65536
Pieces = AsyncGenerator[bytes, None]


@dataclass
class Producer:
    """Makes a stream, piece by piece as the test puts them; None ends it."""

    queue: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    made: int = 0
    has_begun: bool = False
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, *pieces: bytes | None) -> None:
        for piece in pieces:
            self.queue.put_nowait(piece)

    async def pieces(self) -> Pieces:
        self.has_begun = True
        try:
            while (piece := await self.queue.get()) is not None:
                self.made += 1
                yield piece
        finally:
            self.has_ended.set()

    async def endless(self) -> Pieces:
        try:
            while True:
                self.made += 1
                yield PIECE
        finally:
            self.has_ended.set()


@dataclass
class Served:
    """A gateway whose only route streams."""

    gateway: Gateway
    port: int
    listener: Listener

    async def connect(self, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, **options)

    def metrics(self) -> list[str]:
        lines = self.gateway.meter.exposition(None, waits=0, streams=0).decode().splitlines()
        return [line for line in lines if line.startswith("jobgate_gateway_requests_total{")]

    async def counted(self, *lines: str) -> None:
        async def holds() -> bool:
            return self.metrics() == list(lines)

        await eventually_async(holds, what=f"metrics show {lines}")


ONCE = 'jobgate_gateway_requests_total{route="stream",status="200"} 1.0'


@asynccontextmanager
async def streaming(
    redis_url: str, make: Callable[[], Pieces], stream: dict[str, Any] | None = None, /, **options: Any
) -> AsyncIterator[Served]:
    async def handle(call: Call) -> Answer:
        headers = {"X-Test": "1"}
        return StreamedAnswer(make(), content_type="text/event-stream", headers=headers, **(stream or {}))

    settings = GatewaySettings(**{"redis": redis_url, "access_log": True, "shutdown": 1.0, **options})
    async with open_gateway(settings) as gateway:
        router = Router((Route("stream", "GET", "/stream", handle),))
        door = Door(GatewayService(gateway, router), write_deadline=settings.write_deadline)
        server = HttpServer(door, header_deadline=10, keepalive=75, max_header=8192)
        listener = await listen(server, TcpPort("127.0.0.1", 0), shutdown=settings.shutdown)
        try:
            yield Served(gateway, int(listener.url.rpartition(":")[2]), listener)
        finally:
            await listener.close()


def asked(method: str = "GET", version: str = "1.1") -> bytes:
    return request(b"", line=f"{method} /stream HTTP/{version}")


def access_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(one.getMessage()) for one in caplog.records if one.name == "jobgate.gateway.access"]


@pytest.fixture(autouse=True)
def _informed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jobgate")


async def test_pieces_are_sent_as_they_are_made_and_the_connection_stays_open(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    producer = Producer()
    async with streaming(redis_url, producer.pieces) as served:
        reader, writer = await served.connect()
        for turn in range(2):
            writer.write(asked())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            for line in (b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked", b"X-Test: 1"):
                assert line in head
            assert b"Content-Length" not in head
            producer.put(b"one")
            assert await reader.readexactly(8) == b"3\r\none\r\n"
            producer.put(b"", b"another piece\n", None)
            assert await reader.readexactly(24) == b"e\r\nanother piece\n\r\n0\r\n\r\n"
            await served.counted(ONCE.replace("1.0", f"{turn + 1}.0"))
        writer.close()
    first, second = access_lines(caplog)
    assert (first["route"], first["status"], first["bytes"], first["method"]) == ("stream", 200, 17, "GET")
    assert first["ms"] > 0
    assert first["request_id"] != second["request_id"]


async def test_for_http_1_0_the_body_ends_with_the_connection(redis_url: str) -> None:
    producer = Producer()
    producer.put(b"one", b"two", None)
    async with streaming(redis_url, producer.pieces) as served:
        reader, writer = await served.connect()
        writer.write(asked(version="1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"Connection: close" in head
        assert b"Transfer-Encoding" not in head
        assert body == b"onetwo"
        writer.close()


async def test_head_has_no_body_and_makes_none(redis_url: str) -> None:
    producer = Producer()
    async with streaming(redis_url, producer.pieces) as served:
        reader, writer = await served.connect()
        for _ in range(2):
            writer.write(asked("HEAD"))
            assert b"Transfer-Encoding: chunked" in await reader.readuntil(b"\r\n\r\n")
        assert not producer.has_begun
        await served.counted(ONCE.replace("1.0", "2.0"))
        writer.close()


@pytest.mark.parametrize("hang_up", ["close", "write_eof", "abort"])
async def test_a_client_that_hangs_up_ends_what_makes_the_stream(
    redis_url: str, hang_up: str, caplog: pytest.LogCaptureFixture
) -> None:
    producer = Producer()
    async with streaming(redis_url, producer.pieces) as served:
        reader, writer = await served.connect()
        writer.write(asked())
        await reader.readuntil(b"\r\n\r\n")
        producer.put(b"one")
        await reader.readexactly(8)
        if hang_up == "abort":
            writer.transport.abort()
        else:
            getattr(writer, hang_up)()
        await asyncio.wait_for(producer.has_ended.wait(), 10)
        await served.counted(ONCE)
        writer.close()
    assert [(line["status"], line["bytes"]) for line in access_lines(caplog)] == [(200, 3)]


async def test_a_client_that_does_not_read_holds_the_producer_up_and_is_cut_off(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    producer = Producer()
    async with streaming(redis_url, producer.endless, write_deadline=0.5) as served:
        reader, writer = await served.connect(limit=1024)
        writer.write(asked())
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.wait_for(producer.has_ended.wait(), 10)
        # The sockets' buffers take some megabytes.
        assert producer.made < 400
        await served.counted(ONCE)
        writer.transport.abort()
    (line,) = access_lines(caplog)
    assert line["ms"] >= 500


async def paused(producer: Producer, deadline: float) -> bool:
    """Whether nothing was made for longer than this deadline."""
    before = producer.made
    await asyncio.sleep(1.1 * deadline)
    return before > 0 and producer.made == before


@pytest.mark.parametrize("reads_on", [True, False])
async def test_a_slow_client_may_be_told_before_it_is_cut_off(redis_url: str, reads_on: bool) -> None:
    producer = Producer()
    hint, deadline = {"if_too_slow": b": resume\n\n"}, 2.0 if reads_on else 0.3
    async with streaming(redis_url, producer.endless, hint, write_deadline=deadline) as served:
        reader, writer = await served.connect(limit=1024)
        writer.write(asked())
        await reader.readuntil(b"\r\n\r\n")
        await eventually_async(lambda: paused(producer, deadline), what="a client that has not read in time")
        assert producer.made < 400
        if reads_on:
            assert (await reader.read()).endswith(b"\r\na\r\n: resume\n\n\r\n0\r\n\r\n")
        else:
            await served.counted(ONCE)
            with pytest.raises(ConnectionResetError):
                await reader.read()
        writer.transport.abort()


async def test_a_client_that_reads_gets_all_of_a_long_stream(redis_url: str) -> None:
    producer = Producer()
    producer.put(*[PIECE] * 300, None)
    async with streaming(redis_url, producer.pieces) as served:
        reader, writer = await served.connect()
        writer.write(asked(version="1.0"))
        await reader.readuntil(b"\r\n\r\n")
        assert len(await reader.read()) == 300 * len(PIECE)
        writer.close()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_stream_that_fails_is_not_taken_for_the_whole(
    redis_url: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing() -> Pieces:
        yield b"one"
        await go_on.wait()
        raise LookupError("of the producer")

    go_on = asyncio.Event()
    async with streaming(redis_url, failing) as served:
        reader, writer = await served.connect()
        writer.write(asked(version=version))
        await reader.readuntil(b"one")
        go_on.set()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await served.counted(ONCE)
        writer.close()
    (failure,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    (line,) = access_lines(caplog)
    assert line["request_id"] in failure.getMessage()
    assert failure.exc_info


async def test_streams_end_with_the_gateway(redis_url: str) -> None:
    producer = Producer()
    async with streaming(redis_url, producer.pieces) as served:
        reader, writer = await served.connect()
        writer.write(asked())
        await reader.readuntil(b"\r\n\r\n")
        start = asyncio.get_running_loop().time()
        await served.listener.close()
        assert producer.has_ended.is_set()
        assert asyncio.get_running_loop().time() - start < 3
        assert await reader.read() == b""
        writer.close()
