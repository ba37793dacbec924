"""A TCP proxy before several servers that cuts its connections when a test says so."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress


class CuttingProxy:
    """Forwards each connection to one of the servers that accept, in turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._count = len(ports)
        #: Connections of clients, each with what it has sent last.
        self._open: dict[asyncio.StreamWriter, bytes] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0
        #: Number of connections that were cut.
        self.cuts = 0
        #: Requests that begin so are cut off instead of forwarded; None = all are forwarded.
        self.refused: bytes | None = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self, asked: bytes = b"") -> None:
        """Reset all connections whose last request begins so."""
        found = [writer for writer, last in self._open.items() if last.startswith(asked)]
        for writer in found:
            writer.transport.abort()
        self.cuts += len(found)

    async def cut_every(self, seconds: float) -> None:
        """Cut until it is cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self.cut()

    async def end(self) -> None:
        """Close everything."""
        for each in self._serving:
            each.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._open[writer] = b""
        with suppress(OSError, asyncio.CancelledError):
            await self._forward(reader, writer)
        del self._open[writer]
        writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await self._connect()
        copying = [
            asyncio.create_task(_copy(self._requests(reader, writer), up_writer)),
            asyncio.create_task(_copy(_pieces(up_reader), writer)),
        ]
        try:
            await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in copying:
                each.cancel()
            await asyncio.gather(*copying, return_exceptions=True)
            up_writer.transport.abort()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> AsyncIterator[bytes]:
        """Yield what a client sends, and remember it."""
        async for data in _pieces(reader):
            if self.refused is not None and data.startswith(self.refused):
                writer.transport.abort()
                return
            self._open[writer] = data
            yield data

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(self._count):
            try:
                return await asyncio.open_connection("127.0.0.1", next(self._ports))
            except OSError:
                continue
        raise ConnectionRefusedError("no server accepts")


async def _pieces(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(1 << 16):
        yield data


async def _copy(pieces: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    async for data in pieces:
        writer.write(data)
        await writer.drain()
    # What was written before the end is sent before it.
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def cutting_proxy(*ports: int) -> AsyncIterator[CuttingProxy]:
    """Run a proxy before the servers on these ports of 127.0.0.1."""
    proxy = CuttingProxy(ports)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, backlog=2000)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
