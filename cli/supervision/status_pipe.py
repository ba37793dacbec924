"""The pipe through which a process reports to its supervisor that it has started and is alive."""

import asyncio
import os
from collections.abc import Callable
from typing import Final

#: Variable with the file descriptor of the pipe to the supervisor.
VARIABLE: Final = "JOBGATE_SUPERVISOR_FD"
#: Variable with the number of a process among several, from 1.
NUMBER: Final = "JOBGATE_SUPERVISOR_NUMBER"
#: Seconds between two signs of life of a process that has started.
BEAT: Final = 1.0

# The lines of the pipe. One of the first two says that the process has started, and whether it ends when its
# work is done, followed by the seconds of its leases. After that, one of the others comes every second.
_BURST: Final = b"burst"
_SERVING: Final = b"serving"
_ALIVE: Final = b"alive"
_STUCK: Final = b"stuck"


class StatusReader:
    """The supervisor's end of the pipe, for one process. Make it in the event loop.

    Args:
        on_started: Called when the process reports that it has started.
    """

    def __init__(self, on_started: Callable[[], None] = lambda: None) -> None:
        self._on_started = on_started
        #: The end that the process inherits; to be closed here once it has.
        self._ours, self.theirs = os.pipe()
        os.set_blocking(self._ours, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._ours, self._read)
        self._rest = b""
        #: Whether the process has started, and whether it ends when its work is done.
        self.has_started = self.is_burst = False
        #: Seconds that the process' leases last, once it has started.
        self.lease = 0.0
        #: Whether it has reported since the last look that it is alive, and whether its last report was that
        #: it is stuck.
        self.is_alive = self.is_stuck = False

    def close(self) -> None:
        """Read the last lines of a process that has ended, and close the pipe."""
        self._loop.remove_reader(self._ours)
        self._read()
        os.close(self._ours)

    def _read(self) -> None:
        try:
            read = os.read(self._ours, 65536)
        except BlockingIOError:  # a process that it left behind may hold its end
            return
        if not read:
            self._loop.remove_reader(self._ours)
        *lines, self._rest = (self._rest + read).split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        word, _, lease = line.partition(b" ")
        if word in (_BURST, _SERVING):
            self.has_started, self.is_burst, self.lease = True, word == _BURST, float(lease)
            self._on_started()
        self.is_stuck = word == _STUCK
        self.is_alive |= not self.is_stuck


class StatusWriter:
    """A process' end of the pipe to its supervisor.

    Args:
        number: Its file descriptor.
    """

    def __init__(self, number: int) -> None:
        os.set_inheritable(number, False)
        os.set_blocking(number, False)  # the supervisor may be frozen
        self._number = number

    def started(self, *, is_burst: bool = False, lease: float = 0.0) -> None:
        """Report that the process has started.

        Args:
            is_burst: Whether it ends when its work is done.
            lease: Seconds that its leases last; 0 = it has none.
        """
        self._write(b"%s %g" % (_BURST if is_burst else _SERVING, lease))

    def alive(self, *, is_stuck: bool = False) -> bool:
        """Report that the process is alive, or stuck; return False if the supervisor is gone."""
        return self._write(_STUCK if is_stuck else _ALIVE)

    def _write(self, line: bytes) -> bool:
        try:
            os.write(self._number, line + b"\n")
        except BlockingIOError:  # the pipe is full
            return True
        except BrokenPipeError:
            return False
        return True


def own_number() -> str:
    """Return the number of this process among several; empty where it is the only one."""
    return os.environ.pop(NUMBER, "")


def own_status_writer() -> StatusWriter | None:
    """Return the pipe to the supervisor of this process; None where it has none."""
    number = os.environ.pop(VARIABLE, None)
    return None if number is None else StatusWriter(int(number))
