"""What a worker does with a process that is its own: choose the event loop, end at once or in time."""

import asyncio
import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobgate.worker.errors import WorkerError
from jobgate.worker.jobs.leftovers import end_children

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


def bound_exit(seconds: float) -> None:
    """Let the interpreter take no longer than so many seconds for its exit.

    It waits for threads and for children of `multiprocessing`, among them those of process pools. The
    children are killed when it begins to wait; what is left after that time ends with the process, exit
    code 0.
    """
    threading.Thread(target=_watch_exit, args=(seconds,), daemon=True, name="jobgate-exit").start()


def _watch_exit(seconds: float) -> None:
    threading.main_thread().join()  # it ends when the interpreter begins its exit
    end_children()
    time.sleep(seconds)
    _leave_the_rest()


def _leave_the_rest() -> None:
    logger.warning(
        "threads or tasks that functions or hooks have started still run: they end with this process"
    )
    exit_now(0)
