"""SIGINT and SIGTERM: the first stops the worker, a further one hurries it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals(on_signal: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Have the running loop call `on_signal` at SIGINT and SIGTERM, until the block ends.

    Elsewhere than in the main thread there are no signals, and nothing is done.
    """
    loop = asyncio.get_running_loop()
    installed: list[signal.Signals] = []
    for each in _SIGNALS:
        try:
            loop.add_signal_handler(each, on_signal, each)
        except (NotImplementedError, RuntimeError, ValueError):
            break
        installed.append(each)
    try:
        yield
    finally:
        for each in installed:
            loop.remove_signal_handler(each)
