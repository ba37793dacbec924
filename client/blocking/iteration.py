"""Iteration over what an async client yields, in a thread that waits for each item."""

import asyncio
import os
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import aclosing, suppress
from typing import Any, Generic, Protocol, TypeVar

from jobgate.client.errors import ClientClosed

T = TypeVar("T")

#: How many items may wait for the thread that iterates: it gets all of them in one turn.
_AHEAD = 64

_ANOTHER_LOOP = "The client was closed, or the process forked, during this iteration: begin another one."


class Run(Protocol):
    """Runs a coroutine in the loop of a client and returns its result."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Wait for the coroutine."""


def iterate(run: Run, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """Yield what an async generator yields. Where the iteration is left early, the generator is closed.

    Args:
        run: Runs the steps of the iteration.
        items: The generator; its errors are raised here.
    """
    iteration = _Iteration(items)
    try:
        while some := run(iteration.some()):
            yield from some
    finally:
        iteration.abandon()


class _Iteration(Generic[T]):
    """An async generator that one task goes through: so its own timeouts work, which belong to one task."""

    def __init__(self, items: AsyncGenerator[T, None]) -> None:
        self._items = items
        self._process = os.getpid()
        self._task: asyncio.Task[None] | None = None
        self._ready: list[T] = []
        #: Set when there are items, and at the end.
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    async def some(self) -> list[T]:
        """Return the items that are ready, at least one; none at the end.

        Raises:
            ClientClosed: The client was closed since the start, or this is another process.
        """
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._go_through())
        if self._task.get_loop() is not loop:
            raise ClientClosed(_ANOTHER_LOOP)
        await self._arrived.wait()
        items, self._ready = self._ready, []
        self._taken.set()
        if not self._task.done():
            self._arrived.clear()
        elif not items:
            self._task.result()  # raises its error
        return items

    async def _go_through(self) -> None:
        try:
            async with aclosing(self._items):
                async for item in self._items:
                    self._ready.append(item)
                    self._arrived.set()
                    if len(self._ready) >= _AHEAD:
                        self._taken.clear()
                        await self._taken.wait()
        finally:
            self._arrived.set()

    def abandon(self) -> None:
        """Close the generator, and do not wait for that: the interpreter may be shutting down."""
        if self._task is not None and self._process == os.getpid():
            with suppress(RuntimeError):  # the loop is closed
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
