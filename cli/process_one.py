"""First steps of the command: standard streams, and the duties of process 1.

In a container, processes that functions leave behind become children of process 1. Unless it reaps them,
they stay in the process table as zombies.
"""

import contextlib
import os
import signal
import sys
from typing import Final, NoReturn

#: Signals that are passed on. SIGTSTP, by which a terminal stops a job, has no meaning for process 1.
_PASSED_ON: Final = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_PR_SET_PDEATHSIG: Final = 1


def open_standard_streams() -> None:
    """Open /dev/null as stdin, stdout and stderr where these are closed, as under some supervisors.

    Otherwise the next file or socket gets their number: printed text goes there, and uvloop aborts.
    """
    # Each file gets the lowest free number.
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(null, True)
    os.close(null)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def serve_as_init() -> None:
    """In process 1, continue in a child and be its init; do nothing in other processes."""
    if os.getpid() == 1 and sys.platform != "win32":
        run_below_init()


def run_below_init() -> None:
    """Return in a new child process; this process ends with the child, and with its exit code."""
    awaited = {getattr(signal, name) for name in (*_PASSED_ON, "SIGCHLD")}
    # Blocked before there is a child, so that no signal is lost between two waits.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    child = os.fork()
    if child == 0:
        # Its own process group, so that it gets a Ctrl-C of the terminal once, from its init.
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # The processes of a container end with process 1, but this init may be another process.
        die_with_parent()
        return
    _be_init(child, awaited)


def die_with_parent(death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent ends, even by `kill -9`. Linux only."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - saves memory in the init process, which does not need it

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal)


def _be_init(child: int, awaited: set[signal.Signals]) -> NoReturn:
    while True:
        received = signal.sigwait(awaited)
        if received is not signal.SIGCHLD:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, received)
            continue
        status = _reap(child)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _reap(child: int) -> int | None:
    """Reap all children that have ended; return the status of `child` if it is one of them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                found = ended[1]
    return found
