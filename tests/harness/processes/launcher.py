"""In place of `python ARGUMENTS…`: has the zygote fork what a new interpreter would take long to become.

Run as `python -I -S launcher.py SOCKET ARGUMENTS…`, by a shell that a test has given a folder of programs.
Passes its streams, its variables and its folder on, then the signals that it gets, and ends as what was
forked has ended. Where a fork will not do, it becomes the interpreter that it stands for.
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main(door: str, *argv: str) -> None:
    """Ask at the zygote's door."""
    told, telling = os.pipe()
    request = json.dumps({"argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}).encode()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.connect(door)
        socket.send_fds(ours, [request], [0, 1, 2, telling])
    os.close(telling)
    answers = os.fdopen(told)
    pid = int(answers.readline() or 0)
    if not pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        os.execv(sys.executable, [sys.executable, *argv])
    for sign in PASSED_ON:
        signal.signal(sign, lambda received, _: os.kill(pid, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    code = int(answers.readline() or -signal.SIGKILL)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
