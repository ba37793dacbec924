"""Parts of an object, such as connections, that belong to one event loop of one process.

A connection works only in the event loop that opened it, and a forked process must not use its parent's. Yet
programs that call `asyncio.run` again and again use one client or pool in many loops.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

Part = TypeVar("Part")

#: What a forked process has inherited. It is never released, as that would touch the parent's connections.
_inherited: list[Any] = []


class Home(NamedTuple):
    """An event loop in a process."""

    process: int
    loop: asyncio.AbstractEventLoop

    @classmethod
    def here(cls) -> "Home":
        """Return the running loop of this process."""
        return cls(os.getpid(), asyncio.get_running_loop())

    @classmethod
    def here_if_any(cls) -> "Home | None":
        """Return the running loop of this process, None if there is none."""
        try:
            return cls.here()
        except RuntimeError:
            return None

    @property
    def is_gone(self) -> bool:
        """Whether the loop is closed, or belongs to a parent process."""
        return self.process != os.getpid() or self.loop.is_closed()


class Openings:
    """Counts the blocks in which an object is open: several may overlap, in one loop or in many."""

    def __init__(self) -> None:
        # Only the thread of a loop changes the count of that loop.
        self._counts: dict[Home, int] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def enter(self) -> None:
        """Note that a block begins in the running loop."""
        home = Home.here()
        self._counts[home] = self._counts.get(home, 0) + 1

    def leave(self) -> bool:
        """Note that a block has ended; return whether the running loop has no other one."""
        home = Home.here()
        left = self._counts.get(home, 1) - 1
        if left:
            self._counts[home] = left
        else:
            self._counts.pop(home, None)
        return not left

    def clear(self) -> None:
        """Note that nothing is to be open any longer, whatever blocks there are."""
        self._counts.clear()


class PerLoop(Generic[Part]):
    """One part for each event loop, made when it is first needed.

    Args:
        make: Makes a part; called in the loop that it is for.
    """

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make
        # Several threads may run loops: each step is one atomic operation of a list or a dict.
        self._parts: dict[Home, Part] = {}

    def here(self) -> Part:
        """Return the part of the running loop."""
        home = Home.here()
        part = self._parts.get(home)
        if part is None:
            self.drop_gone()
            part = self._parts[home] = self._make()
        return part

    def take(self) -> Part | None:
        """Remove and return the part of the running loop, None if there is none; the caller closes it."""
        return self._parts.pop(Home.here(), None)

    def drop_gone(self) -> list[Part]:
        """Remove the parts whose loops are gone; return those of this process, which the caller closes."""
        left: list[Part] = []
        for home in [each for each in list(self._parts) if each.is_gone]:
            part = self._parts.pop(home, None)
            if part is not None:
                (left if home.process == os.getpid() else _inherited).append(part)
        return left
