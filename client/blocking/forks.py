"""Forks of a process in which event loops run in threads.

A child has a copy of everything as it was, except for the threads. What another thread had locked, such as a
counter of the metrics, would stay locked for ever. So all loops stand still, between two steps, while the
process forks. In the child, the first call of a client starts a new thread: loop_thread.py, portal.py.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Held while the process forks, and by code that a fork must not interrupt. In a child it is free.
fork_lock = threading.RLock()

#: Seconds to wait for one loop. It takes longer only where it runs slow code of the program: a serializer.
_PATIENCE = 1.0

#: The running loops, with their threads.
_running: dict[asyncio.AbstractEventLoop, int] = {}
#: What ends the standstill of each fork that is under way.
_standstills: list[threading.Event] = []


@contextmanager
def standing_still_in_forks(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let a loop that this thread runs in the block stand still while the process forks."""
    _running[loop] = threading.get_ident()
    try:
        yield
    finally:
        _running.pop(loop, None)


def _stop_all() -> None:
    fork_lock.acquire()
    over = threading.Event()
    _standstills.append(over)
    for loop, thread in list(_running.items()):
        if thread != threading.get_ident():
            stands = threading.Event()
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(_stand, stands, over)
                stands.wait(_PATIENCE)


def _stand(stands: threading.Event, over: threading.Event) -> None:
    stands.set()
    over.wait()


def _go_on() -> None:
    _standstills.pop().set()
    fork_lock.release()


def _forget_all() -> None:
    """In the child, forget the loops of its parent. Their threads are gone, and can never be joined."""
    _running.clear()
    _standstills.clear()
    fork_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_stop_all, after_in_parent=_go_on, after_in_child=_forget_all)
