"""Lets a forked `jobgate` process have those that it starts itself forked too: see `zygote.py`.

`jobgate dev` and `jobgate worker --workers N` start `jobgate` processes. A process that is forked to become
such a command first leaves a copy of itself behind, in which nothing of the command has been run. It asks
this copy for what it would start with `subprocess`. The copy forks so that the new process is the child of
the process that asked, not of the copy.
"""

import ctypes
import fcntl
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Words of commands that start `jobgate` processes.
_PARENTS = ("dev", "--workers", "--watch")
#: Arguments of `subprocess._fork_exec` by place.
_ARGV, _KEPT, _CWD, _ENV, _STDIN, _STDOUT, _STDERR, _ERROR_PIPE, _NEW_SESSION, _PREEXEC = (
    *(0, 3, 4, 5),
    *(6, 9, 11, 13),
    *(15, 21),
)
#: System calls `clone` and `prctl`, by machine and by number.
_CLONE = {"x86_64": 56, "aarch64": 220}
_PR_GET_TID_ADDRESS = 40
#: Descriptors from this one on are not used otherwise.
_APART = 200
_CLONE_PARENT, _CLONE_CHILD_CLEARTID, _CLONE_CHILD_SETTID = 0x8000, 0x200000, 0x1000000


def wanted(argv: Sequence[str]) -> bool:
    """Whether this command line starts `jobgate` processes, and they can be forked here."""
    return os.uname().machine in _CLONE and any(word.partition("=")[0] in _PARENTS for word in argv)


def have_forked() -> dict[str, Any] | None:
    """From here on, have `jobgate` processes forked that `subprocess` would start.

    Returns:
        In each of them, what it is to become. In this process, nothing.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        # Under a number that no descriptor of the command would have.
        _redirect(socket.socket(fileno=fcntl.fcntl(ours.fileno(), fcntl.F_DUPFD_CLOEXEC, _APART)))
        ours.close()
        return None
    ours.close()
    os.setsid()
    show(["siblings"])
    return _serve(theirs)


def show(words: list[str]) -> None:
    """Have the system show this command line, as far as there is room."""
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    text = b"\0".join(map(os.fsencode, words))[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def _redirect(copy: socket.socket) -> None:
    start_new: Any = subprocess._fork_exec  # type: ignore[attr-defined]

    def start(*arguments: Any) -> int:
        argv = list(arguments[_ARGV])
        if argv[:2] == [sys.executable, "-P"] and argv[2] in {"-c", "-m"} and (pid := _ask(copy, arguments)):
            return pid
        new: int = start_new(*arguments)
        return new

    subprocess._fork_exec = start  # type: ignore[attr-defined]


def _ask(copy: socket.socket, arguments: Sequence[Any]) -> int:
    """Return the process id of a new child; 0 where it cannot be forked."""
    variables = (
        os.environb.items() if arguments[_ENV] is None else (v.split(b"=", 1) for v in arguments[_ENV])
    )
    targets = [0, 1, 2, *(number for number in arguments[_KEPT] if number != arguments[_ERROR_PIPE])]
    streams = [arguments[place] for place in (_STDIN, _STDOUT, _STDERR)]
    shared = [stream if stream >= 0 else number for number, stream in enumerate(streams)]
    request = {
        "argv": arguments[_ARGV][1:],
        "cwd": os.getcwd() if arguments[_CWD] is None else os.fspath(arguments[_CWD]),
        "env": {os.fsdecode(name): os.fsdecode(value) for name, value in variables},
        "targets": targets,
        "new_session": bool(arguments[_NEW_SESSION]),
        "preexec": pickle.dumps(arguments[_PREEXEC]).hex(),
    }
    socket.send_fds(copy, [json.dumps(request).encode()], [*shared, *targets[3:]])
    return int(copy.recv(64))


def _serve(requests: socket.socket) -> dict[str, Any]:
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 64)
        if not message:
            os._exit(0)
        if (pid := _fork_for_parent()) == 0:
            requests.close()
            return _begin(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(b"%d" % max(pid, 0))


def _fork_for_parent() -> int:
    """Fork a child of this process's parent; otherwise like `os.fork`, but -1 where that fails."""
    library = ctypes.PyDLL(None)
    pointer = ctypes.c_void_p()
    # Where the C library keeps the number of this thread: the kernel writes it in the child, as for `fork`.
    library.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(pointer))
    address = pointer.value or 0
    flags = _CLONE_PARENT | signal.SIGCHLD | (_CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID if address else 0)
    # The address is the fifth word on one machine and the fourth on the other, which ignore the one between.
    words = [_CLONE[os.uname().machine], flags, 0, 0]
    words += [address, 0] if os.uname().machine == "x86_64" else [0, address]
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = library.syscall(*map(ctypes.c_long, words))
    after = ctypes.pythonapi.PyOS_AfterFork_Child if pid == 0 else ctypes.pythonapi.PyOS_AfterFork_Parent
    after()
    return pid


def _begin(request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """Give a new process the descriptors, under their numbers, and the session that it is to have."""
    targets = request.pop("targets")
    # A descriptor may have the number that another one is to get.
    apart = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _APART) for descriptor in descriptors]
    for descriptor, target in zip(apart, targets, strict=True):
        os.dup2(descriptor, target)
        os.close(descriptor)
    for descriptor in set(descriptors) - set(targets):
        os.close(descriptor)
    if request.pop("new_session"):
        os.setsid()
    if (before := pickle.loads(bytes.fromhex(request.pop("preexec")))) is not None:
        before()
    return request
