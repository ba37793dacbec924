"""Items of an iterable, pulled as they are wanted."""

import asyncio
from collections.abc import AsyncIterable, Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
#: Where items come from.
Source = Iterable[Item] | AsyncIterable[Item]


class Feed(Generic[Item]):
    """Pulls items from a source in the background; used as an async context manager.

    Args:
        source: The items. One that is not asynchronous is iterated in the event loop, and should not block.
        ahead: Most items that are pulled before they are taken.
    """

    def __init__(self, source: Source[Item], *, ahead: int) -> None:
        self._source = source
        self._ahead = ahead
        self._pulled: list[Item] = []
        self._has_some, self._has_room = asyncio.Event(), asyncio.Event()
        self._pulling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to pull."""
        self._pulling = asyncio.create_task(self._pull_all())
        self._pulling.add_done_callback(lambda _: self._has_some.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop pulling."""
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait([self._pulling])

    async def take(self, most: int) -> list[Item]:
        """Return up to so many items, at least one; empty at the end. Raises what the source has raised."""
        while not self._pulled:
            if self._pulling is None or self._pulling.done():
                if self._pulling is not None:
                    self._pulling.result()
                return []
            self._has_some.clear()
            await self._has_some.wait()
        taken, self._pulled = self._pulled[:most], self._pulled[most:]
        self._has_room.set()
        return taken

    async def _pull_all(self) -> None:
        if isinstance(self._source, AsyncIterable):
            async for item in self._source:
                await self._add(item)
        else:
            for item in self._source:
                await self._add(item)

    async def _add(self, item: Item) -> None:
        self._pulled.append(item)
        self._has_some.set()
        while len(self._pulled) >= self._ahead:
            self._has_room.clear()
            await self._has_room.wait()
