"""What a worker does with a process that is its own: choose the event loop, end at once or in time."""

import asyncio
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger("jobgate.worker")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop's factory where it is installed, else asyncio's."""
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return factory


def exit_now(code: int) -> None:
    """End the process without waiting for anything, because a loop or a thread is stuck."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """End the process with exit code 0 when the block takes longer than so many seconds."""
    timer = threading.Timer(seconds, _leave_the_rest)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _leave_the_rest() -> None:
    logger.warning(
        "threads or tasks that functions or hooks have started still run: they end with this process"
    )
    exit_now(0)
