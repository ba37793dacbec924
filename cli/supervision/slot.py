"""One of several slots for processes, and its current process."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final

from jobgate.cli.supervision.children import start_command
from jobgate.cli.supervision.deaths import Deaths
from jobgate.cli.supervision.kinds import Kind
from jobgate.cli.supervision.status_pipe import NUMBER, VARIABLE, StatusReader

logger = logging.getLogger("jobgate.supervisor")

#: Seconds after which a process counts as stable, and its next death as the first.
WELL_AFTER: Final = 60.0
#: Seconds that a process has for running jobs when files have changed, until it gets a second signal.
RESTART_PATIENCE: Final = 1.0
#: Leases after which a silent process counts as frozen, where that is longer: a function that holds the
#: interpreter for this long has lost its lease anyway.
SILENT_LEASES: Final = 3


class Slot:
    """One slot, and its current process.

    Args:
        number: Number of the slot, from 1.
        words: The command line after `jobgate`.
        kind: The kind of its processes.
        is_one_of_many: Whether its process shows the number in its log lines.
        on_started: Called when a process has started.
    """

    def __init__(
        self,
        number: int,
        words: Sequence[str],
        kind: Kind,
        *,
        is_one_of_many: bool,
        on_started: Callable[[], None],
    ) -> None:
        self.number = number
        self._kind = kind
        self._on_started = on_started
        #: Whether the process that has ended had started, and was to end when its work was done.
        self.has_started = self.is_burst = False
        #: Whether any of its processes has started.
        self.ever_started = False
        #: Whether its process is being stopped so that another takes its place.
        self.renewing = False
        #: Whether its process was killed because it was silent.
        self.was_killed = False
        #: Its deaths since a process was stable.
        self.deaths = Deaths()
        self._variables = {NUMBER: str(number)} if is_one_of_many else {}
        self._words = words
        self._process: asyncio.subprocess.Process | None = None
        self._status: StatusReader | None = None
        self._pause_over = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Whether a process runs in it."""
        return self._process is not None and self._process.returncode is None

    @property
    def serves(self) -> bool:
        """Whether a process runs in it that has started, and so handles signals."""
        return self.is_running and self._status is not None and self._status.has_started

    async def run(self, stopping: asyncio.Event, *, silence: float) -> int:
        """Run a process until it ends, and return its exit code; 128 + n for signal n.

        Args:
            stopping: Set when all processes are to end.
            silence: Seconds without a sign of life, or three leases if these are longer, after which the
                process is killed once it has started.
        """
        self.renewing = self.was_killed = False
        started = time.monotonic()
        status = self._status = StatusReader(self._note_start)
        of_kind = self._kind.variables(self.number)
        process = self._process = await start_command(
            self._words,
            {**os.environ, **self._variables, **of_kind, VARIABLE: str(status.theirs)},
            death_signal=signal.SIGTERM,
            pass_fds=(status.theirs, *self._kind.descriptors),
        )
        os.close(status.theirs)
        if stopping.is_set():
            self.send(signal.SIGTERM)  # the signal came while it was starting
        watch = asyncio.create_task(self._kill_when_frozen(status, silence))
        try:
            code = await process.wait()
        finally:
            watch.cancel()
        status.close()
        self._kind.on_ended(self.number)
        self.has_started, self.is_burst = status.has_started, status.is_burst
        if time.monotonic() - started >= WELL_AFTER:
            self.deaths.forget()
        return code if code >= 0 else 128 - code

    def _note_start(self) -> None:
        self.ever_started = True
        self._on_started()

    async def _kill_when_frozen(self, status: StatusReader, silence: float) -> None:
        """Kill the process once it has been silent for too long after its start.

        Silence is counted in checks, one a second, so that the time in which the supervisor itself was frozen
        does not count.
        """
        looks = 0
        while looks < max(silence, SILENT_LEASES * status.lease):
            await asyncio.sleep(1.0)
            looks = 0 if status.is_alive or not status.has_started else looks + 1
            status.is_alive = False
        self.was_killed = True
        self.send(signal.SIGKILL)
        trouble = "stuck" if status.is_stuck else "frozen"
        logger.error(
            "%s %d is %s for %d s, it was killed: %s",
            self._kind.name, self.number, trouble, looks, self._kind.loss,
        )  # fmt: skip

    def send(self, sign: signal.Signals) -> None:
        """Send the process a signal; does nothing when it has ended."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sign)

    async def renew(self) -> None:
        """Stop the process so that a new one is started; at once where none is running."""
        self.deaths.forget()
        self.end_pause()
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.renewing = True
        self.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), RESTART_PATIENCE)
            return
        self.send(signal.SIGTERM)
        await process.wait()

    async def pause(self, seconds: float | None) -> None:
        """Wait for this long, or until `end_pause`; None = until `end_pause`."""
        self._pause_over.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pause_over.wait(), seconds)

    def end_pause(self) -> None:
        """End a pause."""
        self._pause_over.set()
