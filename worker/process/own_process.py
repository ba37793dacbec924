"""The process of a worker that owns one: its event loop, and how it ends in time."""

import asyncio
import importlib
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobgate.worker.errors import WorkerError
from jobgate.worker.log import logger

#: Seconds to wait for the end of killed child processes.
_KILLED = 1.0


def loop_factory(loop: str = "auto") -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a function that makes event loops.

    Args:
        loop: `asyncio`, `uvloop`, or `auto` for uvloop where it can be used.

    Raises:
        WorkerError: `uvloop` is requested but not installed.
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
    """Whether stdin, stdout and stderr are open: uvloop would reuse their numbers, and then abort."""
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


def kill_children() -> None:
    """Kill the child processes that `multiprocessing` has started, and wait briefly for their end."""
    children = multiprocessing.active_children()
    for child in children:
        child.kill()
    for child in children:
        child.join(_KILLED)


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """End the process with exit code 0 when the block takes longer than `seconds`."""
    timer = threading.Timer(seconds, _exit_with_rest)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def bound_exit(seconds: float) -> None:
    """Give the interpreter at most `seconds` for its exit.

    At exit it waits for threads and for children of `multiprocessing`, those of process pools included. The
    children are killed when that wait begins. Whatever still runs after `seconds` ends with the process,
    exit code 0.
    """
    threading.Thread(target=_watch_exit, args=(seconds,), daemon=True, name="jobgate-exit").start()


def _watch_exit(seconds: float) -> None:
    threading.main_thread().join()  # it ends when the interpreter begins its exit
    kill_children()
    time.sleep(seconds)
    _exit_with_rest()


def _exit_with_rest() -> None:
    logger.warning(
        "threads or tasks that functions or hooks have started still run: they end with this process"
    )
    exit_now(0)
