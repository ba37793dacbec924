"""HTTP answers: a small one is written in one piece, a large one as fast as its client reads.

aiohttp's `Response` builds and serialises a dictionary of some ten headers for each answer; that is a quarter
of the time of an enqueue. Here the lines that all answers share are kept ready, and an answer is one `write`.
`Answer` has the members of a response that aiohttp's connection uses: `prepare`, `write_eof`, `keep_alive`.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Self

from aiohttp.web import BaseRequest

JSON = "application/json"
#: Most answers are for one caller and one moment.
NO_STORE = "no-store"

#: Largest body, in bytes, that goes into the socket's buffer at once. Larger ones are written in pieces of
#: this size, as fast as the client reads.
LARGE = 64 * 1024
_BODILESS = {204, 304}


@lru_cache(maxsize=256)
def _head(status: int, content_type: str, cache: str) -> str:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        "Server: jobgate",
        f"Cache-Control: {cache}",
        "X-Content-Type-Options: nosniff",
        "",
    ]
    if status in _BODILESS:
        del lines[1]
    return "\r\n".join(lines)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\n"


def tagged(
    request: BaseRequest,
    body: bytes,
    etag: str,
    *,
    headers: dict[str, str] | None = None,
    content_type: str = JSON,
    cache: str = NO_STORE,
) -> "Answer":
    """Return 200 with an `ETag`, or 304 if `If-None-Match` has it.

    Args:
        request: The request.
        body: What it asks for.
        etag: Identifies the body, without quotes.
        headers: Further headers of both answers.
        content_type: The media type of the body.
        cache: What caches may do with it, as `Cache-Control`.
    """
    known = request.headers.get("If-None-Match", "")
    all_headers = {**(headers or {}), "ETag": f'"{etag}"'}
    if f'"{etag}"' in known or known.strip() == "*":
        return Answer(304, headers=all_headers, cache=cache)
    return Answer(200, body, headers=all_headers, content_type=content_type, cache=cache)


class SharedBody:
    """A body that several answers send: one copy, kept until the last of them is sent."""

    __slots__ = ("__weakref__", "body", "owner", "version")

    def __init__(self, body: bytes, version: object, owner: str | None) -> None:
        self.body = body
        #: The version of its subject that it shows.
        self.version = version
        #: Name of the caller that its subject belongs to.
        self.owner = owner


class Answer:
    """One answer in one piece.

    Args:
        status: Its HTTP status.
        body: Its body.
        headers: Further headers, such as `Retry-After`. Their values are not escaped: check them before.
        content_type: The media type of the body.
        cache: What caches may do with it, as `Cache-Control`.
        close: Whether the connection ends after this answer.
    """

    __slots__ = (
        "_request",
        "body",
        "cache",
        "content_type",
        "headers",
        "held",
        "keep_alive",
        "linger",
        "request_id",
        "status",
        "write_deadline",
    )

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        content_type: str = JSON,
        cache: str = NO_STORE,
        close: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.content_type = content_type
        self.cache = cache
        #: Whether the connection stays open; None = as the request asks, decided by `prepare`.
        self.keep_alive: bool | None = False if close else None
        #: Kept alive until the answer is sent: the body that it shares with others.
        self.held: SharedBody | None = None
        self.request_id = ""
        #: Seconds for which a client that is still sending may read this last answer.
        self.linger = 0.0
        #: Seconds after which a client that does not read is cut off.
        self.write_deadline = 30.0
        self._request: BaseRequest | None = None

    @classmethod
    def shared(cls, shared: SharedBody, headers: dict[str, str] | None = None, *, status: int = 200) -> Self:
        """Return an answer whose body other answers may send, too."""
        answer = cls(status, shared.body, headers=headers)
        answer.held = shared
        return answer

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)

    async def prepare(self, request: BaseRequest) -> None:
        """Remember the request that is answered."""
        self._request = request

    async def write_eof(self) -> None:
        """Write the whole answer; raises `ConnectionError` if the client has gone."""
        if self._request is not None and (rest := self.write(self._request)):
            await rest

    def write(self, request: BaseRequest) -> Awaitable[None] | None:
        """Decide whether the connection stays open, and write the answer.

        Returns:
            What is left to be awaited; None = nothing, as with most answers.

        Raises:
            ConnectionError: The client has gone.
        """
        self.decide(request)
        if request.transport is None:
            raise ConnectionResetError("The client has gone.")
        is_bodiless = self.status in _BODILESS
        body = b"" if is_bodiless or request.method == "HEAD" else self.body
        head = self._head_for(request, "" if is_bodiless else f"Content-Length: {len(self.body)}\r\n")
        if len(body) > LARGE or self.linger:
            return self._write_slowly(request, head, body)
        request.transport.write(head + body)
        # An idle connection keeps its last answer; it must not keep the body.
        self.body, self.held = b"", None
        # Answers pile up for a client that keeps sending and never reads.
        return self._in_time(request, request.writer.drain()) if request.protocol.writing_paused else None

    def decide(self, request: BaseRequest) -> None:
        """Decide whether the connection stays open, unless that is known."""
        if self.keep_alive is None:
            self.keep_alive = request.keep_alive

    async def _write_slowly(self, request: BaseRequest, head: bytes, body: bytes) -> None:
        try:
            await self._in_time(request, _write_in_pieces(request, head, body))
            if self.linger:
                await _let_it_be_read(request, self.linger)
        finally:
            self.body, self.held = b"", None

    def _head_for(self, request: BaseRequest, framing: str) -> bytes:
        """Return the status line and all headers; `framing` is the line that says where the body ends."""
        connection = ""
        if not self.keep_alive:
            connection = "Connection: close\r\n"
        elif request.version < (1, 1):
            connection = "Connection: keep-alive\r\n"
        headers = "".join([f"{name}: {value}\r\n" for name, value in self.headers.items()])
        return (
            f"{_head(self.status, self.content_type, self.cache)}{_date(int(time.time()))}"
            f"X-Request-ID: {self.request_id}\r\n{headers}{connection}{framing}\r\n"
        ).encode("latin-1")

    async def _in_time(self, request: BaseRequest, written: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self.write_deadline):
                await written
        except TimeoutError:
            reset(request)
            raise ConnectionResetError("The client did not read its answer.") from None


async def _write_in_pieces(request: BaseRequest, head: bytes, body: bytes) -> None:
    """Write a large body as fast as it is read, so that no connection holds a copy of it."""
    if request.transport is not None:
        request.transport.write(head)
    view = memoryview(body)
    for at in range(0, len(body), LARGE):
        if request.transport is None:
            raise ConnectionResetError("The client has gone.")
        request.transport.write(view[at : at + LARGE])
        await request.writer.drain()


async def _let_it_be_read(request: BaseRequest, seconds: float) -> None:
    """Send FIN, which TLS does not have, and wait for the client to hang up: that cancels this request."""
    if request.transport is not None:
        if request.transport.can_write_eof():
            request.transport.write_eof()
        await asyncio.sleep(seconds)


def reset(request: BaseRequest) -> None:
    """Close the connection and discard what is still to be sent."""
    transport = request.transport
    if transport is None:
        return
    if (connected := transport.get_extra_info("socket")) is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
