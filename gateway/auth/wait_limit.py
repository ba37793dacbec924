"""Limits how many requests may wait for a job at the same time, and ends all waits at a shutdown."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

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
        #: What waits, apart from what was ended.
        self._running: set[asyncio.Task[Any]] = set()
        self._ended = False

    @property
    def count(self) -> int:
        """Number of waits in flight."""
        return self._taken.taken()

    def take(self, caller: Caller) -> None:
        """Take one slot for a wait, to be given back; raises `Problem` 429 if there is none."""
        name = caller.name
        if self.count >= self._limit:
            raise Problem("too-many-waits", "Try again without a wait, or later.")
        limit = self._limit_per_key if caller.waits is None else caller.waits
        if name is not None and self._taken.taken(name) >= limit:
            raise Problem("too-many-waits", "This key has too many waits in flight.")
        self._taken.add(1, name)

    def give_back(self, caller: Caller) -> None:
        """Give a slot back that was taken."""
        self._taken.add(-1, caller.name)

    async def run(self, waiting: Callable[[], Awaitable[Result | None]]) -> Result | None:
        """Return what `waiting` returns; None if the gateway shuts down first."""
        # Without asyncio.timeout, which takes longer than all the rest.
        task = asyncio.current_task()
        if self._ended or task is None:
            return None
        before = task.cancelling()
        self._running.add(task)
        try:
            return await waiting()
        except asyncio.CancelledError:
            if task not in self._running and task.uncancel() <= before:
                return None
            raise
        finally:
            self._running.discard(task)

    def end_all(self) -> None:
        """End all waits, now and in future: their requests are answered as if the wait were over."""
        self._ended = True
        running, self._running = self._running, set()
        for task in running:
            task.cancel()
