"""What a worker does with a process that is its own: choose the event loop, end at once."""

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Callable


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
