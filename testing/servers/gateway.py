"""A gateway in this process, for tests of callers over HTTP."""

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from jobgate.gateway import GatewayError, GatewaySettings, serve
from jobgate.testing.errors import TestingError


class GatewayInTest:
    """A real gateway on a free port, in a thread of its own.

    Args:
        redis_url: Where Redis is.
        options: Further fields of `GatewaySettings`, such as `keys_text`.

    Raises:
        TestingError: It cannot start.
    """

    def __init__(self, redis_url: str, **options: Any) -> None:
        given = {"redis": redis_url, "port": 0, "loop": "asyncio", "drain": 0.0, "shutdown": 1.0, **options}
        self._settings = GatewaySettings(**given)
        self._ready = threading.Event()
        self._error: GatewayError | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        #: Where it listens, such as `http://127.0.0.1:40123`.
        self.url = ""
        self._thread = threading.Thread(target=self._run, name="jobgate-gateway", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise TestingError(f"The gateway cannot start: {self._error}") from self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except GatewayError as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve(self._settings, self._stop, self._listening)

    def _listening(self, url: str) -> None:
        self.url = url
        self._ready.set()

    def close(self) -> None:
        """Stop it, and wait until it has ended. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"GatewayInTest({self.url!r})"
