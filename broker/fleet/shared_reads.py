"""Reads that several callers want at the same time, made once for all of them."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SharedReads(Generic[Key, Value]):
    """Runs one read at a time for each key.

    Callers that arrive while one runs share the next, so no answer is older than its request. A caller that
    is cancelled does not stop a read that others may share.
    """

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[Value]] = {}

    async def read(self, key: Key, make: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """Return what a read finds that begins now or later; raises what it raises.

        Args:
            key: Callers with the same key share a read.
            make: Starts the read; called only if there is none to share.
        """
        before = self._running.get(key)
        if before is not None:
            await asyncio.wait([before])
        running = self._running.get(key)
        if running is None or running.done():
            running = self._running[key] = asyncio.create_task(make())
            running.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(running)

    def _forget(self, key: Key, done: "asyncio.Task[Value]") -> None:
        if self._running.get(key) is done:
            del self._running[key]
        if not done.cancelled():
            done.exception()  # all callers may have gone away
