"""What other threads hand to an event loop."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Intake(Generic[Item]):
    """Takes items from any thread, and passes each on in the loop, in order.

    It does what `call_soon_threadsafe` does, with one turn of the loop for all items that are there, and with
    fewer steps for each. A blocking call waits for these steps.

    Args:
        loop: The loop, which may not be running yet.
        pass_on: Called in the loop with each item and the context of the thread that it comes from.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pass_on: Callable[[Item, Context], object]) -> None:
        self._loop = loop
        self._pass_on = pass_on
        #: Each step of a deque is atomic: all threads use it.
        self._items: deque[tuple[Item, Context]] = deque()
        self._loops_end, self._threads_end = socket.socketpair()
        for end in (self._loops_end, self._threads_end):
            end.setblocking(False)
        loop.add_reader(self._loops_end, self.pass_on_all)

    def put(self, item: Item) -> None:
        """Hand an item over.

        Raises:
            OSError: It is closed; nobody may have taken the item.
        """
        self._items.append((item, copy_context()))
        with suppress(BlockingIOError):  # the loop has been woken and has not come to it yet
            self._threads_end.send(b"\0")

    def pass_on_all(self) -> None:
        """Pass on what there is, in the loop."""
        with suppress(BlockingIOError):
            self._loops_end.recv(4096)
        while self._items:
            self._pass_on(*self._items.popleft())

    def close(self) -> None:
        """Take nothing more, and forget what there is; in the loop."""
        self._loop.remove_reader(self._loops_end)
        self._threads_end.close()
        self._loops_end.close()
        self._items.clear()
