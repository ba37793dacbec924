"""A client for tests, which closes its connections with the event loop in which a test uses it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, cast

from prometheus_client import CollectorRegistry

from jobgate.client import Client, Transport
from jobgate.testing.servers.loop_thread import LoopThread

#: Seconds that a call waits for its result: nothing runs in a test unless the test says so.
CALL_TIMEOUT = 5.0


class ClientInTest(Client):
    """A `Client` that nobody has to close, and that works in whatever loop runs the test.

    Args:
        url: As in `Client`.
        namespace: As in `Client`.
        serializer: As in `Client`.
    """

    def __init__(self, url: str, *, namespace: str, serializer: str) -> None:
        super().__init__(
            url,
            timeout=CALL_TIMEOUT,
            namespace=namespace,
            serializer=serializer,
            registry=CollectorRegistry(),
        )
        self._own = self._transport
        self._closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}
        self._transport = cast("Transport", _Noticing(self))

    def begin(self, thread: LoopThread) -> None:
        """Allow calls."""
        thread.run(self._own.open())

    def transport_here(self) -> Transport:
        """Return the transport, and see that what it opens in the running loop is closed with it.

        A loop that ends closes the generators that began in it: `asyncio.Runner` does, and so does each
        plugin of pytest.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._closers:
            closer = self._closers[loop] = self._closer()
            with suppress(StopIteration):
                closer.__anext__().send(None)
        return self._own

    async def _closer(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self._own.leave()

    def end(self) -> None:
        """Close what is left in loops that continue after the test, such as that of a module or session."""
        for loop, closer in self._closers.items():
            if not (loop.is_closed() or loop.is_running()):
                loop.run_until_complete(closer.aclose())
        self._closers.clear()


class _Noticing:
    """A transport that is looked up anew for each request."""

    def __init__(self, client: ClientInTest) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client.transport_here(), name)
