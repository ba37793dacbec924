"""What other threads hand to an event loop."""

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")


class Intake(Generic[Item]):
    """Takes items from any thread, and passes each on in the loop, in order.

    It does what `call_soon_threadsafe` does, with fewer steps: a blocking call waits for all of them.

    Args:
        loop: The loop, which may not be running yet.
        pass_on: Called in the loop with each item and the context of the thread that it comes from.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pass_on: Callable[[Item, Context], object]) -> None:
        self._loop = loop
        self._pass_on = pass_on
        #: Each step of a deque is atomic: all threads use it.
        self._items: deque[tuple[Item, Context]] = deque()
        self._bell: _Bell | None = _Eventfd() if sys.platform == "linux" else _Sockets()
        loop.add_reader(self._bell.fd, self.pass_on_all)

    def put(self, item: Item) -> None:
        """Hand an item over.

        Raises:
            IntakeClosed: Nobody takes it any more.
        """
        self._items.append((item, copy_context()))
        # The thread keeps the bell while it uses it: the number of a closed file may have a new owner.
        bell = self._bell
        if bell is None:
            raise IntakeClosed
        bell.ring()

    def pass_on_all(self) -> None:
        """Pass on what there is, in the loop."""
        if self._bell is not None:
            self._bell.silence()
        while self._items:
            self._pass_on(*self._items.popleft())

    def close(self) -> None:
        """Take nothing more, and forget what there is; in the loop."""
        if self._bell is not None:
            self._loop.remove_reader(self._bell.fd)
            self._bell = None
        self._items.clear()


class IntakeClosed(Exception):
    """The loop is closed, or about to be."""


class _Bell(Protocol):
    """Wakes a loop from any thread. It is closed when nobody refers to it any longer."""

    #: What the loop watches.
    fd: int

    def ring(self) -> None: ...

    def silence(self) -> None: ...


class _Eventfd:
    """A counter of the kernel."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.fd)

    def ring(self) -> None:
        os.eventfd_write(self.fd, 1)

    def silence(self) -> None:
        with suppress(BlockingIOError):  # it has not been rung
            os.eventfd_read(self.fd)


class _Sockets:
    """A pair of sockets, where there is no such counter."""

    def __init__(self) -> None:
        self._loops_end, self._threads_end = socket.socketpair()
        for end in (self._loops_end, self._threads_end):
            end.setblocking(False)
        self.fd = self._loops_end.fileno()

    def __del__(self) -> None:
        self._threads_end.close()
        self._loops_end.close()

    def ring(self) -> None:
        with suppress(BlockingIOError):  # the loop has been woken and has not come to it yet
            self._threads_end.send(b"\0")

    def silence(self) -> None:
        with suppress(BlockingIOError):
            self._loops_end.recv(4096)
