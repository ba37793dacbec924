"""Answers that are written piece by piece while they are made, such as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp.web import BaseRequest

from jobgate.gateway.http.answers import Answer


class StreamedAnswer(Answer):
    """An answer whose body is made while it is sent: chunked, or up to the connection's end for HTTP/1.0.

    The door writes it while the request is still being handled, so that a client which hangs up cancels
    `pieces`. The next piece is requested when the client has read enough of those before.

    Args:
        pieces: Makes the body; always closed, even if it is never iterated.
        content_type: The media type of the body.
        headers: As in `Answer`.
        if_too_slow: The last piece for a client that has not read in time. It has as much time again to read
            that. By default it is cut off at once.
    """

    __slots__ = ("_if_too_slow", "_pieces", "_sent")

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        content_type: str,
        headers: dict[str, str] | None = None,
        if_too_slow: bytes = b"",
    ) -> None:
        super().__init__(200, headers=headers, content_type=content_type)
        self._pieces = pieces
        self._if_too_slow = if_too_slow
        self._sent = 0

    @property
    def size(self) -> int:
        """Bytes of the body that were sent."""
        return self._sent

    async def send(self, request: BaseRequest) -> None:
        """Write all of it; raises `ConnectionError` if the client goes away, and what `pieces` raises."""
        is_chunked = request.version >= (1, 1)
        if not is_chunked:
            self.keep_alive = False
        self.decide(request)
        async with aclosing(self._pieces) as pieces:
            framing = "Transfer-Encoding: chunked\r\n" if is_chunked else ""
            await self._pass_on(request, self._head_for(request, framing))
            if request.method == "HEAD":
                return
            try:
                async for piece in pieces:
                    await self._pass_on(request, self._framed(piece, is_chunked))
            except _TooSlow as slow:
                self.keep_alive = False
                self._put(request, self._framed(self._if_too_slow, is_chunked))
                await self._in_time(request, slow.reading)
            if is_chunked:
                await self._pass_on(request, b"0\r\n\r\n")

    def _framed(self, piece: bytes, is_chunked: bool) -> bytes:
        self._sent += len(piece)
        # An empty chunk would end the body.
        return b"%x\r\n%b\r\n" % (len(piece), piece) if piece and is_chunked else piece

    def _put(self, request: BaseRequest, data: bytes) -> None:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("The client has gone.")
        request.transport.write(data)

    async def _pass_on(self, request: BaseRequest, data: bytes) -> None:
        self._put(request, data)
        if request.protocol.writing_paused:
            await self._wait_for_reader(request)

    async def _wait_for_reader(self, request: BaseRequest) -> None:
        if not self._if_too_slow:
            await self._in_time(request, request.writer.drain())
            return
        reading = asyncio.ensure_future(request.writer.drain())
        try:
            await asyncio.wait([reading], timeout=self.write_deadline)
        except BaseException:
            reading.cancel()
            raise
        if not reading.done():
            raise _TooSlow(reading)
        reading.result()

    def write(self, request: BaseRequest) -> None:
        """Do nothing: it is written by now."""


class _TooSlow(Exception):
    """The client has not read in time; `reading` is done once it has."""

    def __init__(self, reading: "asyncio.Future[None]") -> None:
        super().__init__()
        self.reading = reading
