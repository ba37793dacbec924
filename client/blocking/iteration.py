"""Iteration over what an async client yields, by a thread that waits for it and takes items from a source."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from jobgate.client.errors import ClientClosed

T = TypeVar("T")
Item = TypeVar("Item")

#: How many results may wait for the thread: it gets all of them in one step.
_AHEAD = 64
#: Seconds after which the thread hands over what it has taken from a slow source.
_SLOW = 0.005

_ANOTHER_LOOP = "The client was closed, or the process forked, during this iteration: begin another one."


class Run(Protocol):
    """Runs a coroutine in the loop of a client and returns its result."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Wait for the coroutine."""


class Inlet(AsyncIterator[Item]):
    """The items of a source, for an async generator. The thread that iterates over its results takes them.

    So a source may block, make calls, or be bound to its thread.

    Args:
        source: The items.
        ahead: Most items that are taken before the generator asks for them; fewer where the source is slow.
    """

    def __init__(self, source: Iterator[Item], *, ahead: int) -> None:
        self._source = source
        self._ahead = ahead
        self._given: deque[Item] = deque()
        self._end: Exception | None = None
        self._changed = asyncio.Event()
        #: Whether the generator waits for an item; `wanted` is called when it begins to.
        self.is_wanted = False
        self.wanted = asyncio.Event()

    def take(self) -> "_Taken[Item]":
        """Take items from the source, in the thread that has it."""
        items: list[Item] = []
        until = monotonic() + _SLOW
        try:
            while not items or (len(items) < self._ahead and monotonic() < until):
                items.append(next(self._source))
        except StopIteration:
            return _Taken(items, StopAsyncIteration())
        except Exception as error:
            return _Taken(items, error)
        return _Taken(items, None)

    def give(self, taken: "_Taken[Item]") -> None:
        """Hand taken items over, in the loop."""
        self._given.extend(taken.items)
        self._end = taken.end
        self.is_wanted = False
        self._changed.set()

    def take_all(self) -> None:
        """Take all items at once, in the thread that has the source."""
        while self._end is None:
            self.give(self.take())

    async def __anext__(self) -> Item:
        while not self._given:
            if self._end is not None:
                raise self._end
            self.is_wanted = True
            self.wanted.set()
            self._changed.clear()
            await self._changed.wait()
        return self._given.popleft()


@dataclass(frozen=True, slots=True)
class _Taken(Generic[Item]):
    """Items of a source."""

    items: Sequence[Item]
    #: What the source raised after these, at its end a StopAsyncIteration; None = there may be more.
    end: Exception | None


def iterate(
    run: Run, results: AsyncGenerator[T, None], inlet: Inlet[Any] | None = None
) -> Generator[T, None, None]:
    """Yield what an async generator yields. Where the iteration is left early, the generator is closed.

    Args:
        run: Runs the steps of the iteration.
        results: The generator; its errors are raised here.
        inlet: What the generator takes its items from, if this thread has them.
    """
    iteration = _Iteration(results, inlet)
    try:
        taken = None
        while (ready := run(iteration.step(taken))) is not None:
            yield from ready
            taken = inlet.take() if inlet is not None and inlet.is_wanted else None
    finally:
        iteration.abandon()


class _Iteration(Generic[T]):
    """An async generator that one task goes through: so its own timeouts work, which belong to one task."""

    def __init__(self, results: AsyncGenerator[T, None], inlet: Inlet[Any] | None) -> None:
        self._results = results
        self._inlet = inlet
        self._process = os.getpid()
        self._task: asyncio.Task[None] | None = None
        self._ready: list[T] = []
        #: Set when there are results, when an item is wanted, and at the end.
        self._news = asyncio.Event() if inlet is None else inlet.wanted
        self._has_room = asyncio.Event()

    async def step(self, taken: _Taken[Any] | None) -> list[T] | None:
        """Return the results that are ready, perhaps none if an item is wanted; None at the end.

        Args:
            taken: Items that were wanted.

        Raises:
            ClientClosed: The client was closed since the start, or this is another process.
        """
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._go_through())
        if self._task.get_loop() is not loop:
            raise ClientClosed(_ANOTHER_LOOP)
        if self._inlet is not None and taken is not None:
            self._inlet.give(taken)
        await self._news.wait()
        ready, self._ready = self._ready, []
        self._has_room.set()
        if not self._task.done():
            self._news.clear()
        elif not ready:
            return self._task.result()  # or raise its error
        return ready

    async def _go_through(self) -> None:
        try:
            async with aclosing(self._results):
                async for result in self._results:
                    self._ready.append(result)
                    self._news.set()
                    if len(self._ready) >= _AHEAD:
                        self._has_room.clear()
                        await self._has_room.wait()
        finally:
            self._news.set()

    def abandon(self) -> None:
        """Close the generator, and do not wait for that: the interpreter may be shutting down."""
        if self._task is not None and self._process == os.getpid():
            with suppress(RuntimeError):  # the loop is closed
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
