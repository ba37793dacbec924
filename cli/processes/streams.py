"""stdin, stdout and stderr of a process that was started without them, as some supervisors do."""

import os
import sys


def open_standard_streams() -> None:
    """Let /dev/null stand in for each standard stream that is closed.

    Else the next file or socket gets its number: what is printed goes there, and uvloop aborts.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if _is_closed(number):
            _open_null_as(number)
        if getattr(sys, name) is None:
            stream = os.fdopen(number, "w" if number else "r", closefd=False)
            setattr(sys, name, stream)


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _open_null_as(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null == number:  # the lowest free number
        os.set_inheritable(null, True)
    else:
        os.dup2(null, number)
        os.close(null)
