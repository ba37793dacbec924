"""HTTP answers: small ones are written in one piece, large ones as fast as they are read.

aiohttp's `Response` builds a dictionary of headers and serialises it for each answer; that is a
quarter of the time of an enqueue. The gateway's heads differ only in a few lines, so they are kept
ready and an answer is one `write`. `Answer` has the members that aiohttp's connection asks of a
response: `prepare`, `write_eof`, `keep_alive`.
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

from jobgate.broker.job_marks import JobMark

JSON = "application/json"
PROBLEM = "application/problem+json"

#: Up to this a body goes into the socket's buffer, and there is nothing to wait for; larger ones go piece by
#: piece of this size.
LARGE = 64 * 1024


@lru_cache(maxsize=256)
def _head(status: int, content_type: str) -> str:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        "Server: jobgate",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "",
    ]
    if status in {204, 304}:
        del lines[1]
    return "\r\n".join(lines)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\n"


class SharedBody:
    """The body of a large answer, as long as somebody has still to be sent it."""

    __slots__ = ("__weakref__", "body", "mark", "owner")

    def __init__(self, body: bytes, mark: JobMark, owner: str | None) -> None:
        self.body = body
        #: The state of the job that it shows.
        self.mark = mark
        #: Who enqueued the job.
        self.owner = owner


class Answer:
    """One answer: status, body and further header lines.

    `headers` are whole lines that end in CRLF; whoever writes one has checked its value.
    """

    __slots__ = (
        "_request",
        "body",
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
        content_type: str = JSON,
        headers: str = "",
        close: bool = False,
    ) -> None:
        """`close` ends the connection after this answer."""
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers
        #: None = as the request wishes; settled by `prepare`.
        self.keep_alive: bool | None = False if close else None
        #: Kept alive until the answer is sent: what others share with it.
        self.held: object = None
        self.request_id = ""
        #: Seconds that a client which still sends has for reading this last answer.
        self.linger = 0.0
        #: Seconds until a client that does not read is cut.
        self.write_deadline = 30.0
        self._request: BaseRequest | None = None

    @classmethod
    def shared(cls, shared: SharedBody, headers: str = "", *, status: int = 200) -> Self:
        """Make an answer with a body that others may be sent, too."""
        answer = cls(status, shared.body, headers=headers)
        answer.held = shared
        return answer

    async def prepare(self, request: BaseRequest) -> None:
        """Settle whether the connection goes on."""
        self._request = request
        if self.keep_alive is None:
            self.keep_alive = request.keep_alive

    async def write_eof(self) -> None:
        """Write the whole answer; raises `ConnectionError` when nobody is there to read it."""
        try:
            await self._write()
        finally:
            # The connection keeps its last answer as long as it is idle: not the body.
            self.body, self.held = b"", None

    async def _write(self) -> None:
        request = self._request
        if request is None or request.transport is None:
            raise ConnectionResetError("The client has gone.")
        body = b"" if request.method == "HEAD" or self.status in {204, 304} else self.body
        if len(body) > LARGE:
            request.transport.write(self._head(request))
            await self._in_time(request, _stream(request, body))
        else:
            request.transport.write(self._head(request) + body)
            if request.protocol.writing_paused:
                # Answers pile up for a client that sends and sends, and never reads.
                await self._in_time(request, request.writer.drain())
        if self.linger:
            await _let_it_be_read(request, self.linger)

    def _head(self, request: BaseRequest) -> bytes:
        connection = ""
        if not self.keep_alive:
            connection = "Connection: close\r\n"
        elif request.version < (1, 1):
            connection = "Connection: keep-alive\r\n"
        length = "" if self.status in {204, 304} else f"Content-Length: {len(self.body)}\r\n"
        return (
            f"{_head(self.status, self.content_type)}{_date(int(time.time()))}"
            f"X-Request-ID: {self.request_id}\r\n{self.headers}{connection}{length}\r\n"
        ).encode("latin-1")

    async def _in_time(self, request: BaseRequest, written: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self.write_deadline):
                await written
        except TimeoutError:
            _reset(request)
            raise ConnectionResetError("The client did not read its answer.") from None


async def _stream(request: BaseRequest, body: bytes) -> None:
    """Write a large body as fast as it is read, so that no connection holds a copy of it."""
    view = memoryview(body)
    for at in range(0, len(body), LARGE):
        if request.transport is None:
            raise ConnectionResetError("The client has gone.")
        request.transport.write(view[at : at + LARGE])
        await request.writer.drain()


async def _let_it_be_read(request: BaseRequest, seconds: float) -> None:
    """Say that this was all, and wait for the client to hang up: that ends this request."""
    if request.transport is not None and request.transport.can_write_eof():
        request.transport.write_eof()
        await asyncio.sleep(seconds)


def _reset(request: BaseRequest) -> None:
    """Close the connection and let the kernel forget what it still had to send."""
    transport = request.transport
    if transport is None:
        return
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
