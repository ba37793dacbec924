"""A client that sends a batch line by line and reads the answer meanwhile, over a socket of its own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from harness.http.bad_requests import request

NDJSON = "application/x-ndjson"


class LineStream:
    """One `POST /jobs` whose lines the test sends as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._read = b""
        #: What has been read of the answer, as results.
        self.results: list[dict[str, Any]] = []

    async def send(self, *lines: str | bytes) -> None:
        """Send lines in one piece."""
        data = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
        await self.send_raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0)  # the gateway may be in the same event loop

    async def finish(self) -> None:
        """Send the end of the body."""
        await self.send_raw(b"0\r\n\r\n")

    async def result(self) -> dict[str, Any]:
        """Return the next result."""
        while b"\n" not in self._read:
            self._read += await self._chunk()
        line, _, self._read = self._read.partition(b"\n")
        self.results.append(json.loads(line))
        return self.results[-1]

    async def rest(self) -> list[dict[str, Any]]:
        """Return all results, from the first one on, once the answer has ended wholly."""
        while chunk := await self._chunk():
            self._read += chunk
        self.results += map(json.loads, self._read.splitlines())
        return self.results

    async def _chunk(self) -> bytes:
        length = int(await self._reader.readuntil(b"\r\n"), 16)
        return (await self._reader.readexactly(length + 2))[:-2]

    async def closed(self) -> bytes:
        """Return what comes until the gateway closes the connection."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""

    def cut(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()


@asynccontextmanager
async def line_stream(
    port: int, *headers: str, client: socket.socket | None = None
) -> AsyncIterator[LineStream]:
    """Open a stream, on a socket if one is given; its head has been answered by then."""
    address = ("127.0.0.1", port)
    if client is None:
        reader, writer = await asyncio.open_connection(*address)
    else:
        await asyncio.get_running_loop().sock_connect(client, address)
        reader, writer = await asyncio.open_connection(sock=client, limit=1024)
    try:
        lines = (f"Content-Type: {NDJSON}", "Transfer-Encoding: chunked", *headers)
        writer.write(request(b"", *lines, line="POST /jobs HTTP/1.1"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
        yield LineStream(reader, writer)
    finally:
        writer.close()


def line(function: str = "add", **members: Any) -> str:
    """Return a job as a line."""
    return json.dumps({"function": function, **members})
