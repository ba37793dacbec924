"""A process that has imported all of jobgate, and forks into a `jobgate` process at each request.

Tests start hundreds of `jobgate` processes, and importing is most of what each of them would take. What comes
of a fork is in all else like `python -m jobgate.cli WORDS…`: `forked.py` asks for it, and says when that will
not do. Run as `python zygote.py DESCRIPTOR ROOM`, with a socket and a long word that makes room for command
lines; it ends, and kills what it has started, when the other end is closed.
"""

import contextlib
import ctypes
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
import types
from pathlib import Path
from typing import Any

#: The folder of this file, before any other: first where Python has put it, and then for what forks import.
sys.path[:1] = [str(Path(__file__).parents[1])]

from harness import siblings  # noqa: E402

PRELOADED = (
    "uvloop",
    *(f"jobgate.cli.commands.{name}" for name in ("check", "dev", "gateway", "key", "queue", "worker")),
)


class Zygote:
    """Forks at requests, and tells how what it has forked has ended.

    Args:
        requests: One request is one line of JSON (`argv`, `cwd` and `env`) and three descriptors: standard
            output, standard error, and a pipe to which the process id is written, and at the end the exit
            code, each in a line.
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
            line, descriptors, _, _ = socket.recv_fds(self._requests, 1 << 16, 3)
            while line and not line.endswith(b"\n"):
                line += self._requests.recv(1 << 16)
            if not line:
                self._kill_all()
                return None
            output, errors, tell = descriptors
            if (pid := os.fork()) == 0:
                self._let_go(output, errors, tell)
                request: dict[str, Any] = json.loads(line)
                return request
            os.close(output)
            os.close(errors)
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

    def _let_go(self, output: int, errors: int, tell: int) -> None:
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
        for descriptor, stream in ((output, 1), (errors, 2)):
            os.dup2(descriptor, stream)
            os.close(descriptor)


def become(argv: list[str], cwd: str, env: dict[str, str]) -> None:
    """Do what `python ARGV…` does: `-m MODULE …` or `-c CODE …`, and `-P` before either."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    _show([sys.executable, *argv])
    path = [*filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    if argv[0] == "-P":
        argv = argv[1:]
    else:
        path.insert(0, os.getcwd() if argv[0] == "-m" else "")
    sys.path[:1] = path
    how, program, *words = argv
    if how == "-m":
        sys.argv[1:] = words
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = ["-c", *words]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), vars(main))


def _show(words: list[str]) -> None:
    """Have the system show this command line, as far as there is room."""
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    text = b"\0".join(map(os.fsencode, words))[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def main() -> None:
    """Serve requests, and become what they ask for."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    asked = Zygote(socket.socket(fileno=int(sys.argv[1]))).serve()
    if asked is not None and siblings.wanted(asked["argv"]):
        asked = siblings.have_forked() or asked
    if asked is not None:
        become(**asked)


if __name__ == "__main__":
    main()
