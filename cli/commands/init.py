"""What the first process of a container has to do besides its work: pass signals on, and reap orphans.

Programs that functions leave behind become children of process 1. Nobody else can collect their exit codes,
and each that is not collected keeps its place in the table of processes.
"""

import contextlib
import os
import signal
import sys
from typing import Final, NoReturn

#: Signals that are passed on. A stop by the terminal (SIGTSTP) has no meaning for the first process.
_PASSED_ON: Final = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def serve_as_init() -> None:
    """In process 1, run what follows in a child, and be its init; elsewhere do nothing."""
    if os.getpid() == 1 and sys.platform != "win32":
        run_below_init()


def run_below_init() -> None:
    """Return in a new child process; this process ends when that has ended, with its exit code."""
    passed_on = {getattr(signal, name) for name in _PASSED_ON}
    awaited = {*passed_on, signal.SIGCHLD}
    # Blocked before there is a child, so that none is lost between two waits.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    child = os.fork()
    if child == 0:
        # Out of the terminal's reach: a Ctrl-C comes to this process once, from its init.
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _die_with_init()
        return
    _be_init(child, awaited)


def _die_with_init() -> None:
    # As all processes of a container do when process 1 is killed, where this is not process 1.
    from jobgate.cli.processes.children import die_with_parent  # noqa: PLC0415 - the init itself needs no more memory

    if sys.platform == "linux":
        die_with_parent()


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
    """Collect whoever has ended; return the status of `child` once it has."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                found = ended[1]
    return found
