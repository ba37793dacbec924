"""A small HTTP/1.1 load generator: fixed requests over kept connections, one at a time on each."""

import asyncio
import time
from typing import cast

import uvloop

#: Seconds after which a load that does not end is an error.
_LONGEST = 120


class _Connection(asyncio.Protocol):
    """Sends the same request again whenever an answer is complete."""

    def __init__(self, request: bytes, load: "_Load") -> None:
        self._request = request
        self._load = load
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        start = head.index(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0])
        if len(self._buffer) >= head_end + 4 + length:
            self._load.note(self._buffer[9:12], time.perf_counter() - self._sent_at)
            self._buffer = self._buffer[head_end + 4 + length :]
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.stop(exc or ConnectionError("the server hung up"))

    def send(self) -> None:
        """Send the request, if any is left to send."""
        if self._load.take():
            assert self._transport is not None
            self._sent_at = time.perf_counter()
            self._transport.write(self._request)


class _Load:
    def __init__(self, requests: int, expected: bytes) -> None:
        self._left_to_send = requests
        self._left_to_come = requests
        self._expected = expected
        self.took: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self) -> bool:
        self._left_to_send -= 1
        return self._left_to_send >= 0

    def note(self, status: bytes, seconds: float) -> None:
        if status != self._expected:
            self.stop(AssertionError(f"status {status!r} instead of {self._expected!r}"))
        self.took.append(seconds)
        self._left_to_come -= 1
        if self._left_to_come == 0 and not self.done.done():
            self.done.set_result(None)

    def stop(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


def post(path: str, body: bytes, **headers: str) -> bytes:
    """The bytes of a POST request with a JSON body."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def _run(port: int, request: bytes, *, connections: int, requests: int, expected: bytes) -> list[float]:
    load = _Load(requests, expected)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Connection(request, load), "127.0.0.1", port)
        for _ in range(connections)
    ]
    started = time.perf_counter()
    for _, connection in made:
        connection.send()
    async with asyncio.timeout(_LONGEST):
        await load.done
    load.took.insert(0, time.perf_counter() - started)
    for transport, _ in made:
        transport.abort()
    return load.took


def run(
    port: int, request: bytes, *, connections: int, requests: int, expected: bytes
) -> tuple[float, list[float]]:
    """Send `requests` requests over `connections` connections.

    Returns:
        Requests per second, and seconds for each request, sorted.

    Raises:
        AssertionError: an answer had another status than `expected`.
        ConnectionError: the server hung up.
    """
    took = uvloop.run(_run(port, request, connections=connections, requests=requests, expected=expected))
    return requests / took[0], sorted(took[1:])
