"""The pipe through which a worker process reports to its supervisor that it has started and is alive."""

import asyncio
import contextlib
import os
import threading
from typing import Final

from jobgate.worker import Settings, Worker

#: Variable with the file descriptor of the pipe to the supervisor.
VARIABLE: Final = "JOBGATE_SUPERVISOR_FD"
#: Variable with the number of a worker process among several, from 1.
NUMBER: Final = "JOBGATE_SUPERVISOR_NUMBER"
#: Seconds between two signs of life of a worker that has started.
BEAT: Final = 1.0

# The lines of the pipe. One of the first two says that the worker has started, and whether it ends when its
# work is done, followed by the seconds of its leases. After that, one of the others comes every second.
_BURST: Final = b"burst"
_SERVING: Final = b"serving"
_ALIVE: Final = b"alive"
_STUCK: Final = b"stuck"


class StatusReader:
    """The supervisor's end of the pipe, for one worker process. Make it in the event loop."""

    def __init__(self) -> None:
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
        self.is_stuck = word == _STUCK
        self.is_alive |= not self.is_stuck


class StatusWriter:
    """A worker's end of the pipe to its supervisor."""

    def __init__(self, number: int) -> None:
        os.set_inheritable(number, False)
        os.set_blocking(number, False)  # the supervisor may be frozen
        self._number = number
        self._has_started = threading.Event()

    def report_start(self, settings: Settings) -> None:
        """Report that the worker has started."""
        self._write(b"%s %g" % (_BURST if settings.burst else _SERVING, settings.lease))
        self._has_started.set()

    def report_life_of(self, worker: Worker) -> None:
        """Report every second that the worker is alive or stuck, once it has started.

        The reports come from a thread: the worker itself deals with a blocked event loop. A process that is
        frozen as a whole, or in which one thread holds the interpreter for ever, sends none.
        """
        threading.Thread(target=self._beat, args=(worker,), name="jobgate-beat", daemon=True).start()

    def _beat(self, worker: Worker) -> None:
        self._has_started.wait()
        pause = threading.Event()
        while not pause.wait(BEAT):
            self._write(_STUCK if worker.is_stuck else _ALIVE)

    def _write(self, line: bytes) -> None:
        # The pipe is full, or the supervisor is gone.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._number, line + b"\n")


def own_number() -> str:
    """Return the number of this worker process; empty where it is the only one."""
    return os.environ.pop(NUMBER, "")


def own_status_writer() -> StatusWriter | None:
    """Return the pipe to the supervisor of this worker process; None where it has none."""
    number = os.environ.pop(VARIABLE, None)
    return None if number is None else StatusWriter(int(number))
