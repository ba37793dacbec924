"""`--workers N` and `--watch DIR`: worker processes that are restarted, and stopped together."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from jobgate.broker import counted
from jobgate.cli.processes.deaths import cause_of, pause_after, shown
from jobgate.cli.processes.slot import Slot
from jobgate.worker import stop_signals

logger = logging.getLogger("jobgate.supervisor")

#: Endings of the files that are watched besides Python's own.
_FURTHER: Final = (".toml", ".yaml", ".yml")
#: Exit codes of a worker that cannot start: a restart would not help.
_CANNOT_START: Final = (1, 2)
#: Exit codes of a worker that was stopped before it handled signals.
_STOPPED_EARLY: Final = (128 + signal.SIGTERM, 128 + signal.SIGINT)


class Supervisor:
    """Keeps worker processes running until a signal stops them. Use it once.

    A worker that ends by itself is restarted after a pause. The pause doubles with each death of the same
    cause, but stays short while no other worker runs. A frozen worker is killed. If a worker has never been
    able to start, all are stopped, unless files are watched: then the next change may fix it. SIGTERM and
    SIGINT are passed on to the workers; the supervisor ends when all of them have ended.

    Args:
        commands: The command line after `jobgate` of each process.
        changes: Yields whenever all workers are to be restarted; None = never.
        silence: Seconds without a sign of life after which a worker that has started is killed.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        *,
        changes: AsyncIterable[object] | None = None,
        silence: float,
    ) -> None:
        many = len(commands) > 1
        self._slots = [Slot(at, each, is_one_of_many=many) for at, each in enumerate(commands, start=1)]
        self._changes = changes
        self._silence = silence
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
        """Pass a signal on; for a worker, a second one skips the waiting."""
        logger.info("%s, stopping %d workers", received.name, len(self._slots))
        self._stop(received)

    def _stop(self, sign: signal.Signals) -> None:
        self._stopping.set()
        for slot in self._slots:
            slot.end_pause()
            slot.send(sign)

    async def _keep(self, slot: Slot) -> int:
        """Start a worker, and restart it when it ends, until it has ended for good; return its exit code."""
        while True:
            code = await slot.run(self._stopping, silence=self._silence)
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

    def _give_up(self, slot: Slot, code: int) -> None:
        if not self._failed and len(self._slots) > 1:
            logger.error("worker %d could not start (exit code %d), stopping all", slot.number, code)
        self._failed = self._failed or code
        self._stop(signal.SIGTERM)

    async def _pause(self, slot: Slot, code: int) -> None:
        if self._changes is not None and code in _CANNOT_START and not slot.has_started:
            logger.error("worker %d could not start (exit code %d), waiting for a change", slot.number, code)
            await slot.pause(None)
            return
        cause = cause_of(code, has_started=slot.has_started, was_killed=slot.was_killed)
        deaths = slot.deaths.add(cause)
        seconds = pause_after(deaths, is_last=not any(each.is_running for each in self._slots))
        logger.error(
            "worker %d ended with %s, restarting it in %.1f s: %s (%d in a row)",
            slot.number, shown(code), seconds, cause.value, deaths,
        )  # fmt: skip
        await slot.pause(seconds)

    async def _restart_at_changes(self) -> None:
        if self._changes is None:
            return
        try:
            async for _ in self._changes:
                logger.info("files have changed, restarting %s", counted(len(self._slots), "worker"))
                await asyncio.gather(*(slot.renew() for slot in self._slots))
        except (OSError, RuntimeError) as error:
            logger.error("files are no longer watched: %s", error)


def changes_in(folder: Path) -> AsyncIterator[object]:
    """Return an iterator that yields whenever source files below a folder have changed.

    Raises:
        click.ClickException: The package watchfiles is not installed.
    """
    try:
        watchfiles = import_module("watchfiles")
    except ModuleNotFoundError:
        message = "--watch needs the package watchfiles: install jobgate with its extra [watch]"
        raise click.ClickException(f"{message}, in its folder: pip install '.[watch]'.") from None
    changes: AsyncIterator[object] = watchfiles.awatch(
        folder, watch_filter=watchfiles.PythonFilter(extra_extensions=_FURTHER), step=100, debounce=400
    )
    return changes
