"""A TCP proxy before a server that loses one message and closes the connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

Loss = Literal["request", "answer"]


class Proxy:
    """Forwards everything but the message that it is told to lose.

    A client's write counts as one request: redis clients write a command in one piece.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._lose: tuple[Loss, int] | None = None
        self._words: bytes | None = None
        self._open = asyncio.Event()
        self._open.set()
        #: Requests seen since the last `lose`.
        self.requests = 0
        #: Whether the message has been lost.
        self.lost = False

    @property
    def url(self) -> str:
        """`redis://` URL of the proxy."""
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def lose(self, what: Loss, number: int) -> None:
        """Lose the `number`-th request from now, or the answer to it, and close its connection."""
        self._lose, self.requests, self.lost = (what, number), 0, False

    def lose_answer_to(self, words: bytes) -> None:
        """Lose the answer to the next request that holds these; no later one gets through until `reopen`."""
        self._words, self.lost = words, False

    def reopen(self) -> None:
        """Let requests through again."""
        self._open.set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            async with asyncio.TaskGroup() as group:
                muted = asyncio.Event()
                group.create_task(self._requests(reader, up_writer, muted))
                group.create_task(self._answers(up_reader, writer, muted))
        except* (_Closed, OSError):
            pass
        finally:
            for one in (writer, up_writer):
                one.close()

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await reader.read(1 << 20):
            self.requests += 1
            await self._open.wait()
            if self._words is not None and self._words in data:
                self._words, self.lost = None, True
                self._open.clear()
                muted.set()
            if self._lose is not None and self._lose[1] == self.requests:
                what, self._lose, self.lost = self._lose[0], None, True
                if what == "request":
                    raise _Closed
                muted.set()
            upstream.write(data)
            await upstream.drain()
        raise _Closed

    async def _answers(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event
    ) -> None:
        while data := await upstream.read(1 << 20):
            if muted.is_set():
                raise _Closed
            writer.write(data)
            await writer.drain()
        raise _Closed


class _Closed(Exception):
    """One side hung up."""


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """Run a proxy before the server on `port`."""
    proxy = Proxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
