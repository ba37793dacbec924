"""Functions for `executor="process"`: a child process imports them from here."""

import contextlib
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from jobgate.worker import Retry

Ctx = dict[str, Any]


class Odd(Exception):
    """An exception that can be pickled but not read back."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def add(ctx: Ctx, a: int, *, b: int = 1) -> int:
    """Return a sum."""
    return a + b


def whoami(ctx: Ctx) -> int:
    """Return the id of the process."""
    return os.getpid()


def keys(ctx: Ctx) -> list[str]:
    """Return what a function in a process finds in its ctx."""
    return sorted(ctx)


def remaining(ctx: Ctx) -> float:
    """Return the seconds that are left."""
    return float(ctx["deadline"].remaining())


def crash(ctx: Ctx, once: str | None = None) -> str:
    """Kill this very process; with `once`, a file, only when that is not there."""
    if once is None or not Path(once).exists():
        if once is not None:
            Path(once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def crash_with_heir(ctx: Ctx, file: str) -> None:
    """Kill this very process, but not one that it has forked, whose id is then in a file."""
    heir = os.fork()
    if heir == 0:
        time.sleep(60)
        os._exit(0)
    Path(file).write_text(str(heir))
    os.kill(os.getpid(), signal.SIGKILL)


def leave(ctx: Ctx) -> None:
    """Ask to leave the process."""
    sys.exit(3)


def interrupt(ctx: Ctx) -> None:
    """Raise what must not reach the worker."""
    raise KeyboardInterrupt


def fail(ctx: Ctx, message: str) -> None:
    """Raise an exception of the standard library."""
    raise LookupError(message)


def fail_oddly(ctx: Ctx) -> None:
    """Raise what cannot be carried over."""
    raise Odd(1, 2)


def again(ctx: Ctx) -> int:
    """Succeed in the second try."""
    if ctx["job_try"] == 1:
        raise Retry(defer=0)
    return int(ctx["job_try"])


def hold(ctx: Ctx, file: str) -> None:
    """Write this process's id to a file and stay, whatever is asked."""
    Path(file).write_text(str(os.getpid()))
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(60)


def unstorable(ctx: Ctx) -> Any:
    """Return what cannot be pickled."""
    return (number for number in range(3))


def report(ctx: Ctx, file: str) -> None:
    """Report progress and stay until a file is there."""
    ctx["progress"](0.5, "from a process")
    while not Path(file).exists():
        time.sleep(0.01)


def log(ctx: Ctx, message: str) -> None:
    """Write to the log."""
    logging.getLogger("my.own").warning(message)
