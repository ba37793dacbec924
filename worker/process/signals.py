"""SIGINT and SIGTERM: the first stops the worker, a second one skips the waiting."""

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
#: Seconds after which an idle loop looks for a signal that arrived just before it went to sleep.
_LOOK: Final = 0.5


@contextmanager
def stop_signals(on_signal: OnSignal) -> Iterator[None]:
    """Call `on_signal` in the running loop at SIGINT and SIGTERM, until the block ends.

    Blocks may overlap: all of them are called, and so is the handler that the program had set before. That
    one is restored at the end. Processes forked in the meantime get it instead of ours.

    Outside of the main thread there are no signals, and nothing happens.
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
    """One `on_signal` and the loop in which it is called."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_signal: OnSignal) -> None:
        self._loop = loop
        self._on_signal = on_signal
        self._look()

    def close(self) -> None:
        self._next_look.cancel()

    def _look(self) -> None:
        self._next_look = self._loop.call_later(_LOOK, self._look)

    def notify(self, sign: signal.Signals) -> None:
        with contextlib.suppress(RuntimeError):  # its loop was closed
            self._loop.call_soon_threadsafe(self._on_signal, sign)


class _Signal:
    """One signal, its listeners, and its handler before them.

    `loop.add_signal_handler` will not do: it forgets the previous handler. It also learns of signals through
    a socket that forked children share, so that a signal to a child looks like one to the parent. A handler
    of Python's `signal` module is called only in the process that got the signal.
    """

    def __init__(self, sign: signal.Signals) -> None:
        self._sign = sign
        self._listeners: list[_Listener] = []
        self._before: Any = signal.SIG_DFL
        self._is_handling = False

    def add(self, listener: _Listener) -> None:
        if signal.getsignal(self._sign) != self._handle:
            # None stands for a handler in C, which cannot be restored.
            self._before = signal.getsignal(self._sign) or signal.SIG_DFL
            signal.signal(self._sign, self._handle)
        self._listeners.append(listener)

    def remove(self, listener: _Listener) -> None:
        self._listeners.remove(listener)
        if not self._listeners:
            self._restore(self._before)

    def forget(self) -> None:
        """In a forked child: restore the previous handler."""
        self._listeners.clear()
        self._restore(signal.default_int_handler if _is_runners(self._before) else self._before)

    def _restore(self, before: Any) -> None:
        if signal.getsignal(self._sign) == self._handle:  # else the program has set its own in the meantime
            signal.signal(self._sign, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_handling:  # the previous handler calls its own predecessor: us
            return
        self._is_handling = True
        try:
            for listener in self._listeners:
                listener.notify(self._sign)
            if callable(self._before) and not _is_default(self._before):
                self._before(number, frame)
        finally:
            self._is_handling = False


def _is_default(handler: object) -> bool:
    """Whether a handler is the default of Python or of `asyncio.run` for Ctrl-C."""
    return handler is signal.default_int_handler or _is_runners(handler)


def _is_runners(handler: object) -> bool:
    """Whether a handler is the one of `asyncio.run`, which cancels its main task."""
    inner = handler.func if isinstance(handler, functools.partial) else None
    return isinstance(getattr(inner, "__self__", None), asyncio.Runner)


_SIGNALS: Final = (_Signal(signal.SIGINT), _Signal(signal.SIGTERM))


def _forget_in_child() -> None:
    if any(each._listeners for each in _SIGNALS):
        for each in _SIGNALS:
            each.forget()
        # Otherwise the child's signals reach the parent's loop through the socket that they share.
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
