"""One of several places for worker processes, and the process that holds it now."""

import asyncio
import contextlib
import functools
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Final

from jobgate.cli.processes.children import die_with_parent
from jobgate.cli.processes.deaths import Deaths
from jobgate.cli.processes.messages import NUMBER, VARIABLE, Ear

#: Seconds after which a worker has run well, and its next death is taken for the first.
WELL_AFTER: Final = 60.0
#: Seconds that a worker has for running jobs when files have changed, until it is hurried.
RESTART_PATIENCE: Final = 1.0
#: Leases after which a silent worker is taken for frozen, where that is longer: a function that holds the
#: interpreter for so long has lost its lease anyway.
SILENT_LEASES: Final = 3


class Slot:
    """The place of one worker, and the process that holds it now.

    Args:
        number: from 1.
        words: the words after `jobgate`.
        is_one_of_many: whether its process puts the number into its log lines.
    """

    def __init__(self, number: int, words: Sequence[str], *, is_one_of_many: bool) -> None:
        self.number = number
        #: Whether the process that has ended had started, and meant to end when its work was done.
        self.has_started = self.is_burst = False
        #: Whether any of its processes has.
        self.ever_started = False
        #: Whether its process is told to end so that another takes its place.
        self.renewing = False
        #: Whether its process was killed because it was silent.
        self.was_killed = False
        #: Its deaths since a process has run well.
        self.deaths = Deaths()
        self._is_one_of_many = is_one_of_many
        self._words = words
        self._process: asyncio.subprocess.Process | None = None
        self._ear: Ear | None = None
        self._pause_over = asyncio.Event()
        self._started = 0.0

    @property
    def is_running(self) -> bool:
        """Whether a process holds it."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start a process."""
        self.renewing = self.was_killed = False
        self._started = time.monotonic()
        self._ear = Ear()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "jobgate.cli", *self._words),
            env=_environment() | {VARIABLE: str(self._ear.theirs)} | self._number_for_log(),
            pass_fds=(self._ear.theirs,),
            # Ctrl-C in a terminal reaches the supervisor only, which hands it on once.
            start_new_session=True,
            preexec_fn=functools.partial(die_with_parent, signal.SIGTERM)
            if sys.platform == "linux"
            else None,
        )
        self._ear.close_theirs()

    def _number_for_log(self) -> dict[str, str]:
        return {NUMBER: str(self.number)} if self._is_one_of_many else {}

    async def wait(self) -> int:
        """Return the exit code of the process when it has ended; 128 + n for signal n."""
        if self._process is None or self._ear is None:
            raise RuntimeError("wait() comes after start()")
        code = await self._process.wait()
        self._ear.close()
        self.has_started, self.is_burst = self._ear.has_started, self._ear.is_burst
        self.ever_started |= self.has_started
        if time.monotonic() - self._started >= WELL_AFTER:
            self.deaths.forget()
        return code if code >= 0 else 128 - code

    async def kill_when_frozen(self, silence: float) -> str:
        """Kill the process when it has started and then said nothing for so long; return what was wrong.

        Silence is counted in looks, a second each, so that time in which this very process was frozen does
        not count.

        Args:
            silence: seconds, if three leases are not longer.
        """
        looks = 0
        while self._ear is not None:
            await asyncio.sleep(1.0)
            ear = self._ear
            looks = 0 if ear.is_alive or not ear.has_started else looks + 1
            ear.is_alive = False
            if looks >= max(silence, SILENT_LEASES * ear.lease):
                break
        self.was_killed = True
        self.send(signal.SIGKILL)
        return f"is {'stuck' if self._ear and self._ear.is_stuck else 'frozen'} for {looks} s"

    def send(self, sign: signal.Signals) -> None:
        """Send the process a signal; does nothing when it has ended."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sign)

    async def renew(self) -> None:
        """End the process so that a new one is started, at once when it is not running."""
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
        """Wait so long, or until `end_pause`."""
        self._pause_over.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pause_over.wait(), seconds)

    def end_pause(self) -> None:
        """End a pause."""
        self._pause_over.set()


def _environment() -> dict[str, str]:
    # Else each worker would be a supervisor too.
    own = ("JOBGATE_WORKERS", "JOBGATE_WATCH", NUMBER)
    return {name: value for name, value in os.environ.items() if name not in own}
