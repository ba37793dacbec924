"""A process that has imported all of jobgate, and forks into a `jobgate` process at each request.

Tests start hundreds of `jobgate` processes, and importing is most of what each of them would take. What comes
of a fork is in all else like `python -m jobgate.cli WORDS…`: `forked.py` asks for it, and says when that will
not do. Run as `python zygote.py DESCRIPTOR`, with a socket; it ends, and kills what it has started, when the
other end is closed.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from typing import Any

PRELOADED = (
    "uvloop",
    *(f"jobgate.cli.commands.{name}" for name in ("check", "dev", "gateway", "key", "queue", "worker")),
)


class Zygote:
    """Forks at requests, and tells how what it has forked has ended.

    Args:
        requests: One request is one line of JSON (`words`, `cwd` and `env`) and two descriptors: the log, and
            a pipe to which the process id is written, and at the end the exit code, each in a line.
    """

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._tell: dict[int, int] = {}
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)

    def serve(self) -> dict[str, Any] | None:
        """Return the request in each forked process; in this one, nothing when there will be no more."""
        while True:
            ready, _, _ = select.select([self._requests.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._requests.fileno() not in ready:
                continue
            line, descriptors, _, _ = socket.recv_fds(self._requests, 1 << 16, 2)
            while line and not line.endswith(b"\n"):
                line += self._requests.recv(1 << 16)
            if not line:
                self._kill_all()
                return None
            log, tell = descriptors
            if (pid := os.fork()) == 0:
                self._let_go(log, tell)
                request: dict[str, Any] = json.loads(line)
                return request
            os.close(log)
            self._tell[pid] = tell

    def _reap(self) -> None:
        for pid, tell in list(self._tell.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with contextlib.suppress(BrokenPipeError):
                    os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(status))
                os.close(self._tell.pop(pid))

    def _kill_all(self) -> None:
        for pid in self._tell:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _let_go(self, log: int, tell: int) -> None:
        """In a forked process: close what is the zygote's, and have the streams of a new process."""
        os.setsid()
        os.write(
            tell, b"%d\n" % os.getpid()
        )  # not before it is a group of its own, and can be killed as such
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._requests.close()
        for descriptor in (self._woken, self._wake, tell, *self._tell.values()):
            os.close(descriptor)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)


def become(words: list[str], cwd: str, env: dict[str, str]) -> None:
    """Do what `python -m jobgate.cli WORDS…` does."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[:1] = [os.getcwd(), *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv[1:] = words
    runpy.run_module("jobgate.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    if (asked := Zygote(socket.socket(fileno=int(sys.argv[1]))).serve()) is not None:
        become(**asked)
