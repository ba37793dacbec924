"""What a worker does with a process that is its own: choose the event loop, end at once or in time."""

import asyncio
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobgate.worker.errors import WorkerError

logger = logging.getLogger("jobgate.worker")


def loop_factory(loop: str = "auto") -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes event loops: `asyncio`, `uvloop`, or with `auto` uvloop where it can be used.

    Raises:
        WorkerError: uvloop is asked for and not installed.
    """
    if loop == "asyncio" or (loop == "auto" and not _has_standard_streams()):
        return asyncio.new_event_loop
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError as error:
        if loop == "uvloop":
            raise WorkerError("loop='uvloop' needs uvloop: run `pip install uvloop`") from error
        return asyncio.new_event_loop
    return factory


def _has_standard_streams() -> bool:
    """Whether stdin, stdout and stderr are open: uvloop would take their numbers, and then abort."""
    try:
        for number in range(3):
            os.fstat(number)
    except OSError:
        return False
    return True


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
