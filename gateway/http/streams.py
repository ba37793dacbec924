"""Answers that are written piece by piece while they are made, such as server-sent events."""

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
    """

    __slots__ = ("_pieces", "_sent")

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        content_type: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(200, headers=headers, content_type=content_type)
        self._pieces = pieces
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
        await self.prepare(request)
        async with aclosing(self._pieces) as pieces:
            framing = "Transfer-Encoding: chunked\r\n" if is_chunked else ""
            await self._pass_on(request, self._head_for(request, framing))
            if request.method == "HEAD":
                return
            async for piece in pieces:
                if piece:  # an empty chunk would end the body
                    framed = b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece
                    await self._pass_on(request, framed)
                    self._sent += len(piece)
            if is_chunked:
                await self._pass_on(request, b"0\r\n\r\n")

    async def _pass_on(self, request: BaseRequest, data: bytes) -> None:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("The client has gone.")
        request.transport.write(data)
        if request.protocol.writing_paused:
            await self._in_time(request, request.writer.drain())

    async def write_eof(self) -> None:
        """Do nothing: it is written by now."""
