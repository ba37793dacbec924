"""SIGINT and SIGTERM: the first stops the worker, a further one hurries it."""

import asyncio
import contextlib
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

OnSignal = Callable[[signal.Signals], None]
#: Seconds after which a loop that has nothing to do looks for a signal that came just before it fell asleep.
_LOOK: Final = 0.5


@contextmanager
def stop_signals(on_signal: OnSignal) -> Iterator[None]:
    """Have the running loop call `on_signal` at SIGINT and SIGTERM, until the block ends.

    Several blocks at the same time are all called, and so is a handler that the program has set before: it
    is put back at the end. Processes that are forked meanwhile get that handler, not ours.

    Outside of the main thread there are no signals, and nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    listener = _Listener(asyncio.get_running_loop(), on_signal)
    for each in _SIGNALS:
        each.add(listener)
    try:
        yield
    finally:
        listener.close()
        for each in _SIGNALS:
            each.remove(listener)


class _Listener:
    """Who is called, and in which loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_signal: OnSignal) -> None:
        self._loop = loop
        self._on_signal = on_signal
        self._look()

    def close(self) -> None:
        self._next_look.cancel()

    def _look(self) -> None:
        self._next_look = self._loop.call_later(_LOOK, self._look)

    def tell(self, sign: signal.Signals) -> None:
        with contextlib.suppress(RuntimeError):  # its loop was closed
            self._loop.call_soon_threadsafe(self._on_signal, sign)


class _Signal:
    """One signal, who listens to it, and whose it was before.

    `loop.add_signal_handler` would not do: it forgets the handler before, and it hears of signals through a
    socket that forked children share, so that the signal of a child is taken for the parent's. A handler of
    Python's `signal` module is called only in the process that got the signal.
    """

    def __init__(self, sign: signal.Signals) -> None:
        self._sign = sign
        self._listeners: list[_Listener] = []
        self._before: Any = signal.SIG_DFL
        self._is_handling = False

    def add(self, listener: _Listener) -> None:
        if signal.getsignal(self._sign) != self._handle:
            # None: a handler that is not Python's and cannot be put back.
            self._before = signal.getsignal(self._sign) or signal.SIG_DFL
            signal.signal(self._sign, self._handle)
        self._listeners.append(listener)

    def remove(self, listener: _Listener) -> None:
        self._listeners.remove(listener)
        if not self._listeners:
            self._put_back(self._before)

    def forget(self) -> None:
        """In a forked child: leave the signal to whoever had it before."""
        self._listeners.clear()
        self._put_back(signal.default_int_handler if _is_runners(self._before) else self._before)

    def _put_back(self, before: Any) -> None:
        if signal.getsignal(self._sign) == self._handle:  # else the program has set one of its own since
            signal.signal(self._sign, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_handling:  # the handler before ours calls the one before its own: us
            return
        self._is_handling = True
        try:
            for listener in self._listeners:
                listener.tell(self._sign)
            if callable(self._before) and not _is_default(self._before):
                self._before(number, frame)
        finally:
            self._is_handling = False


def _is_default(handler: object) -> bool:
    """Whether a handler is what Python or `asyncio.run` do at a Ctrl-C when nobody has said otherwise."""
    return handler is signal.default_int_handler or _is_runners(handler)


def _is_runners(handler: object) -> bool:
    """Whether a handler is that of `asyncio.run`, which cancels its main task."""
    inner = handler.func if isinstance(handler, functools.partial) else None
    return isinstance(getattr(inner, "__self__", None), asyncio.Runner)


_SIGNALS: Final = (_Signal(signal.SIGINT), _Signal(signal.SIGTERM))


def _forget_in_child() -> None:
    if any(each._listeners for each in _SIGNALS):
        for each in _SIGNALS:
            each.forget()
        # Else the child's signals reach the parent's loop through the socket that they share.
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
