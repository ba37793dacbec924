"""HTTP answers, written in one piece.

aiohttp's `Response` builds a dictionary of headers and serialises it for each answer; that is a
quarter of the time of an enqueue. The gateway's heads differ only in a few lines, so they are kept
ready and an answer is one `write`. `Answer` has the members that aiohttp's connection asks of a
response: `prepare`, `write_eof`, `keep_alive`.
"""

import asyncio
import socket
import struct
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp.web import BaseRequest

JSON = "application/json"
PROBLEM = "application/problem+json"

#: Below this a write goes into the socket's buffer, and there is nothing to wait for.
_LARGE = 64 * 1024


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


class Answer:
    """One answer: status, body and further header lines.

    `headers` are whole lines that end in CRLF; whoever writes one has checked its value.
    """

    __slots__ = (
        "_request",
        "body",
        "content_type",
        "headers",
        "keep_alive",
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
        self.request_id = ""
        #: Seconds until a client that does not read is cut.
        self.write_deadline = 30.0
        self._request: BaseRequest | None = None

    async def prepare(self, request: BaseRequest) -> None:
        """Settle whether the connection goes on."""
        self._request = request
        if self.keep_alive is None:
            self.keep_alive = request.keep_alive

    async def write_eof(self) -> None:
        """Write the whole answer; raises `ConnectionError` when nobody is there to read it."""
        request = self._request
        if request is None or request.transport is None:
            raise ConnectionResetError("The client has gone.")
        request.transport.write(self._bytes(request))
        # The second: answers pile up for a client that sends and sends, and never reads.
        if len(self.body) > _LARGE or request.protocol.writing_paused:
            await self._drained(request)

    def _bytes(self, request: BaseRequest) -> bytes:
        connection = ""
        if not self.keep_alive:
            connection = "Connection: close\r\n"
        elif request.version < (1, 1):
            connection = "Connection: keep-alive\r\n"
        length = "" if self.status in {204, 304} else f"Content-Length: {len(self.body)}\r\n"
        head = (
            f"{_head(self.status, self.content_type)}{_date(int(time.time()))}"
            f"X-Request-ID: {self.request_id}\r\n{self.headers}{connection}{length}\r\n"
        ).encode("latin-1")
        return head if request.method == "HEAD" or not length else head + self.body

    async def _drained(self, request: BaseRequest) -> None:
        try:
            async with asyncio.timeout(self.write_deadline):
                await request.writer.drain()
        except TimeoutError:
            _reset(request)
            raise ConnectionResetError("The client did not read its answer.") from None


def _reset(request: BaseRequest) -> None:
    """Close the connection and let the kernel forget what it still had to send."""
    transport = request.transport
    if transport is None:
        return
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
