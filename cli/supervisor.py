"""`--workers N` and `--watch DIR`: worker processes that are started again, and stopped together."""

import asyncio
import contextlib
import functools
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Final

from jobgate.cli.children import die_with_parent
from jobgate.cli.telling import BURST, NUMBER, VARIABLE, Ear
from jobgate.worker.signals import stop_signals

logger = logging.getLogger("jobgate.supervisor")

#: Pauses before a worker that has died is started again, in seconds: the first and the longest.
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
#: Seconds after which a worker has run well, and its next death is taken for the first.
WELL_AFTER: Final = 60.0
#: Exit codes with which a worker says that it cannot start: it could not the next time either.
_CANNOT_START: Final = (1, 2)
#: Exit codes of a worker that was stopped before it could listen to signals.
_STOPPED_EARLY: Final = (128 + signal.SIGTERM, 128 + signal.SIGINT)
#: Seconds that a worker has for running jobs when files have changed, until it is hurried.
RESTART_PATIENCE: Final = 1.0


class Supervisor:
    """Keeps worker processes running until it is told to stop. Use it once.

    A worker that ends by itself is started again, after a pause that doubles from death to death. One that
    cannot start in the first place ends all, unless files are watched: then the next change may mend it.
    SIGTERM and SIGINT are handed on; each worker ends its jobs in its own way, and then this ends too.

    Args:
        commands: the words after `jobgate` for each process.
        changes: yields whenever all workers are to be started anew; None = never.
    """

    def __init__(
        self, commands: Iterable[Sequence[str]], *, changes: AsyncIterable[object] | None = None
    ) -> None:
        self._slots = [_Slot(number, words) for number, words in enumerate(commands, start=1)]
        for slot in self._slots:
            slot.is_one_of_many = len(self._slots) > 1
        self._changes = changes
        self._stopping = asyncio.Event()
        #: Exit code of a worker that could not start.
        self._failed = 0

    async def run(self) -> int:
        """Run until all processes have ended.

        Returns:
            0, or the exit code of the first worker that ended with another; 128 + n for signal n.
        """
        watch = asyncio.create_task(self._restart_at_changes())
        try:
            with stop_signals(self._on_signal):
                codes = await asyncio.gather(*(self._keep(slot) for slot in self._slots))
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return self._failed or next((code for code in codes if code), 0)

    def _on_signal(self, received: signal.Signals) -> None:
        """Hand a signal on; a second one hurries the workers, as it would without a supervisor."""
        logger.info("%s, stopping %d workers", received.name, len(self._slots))
        self._stop(received)

    def _stop(self, sign: signal.Signals) -> None:
        self._stopping.set()
        for slot in self._slots:
            slot.end_pause()
            slot.send(sign)

    async def _keep(self, slot: "_Slot") -> int:
        """Start a worker, and again when it ends, until it has ended for good; return its exit code."""
        while True:
            await slot.start()
            if self._stopping.is_set():
                slot.send(signal.SIGTERM)  # told to stop while it was starting
            code = await slot.wait()
            if self._stopping.is_set() and code in _STOPPED_EARLY:
                return 0
            if self._stopping.is_set() or (slot.is_burst and code == 0 and not slot.renewing):
                return code
            if slot.renewing:
                continue
            if code in _CANNOT_START and not slot.ever_started and self._changes is None:
                self._give_up(slot, code)
                return code
            await self._pause(slot, code)
            if self._stopping.is_set():
                return code

    def _give_up(self, slot: "_Slot", code: int) -> None:
        if not self._failed and len(self._slots) > 1:
            logger.error("worker %d could not start (exit code %d), stopping all", slot.number, code)
        self._failed = self._failed or code
        self._stop(signal.SIGTERM)

    async def _pause(self, slot: "_Slot", code: int) -> None:
        if self._changes is not None and code in _CANNOT_START and not slot.is_started:
            logger.error("worker %d could not start (exit code %d), waiting for a change", slot.number, code)
            await slot.pause(None)
            return
        seconds = slot.next_pause()
        logger.error(
            "worker %d ended with exit code %d, starting it again in %.1f s", slot.number, code, seconds
        )
        await slot.pause(seconds)

    async def _restart_at_changes(self) -> None:
        if self._changes is None:
            return
        try:
            async for _ in self._changes:
                logger.info("files have changed, starting %d workers anew", len(self._slots))
                await asyncio.gather(*(slot.renew() for slot in self._slots))
        except (OSError, RuntimeError) as error:
            logger.error("files are no longer watched: %s", error)


class _Slot:
    """The place of one worker, and the process that holds it now."""

    def __init__(self, number: int, words: Sequence[str]) -> None:
        self.number = number
        #: Whether the process that has ended had started, and meant to end when its work was done.
        self.is_started = self.is_burst = False
        #: Whether any of its processes has.
        self.ever_started = False
        #: Whether its process puts the number into its log lines.
        self.is_one_of_many = False
        #: Whether its process is told to end so that another takes its place.
        self.renewing = False
        self._words = words
        self._process: asyncio.subprocess.Process | None = None
        self._ear: Ear | None = None
        self._pause_over = asyncio.Event()
        self._deaths = 0
        self._started = 0.0

    async def start(self) -> None:
        """Start a process."""
        self.renewing = False
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
        return {NUMBER: str(self.number)} if self.is_one_of_many else {}

    async def wait(self) -> int:
        """Return the exit code of the process when it has ended; 128 + n for signal n."""
        if self._process is None or self._ear is None:
            raise RuntimeError("wait() comes after start()")
        code = await self._process.wait()
        heard = self._ear.heard()
        self.is_started, self.is_burst = bool(heard), heard == BURST
        self.ever_started |= self.is_started
        return code if code >= 0 else 128 - code

    def send(self, sign: signal.Signals) -> None:
        """Send the process a signal; does nothing when it has ended."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sign)

    async def renew(self) -> None:
        """End the process so that a new one is started, at once when it is not running."""
        self._deaths = 0
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

    def next_pause(self) -> float:
        """Return how long to wait after a death, in seconds."""
        if time.monotonic() - self._started >= WELL_AFTER:
            self._deaths = 0
        self._deaths += 1
        return pause_after(self._deaths)

    async def pause(self, seconds: float | None) -> None:
        """Wait so long, or until `end_pause`."""
        self._pause_over.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pause_over.wait(), seconds)

    def end_pause(self) -> None:
        """End a pause."""
        self._pause_over.set()


def pause_after(deaths: int) -> float:
    """Return for how many seconds a worker that has died so often in a row is not started again."""
    return float(min(FIRST_PAUSE * 2 ** min(deaths - 1, 32), LONGEST_PAUSE))


def _environment() -> dict[str, str]:
    # Else each worker would be a supervisor too.
    own = ("JOBGATE_WORKERS", "JOBGATE_WATCH", NUMBER)
    return {name: value for name, value in os.environ.items() if name not in own}
