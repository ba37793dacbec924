"""`--workers N` and `--watch DIR`: processes that are restarted, and stopped together."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from jobgate.broker import counted
from jobgate.cli.supervision.children import watch_children_without_threads
from jobgate.cli.supervision.deaths import cause_of, pause_after, shown
from jobgate.cli.supervision.kinds import Kind
from jobgate.cli.supervision.slot import Slot

logger = logging.getLogger("jobgate.supervisor")

#: Endings of the files that are watched besides Python's own.
_FURTHER: Final = (".toml", ".yaml", ".yml")
#: Exit codes of a process that cannot start: a restart would not help.
_CANNOT_START: Final = (1, 2)
#: Exit codes of a process that was stopped before it handled signals.
_STOPPED_EARLY: Final = (128 + signal.SIGTERM, 128 + signal.SIGINT)


class Supervisor:
    """Keeps processes running until a signal stops them. Use it once.

    A process that ends by itself is restarted after a pause. The pause doubles with each death of the same
    cause, but stays short while no other process runs. A frozen process is killed. If a process has never
    been able to start, all are stopped, unless files are watched: then the next change may fix it. SIGTERM,
    SIGINT and, where the kind has a use for it, SIGHUP are passed on to the processes; the supervisor ends
    when all of them have ended.

    Args:
        commands: The command line after `jobgate` of each process.
        kind: The kind of the processes.
        changes: Yields whenever all processes are to be restarted; None = never.
        silence: Seconds without a sign of life after which a process that has started is killed.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        kind: Kind,
        *,
        changes: AsyncIterable[object] | None = None,
        silence: float,
    ) -> None:
        self._kind = kind
        many = len(commands) > 1
        self._slots = [
            Slot(at, each, kind, is_one_of_many=many, on_started=self._note_start)
            for at, each in enumerate(commands, start=1)
        ]
        self._all_have_started = False
        self._changes = changes
        self._silence = silence
        self._stopping = asyncio.Event()
        #: Exit code of a process that could not start.
        self._failed = 0

    async def run(self) -> int:
        """Run until all processes have ended.

        Returns:
            0, or the exit code of the first process that ended with another; 128 + n for signal n.
        """
        watch_children_without_threads()
        watch = asyncio.create_task(self._restart_at_changes())
        try:
            with self._signals():
                codes = await asyncio.gather(*(self._keep(slot) for slot in self._slots))
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return self._failed or next((code for code in codes if code), 0)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle signals in the running loop until the block ends."""
        loop = asyncio.get_running_loop()
        handlers = dict.fromkeys((signal.SIGTERM, signal.SIGINT), self._on_signal)
        if self._kind.takes_hangups:
            handlers[signal.SIGHUP] = self._pass_on
        for sign, handler in handlers.items():
            loop.add_signal_handler(sign, handler, sign)
        try:
            yield
        finally:
            for sign in handlers:
                loop.remove_signal_handler(sign)

    def _on_signal(self, received: signal.Signals) -> None:
        """Pass a signal on; for a process, a second one skips the waiting."""
        logger.info("%s, stopping %s", received.name, self._counted())
        self._stop(received)

    def _pass_on(self, received: signal.Signals) -> None:
        for slot in self._slots:
            if slot.serves:  # one that starts reads the files anyway, and would be ended by the signal
                slot.send(received)

    def _counted(self) -> str:
        return counted(len(self._slots), self._kind.name)

    def _note_start(self) -> None:
        if not self._all_have_started and all(slot.ever_started for slot in self._slots):
            self._all_have_started = True
            self._kind.on_all_started()

    def _stop(self, sign: signal.Signals) -> None:
        self._stopping.set()
        for slot in self._slots:
            slot.end_pause()
            slot.send(sign)

    async def _keep(self, slot: Slot) -> int:
        """Start a process, and restart it when it ends, until it has ended for good; return its exit code."""
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
            if self._stopping.is_set():  # nothing was running here
                return 0

    def _give_up(self, slot: Slot, code: int) -> None:
        if not self._failed and len(self._slots) > 1:
            logger.error(
                "%s %d could not start (exit code %d), stopping all", self._kind.name, slot.number, code
            )
        self._failed = self._failed or code
        self._stop(signal.SIGTERM)

    async def _pause(self, slot: Slot, code: int) -> None:
        if self._changes is not None and code in _CANNOT_START and not slot.has_started:
            logger.error(
                "%s %d could not start (exit code %d), waiting for a change",
                self._kind.name, slot.number, code,
            )  # fmt: skip
            await slot.pause(None)
            return
        cause = cause_of(
            code,
            has_started=slot.has_started,
            was_killed=slot.was_killed,
            exit_wedged=self._kind.exit_wedged,
        )
        deaths = slot.deaths.add(cause)
        seconds = pause_after(deaths, is_last=not any(each.is_running for each in self._slots))
        logger.error(
            "%s %d ended with %s, restarting it in %.1f s: %s (%d in a row)",
            self._kind.name, slot.number, shown(code), seconds, cause.value, deaths,
        )  # fmt: skip
        await slot.pause(seconds)

    async def _restart_at_changes(self) -> None:
        if self._changes is None:
            return
        try:
            async for _ in self._changes:
                logger.info("files have changed, restarting %s", self._counted())
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
