"""Limits how many requests may wait for a job at the same time, and ends all waits at a shutdown."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from jobgate.gateway.auth.callers import Caller
from jobgate.gateway.counts import HostCounts, Occupancy
from jobgate.gateway.http import Problem

Result = TypeVar("Result")


class Waits:
    """The waits in flight of one gateway, with those of the processes that share its counts.

    Args:
        limit: The most waits of all callers together.
        limit_per_key: The most waits of one key that has no limit of its own.
        counts: Where they are counted.
    """

    def __init__(self, *, limit: int, limit_per_key: int, counts: HostCounts | None = None) -> None:
        self._limit = limit
        self._limit_per_key = limit_per_key
        self._taken = Occupancy(counts or HostCounts(), "waits")
        self._scopes: set[asyncio.Timeout] = set()
        self._ended = False

    @property
    def count(self) -> int:
        """Number of waits in flight."""
        return self._taken.taken()

    @contextmanager
    def place(self, caller: Caller) -> Iterator[None]:
        """Hold one slot for a wait; raises `Problem` 429 if there is none."""
        name = caller.name
        if self.count >= self._limit:
            raise Problem("too-many-waits", "Try again without a wait, or later.")
        limit = self._limit_per_key if caller.waits is None else caller.waits
        if name is not None and self._taken.taken(name) >= limit:
            raise Problem("too-many-waits", "This key has too many waits in flight.")
        self._taken.add(1, name)
        try:
            yield
        finally:
            self._taken.add(-1, name)

    async def run(self, waiting: Callable[[], Awaitable[Result | None]]) -> Result | None:
        """Return what `waiting` returns; None if the gateway shuts down first."""
        if self._ended:
            return None
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._scopes.add(scope)
                return await waiting()
        except TimeoutError:
            return None
        finally:
            self._scopes.discard(scope)

    def end_all(self) -> None:
        """End all waits, now and in future: their requests are answered as if the wait were over."""
        self._ended = True
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(now)
