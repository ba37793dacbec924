"""Writes the progress that functions report to Redis: the latest of each job, a few times a second."""

import asyncio
import math
import threading
import time
from collections.abc import Callable

from jobgate.broker import Broker, BrokerError, Lease
from jobgate.worker.invocation.ctx import ProgressReporter
from jobgate.worker.log import logger
from jobgate.worker.roles import Role

#: Seconds between two reports of one job; of those in between only the last is written.
INTERVAL = 0.25
#: Seconds between two warnings that reports cannot be written.
_QUIET = 60.0

#: One try of one job: its id and the token of its lease.
Try = tuple[str, str]


class ProgressWriter(Role):
    """Writes the progress of one worker's jobs, in its event loop.

    Args:
        broker: Where to write.
        interval: Seconds between two reports of one job.
    """

    def __init__(self, broker: Broker, *, interval: float = INTERVAL) -> None:
        self._broker = broker
        self._interval = interval
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._latest: dict[Try, tuple[Lease, float, str | None]] = {}
        self._tasks: dict[Try, asyncio.Task[None]] = {}
        self._last_warning = -math.inf

    async def start(self) -> None:
        """Accept reports and write them in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    async def stop(self) -> None:
        """Write nothing more; later reports are dropped."""
        self._loop = None
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def reporter(self, lease: Callable[[], Lease]) -> ProgressReporter:
        """Return the `ctx["progress"]` of one try; `lease` returns the try's current lease."""
        return ProgressReporter(lambda fraction, message: self.note(lease(), fraction, message))

    def note(self, lease: Lease, fraction: float, message: str | None) -> None:
        """Take a report, in any thread."""
        if threading.get_ident() == self._thread:
            self._note(lease, fraction, message)
            return
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._note, lease, fraction, message)
        except RuntimeError:  # the loop was closed: a thread that outlives its worker still reports
            return

    def forget(self, lease: Lease) -> None:
        """Drop the reports that are not written yet: the try has ended."""
        if self._latest:
            self._latest.pop((lease.job_id, lease.token), None)

    def _note(self, lease: Lease, fraction: float, message: str | None) -> None:
        if self._loop is None:
            return
        which = lease.job_id, lease.token
        self._latest[which] = lease, fraction, message
        if which not in self._tasks:
            self._tasks[which] = self._loop.create_task(self._write_all(which))

    async def _write_all(self, which: Try) -> None:
        try:
            while (latest := self._latest.pop(which, None)) is not None:
                await self._write(*latest)
                await asyncio.sleep(self._interval)
        finally:
            del self._tasks[which]

    async def _write(self, lease: Lease, fraction: float, message: str | None) -> None:
        try:
            await self._broker.report_progress(lease, fraction, message)
        except BrokerError as error:
            now = time.monotonic()
            if now - self._last_warning > _QUIET:
                self._last_warning = now
                logger.warning("progress of jobs is not written for now: %s", error)
