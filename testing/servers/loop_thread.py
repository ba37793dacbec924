"""An event loop in a thread of its own, for what tests use without awaiting it."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from jobgate.testing.errors import TestingError

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for code that cannot await them: plain tests, and methods that are not coroutines."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._end: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, name="jobgate-testing", daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        asyncio.run(self._until_closed())

    async def _until_closed(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._end.wait()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, and return its result or raise its error.

        Raises:
            TestingError: A job calls this that runs in this very loop: it would wait for itself.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise TestingError("Ask in the test, not in a function that `with worker.running()` runs.")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    @property
    def is_open(self) -> bool:
        """Whether it can run coroutines."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the loop and its thread. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
