"""A process that has imported all of jobgate, and forks into a `jobgate` process at each request.

Tests start hundreds of `jobgate` processes, and importing is most of what each of them would take. What comes
of a fork is in all else like `python -m jobgate.cli WORDS…`: `forked.py` asks for it, and says when that will
not do. Run as `python zygote.py DESCRIPTOR ROOM`, with a socket and a long word that makes room for command
lines; it ends, and kills what it has started, when the other end is closed.
"""

import atexit
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
import threading
import time
import types
from pathlib import Path
from typing import Any

#: The folder of this file, before any other: first where Python has put it, and then for what forks import.
sys.path[:1] = [str(Path(__file__).parents[2])]

from harness.processes import siblings, variables  # noqa: E402


class Zygote:
    """Forks at requests, and says how what it has forked has ended.

    One request is JSON (`argv`, `cwd` and `env`) and four descriptors: standard input, output and error, and
    a pipe to which the process id is written, 0 if a fork will not do, and at the end the exit code, each in
    a line. What was forked is killed when nobody reads this pipe any more.

    Args:
        parent: The socket of the process that started this one, and ends it by closing the other end.
        door: The socket of programs that `launcher.py` stands for.
    """

    def __init__(self, parent: socket.socket, door: socket.socket) -> None:
        self._sockets = {each.fileno(): each for each in (parent, door)}
        self._tell: dict[int, int] = {}
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)
        self._poll = select.poll()
        for descriptor in (*self._sockets, self._woken):
            self._poll.register(descriptor, select.POLLIN)

    def serve(self) -> dict[str, Any] | None:
        """Return the request in each forked process; in this one, nothing when there will be no more."""
        while True:
            for ready, _ in self._poll.poll():
                if ready in self._sockets:
                    message, descriptors, _, _ = socket.recv_fds(self._sockets[ready], 1 << 20, 4)
                    if not message:
                        self._kill(*self._tell)
                        return None
                    if request := self._take(json.loads(message), descriptors):
                        return request
                elif ready == self._woken:
                    os.read(self._woken, 4096)
                else:
                    self._kill(*(pid for pid, tell in self._tell.items() if tell == ready))
                    self._poll.unregister(ready)
            self._reap()

    def _take(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any] | None:
        *streams, tell = descriptors
        if variables.early(request["env"]) != variables.early(os.environ) or not can_become(request["argv"]):
            os.write(tell, b"0\n")
            os.close(tell)
        elif pid := os.fork():
            self._tell[pid] = tell
            self._poll.register(tell, 0)
        else:
            self._let_go(streams, tell)
            return request
        for stream in streams:
            os.close(stream)
        return None

    def _reap(self) -> None:
        for pid, tell in list(self._tell.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with contextlib.suppress(BrokenPipeError):
                    os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(status))
                with contextlib.suppress(KeyError):
                    self._poll.unregister(tell)
                os.close(self._tell.pop(pid))

    def _kill(self, *pids: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _let_go(self, streams: list[int], tell: int) -> None:
        """In a forked process: close what is the zygote's, and have the streams of a new process."""
        os.setsid()
        # Not before it is a group of its own, and can be killed as such.
        os.write(tell, b"%d\n" % os.getpid())
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in self._sockets.values():
            each.close()
        for descriptor in (self._woken, self._wake, tell, *self._tell.values()):
            os.close(descriptor)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)


def can_become(argv: list[str]) -> bool:
    """Whether a fork can do what `python ARGV…` does: a module, code or a file, after `-P` or nothing."""
    words = argv[1:] if argv[:1] == ["-P"] else argv
    return bool(words) and (not words[0].startswith("-") or (len(words) > 1 and words[0] in {"-c", "-m"}))


def become(argv: list[str], cwd: str, env: dict[str, str]) -> None:
    """Do what `python ARGV…` does."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    siblings.show([sys.executable, *argv])
    is_safe = argv[0] == "-P"
    how, *words = argv[1:] if is_safe else argv
    sys.path[:1] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    if not is_safe:
        sys.path.insert(0, {"-c": "", "-m": os.getcwd()}.get(how, os.path.dirname(os.path.realpath(how))))
    if how == "-m":
        sys.argv[1:] = words[1:]
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    if how == "-c":
        name, code = "<string>", words.pop(0)
    else:
        main.__file__ = name = how
        code = Path(how).read_text("utf-8")
    sys.argv[:] = [how, *words]
    exec(compile(code, name, "exec"), vars(main))


def main() -> None:
    """Serve requests, and become what they ask for."""
    gc.disable()
    for name in sys.argv[3].split(","):
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    asked = Zygote(*(socket.socket(fileno=int(word)) for word in sys.argv[1:3])).serve()
    if asked is not None and siblings.wanted(asked["argv"]):
        asked = siblings.have_forked() or asked
    if asked is not None:
        _run(asked)


def _run(asked: dict[str, Any]) -> None:
    code: object = None
    try:
        become(**asked)
    except SystemExit as end:
        code = end.code
    if code is None or isinstance(code, int):
        _leave(code or 0)
    raise SystemExit(code)


def _leave(code: int) -> None:
    """End as an interpreter ends, but for the modules, which it would take apart one by one.

    That is most of what a process takes which ends at once: it would get a copy of each page of memory.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()  # what is unreachable may have something to say
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
