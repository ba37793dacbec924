"""Run a command that dies with the process that started it: `python tether.py PARENT_PID COMMAND…`.

A killed pytest runs no clean-up, so a watcher ends its children. (Linux's parent-death signal would come too
early: when the *thread* that started the child ends.) The command replaces this program, keeps its process
id, and has no child that it does not know of.
"""

import contextlib
import os
import select
import signal
import sys
import time

#: Seconds between two looks where the kernel tells nobody that a process has ended.
LOOK_EVERY = 0.5


def command(argv: list[str]) -> list[str]:
    """Wrap `argv` so that it dies with this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def _start_watcher(parent: int) -> None:
    tied = os.getpid()
    if os.fork():
        os.wait()
        return
    if os.fork():  # the watcher becomes a child of init, not of the command
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # a pipe that it held open would never end
        os.dup2(null, stream)
    if _first_to_end(parent, tied) == parent:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(tied, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(tied, signal.SIGKILL)
    os._exit(0)


def _first_to_end(*pids: int) -> int:
    if not hasattr(os, "pidfd_open"):
        while all(_lives(pid) for pid in pids):
            time.sleep(LOOK_EVERY)
        return next(pid for pid in pids if not _lives(pid))
    watched: dict[int, int] = {}
    poll = select.poll()
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return pid
        watched[descriptor] = pid
        poll.register(descriptor, select.POLLIN)
    return watched[poll.poll()[0][0]]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    _start_watcher(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
