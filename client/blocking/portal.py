"""The way from blocking callers to the event loop in which their client works."""

import sys
import weakref
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, TypeVar

from jobgate.client.blocking.forks import fork_lock
from jobgate.client.blocking.loop_thread import CLOSED, LoopThread
from jobgate.client.errors import ClientClosed, WouldDeadlock

T = TypeVar("T")

_FINALIZING = "The interpreter has shut down the threads: call functions before, or in a handler of `atexit`."


class Portal:
    """Runs the coroutines of one client in a thread, which the first call in each process starts.

    The thread ends with `close`, or when nothing refers to the portal any longer.

    Args:
        client: Entered in the thread's loop, and left at the end of the thread.
    """

    def __init__(self, client: AbstractAsyncContextManager[object]) -> None:
        self._client = client
        self._thread: LoopThread | None = None
        self._is_open = True

    def open(self) -> None:
        """Allow calls, also after `close`."""
        self._is_open = True

    def close(self) -> None:
        """Cancel all calls, and wait until the thread has ended. Safe to call twice."""
        with fork_lock:
            self._is_open = False
            thread = self._thread
        if thread is not None:
            thread.stop()
            with suppress(WouldDeadlock):
                thread.join()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the client and return its result, or raise its error.

        Raises:
            ClientClosed: The client is closed, or was closed during the call.
            WouldDeadlock: The loop itself runs the code that makes this call.
        """
        thread = self._thread
        if thread is None or not thread.is_usable or sys.is_finalizing():
            try:
                thread = self._started()
            except BaseException:
                coroutine.close()
                raise
        return thread.run(coroutine)

    def _started(self) -> LoopThread:
        """Start the thread, unless another caller just has; first wait for the end of the one before."""
        if sys.is_finalizing():
            # The thread stands still for ever. Exit handlers run before that, finalizers of objects after it.
            raise ClientClosed(_FINALIZING)
        while True:
            with fork_lock:
                thread = self._thread
                if thread is not None and thread.is_usable:
                    return thread
                if not self._is_open:
                    raise ClientClosed(CLOSED)
                if thread is None or thread.has_ended:
                    return self._new_thread()
            thread.join()

    def _new_thread(self) -> LoopThread:
        try:
            thread = self._thread = LoopThread(self._client)
        except RuntimeError as error:
            # Also while the interpreter shuts down, since Python 3.12.
            raise ClientClosed(f"No thread can be started for the client ({error}).") from None
        # By a weak reference: a client that is opened again and again keeps no threads that have ended.
        weakref.finalize(self, _stop, weakref.ref(thread)).atexit = False
        return thread


def _stop(thread: "weakref.ref[LoopThread]") -> None:
    if (running := thread()) is not None:
        running.stop()
