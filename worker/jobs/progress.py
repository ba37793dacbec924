"""Progress that functions report, on its way to Redis: the latest of each job, a few times a second."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Generator

from jobgate.broker import Broker, BrokerError, Lease

logger = logging.getLogger("jobgate.worker")

#: Seconds between two reports of one job; of those in between only the last is written.
INTERVAL = 0.25
#: Characters of a message.
MESSAGE_LIMIT = 200
#: Seconds between two lines that tell that reports cannot be written.
_QUIET = 60.0

#: One try of one job: its id and the token of its lease.
Try = tuple[str, str]


class Noted:
    """What a report gives back: may be awaited, in coroutines, and has nothing to wait for."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


NOTED = Noted()


class ProgressReporter:
    """`ctx["progress"]`: says how far a job is, for `job.progress()` and the job's JSON.

    `await ctx["progress"](0.4, "page 4 of 10")` in a coroutine, the same without `await` in a plain function.
    It never waits for Redis and never fails when Redis is away.

    Args:
        send: takes fraction and message.
    """

    __slots__ = ("_send",)

    def __init__(self, send: Callable[[float, str | None], None]) -> None:
        self._send = send

    def __call__(self, fraction: float, message: str | None = None) -> Noted:
        """Report progress.

        Args:
            fraction: 0 to 1; what lies beyond is taken for the nearest of both.
            message: what the job does, in a few words; cut to 200 characters.

        Raises:
            ValueError: the fraction is no number.
        """
        number = float(fraction)
        if math.isnan(number):
            raise ValueError("the fraction of progress must be a number from 0 to 1, not NaN")
        self._send(min(max(number, 0.0), 1.0), None if message is None else _storable(str(message)))
        return NOTED


def _storable(message: str) -> str:
    """Return a message cut to its limit; JSON has no half surrogate pairs."""
    return message[:MESSAGE_LIMIT].encode(errors="replace").decode()


def _try_of(lease: Lease) -> Try:
    return lease.job_id, lease.token


class ProgressWriter:
    """Writes what the jobs of one worker report, in its event loop.

    Args:
        broker: where to.
        interval: seconds between two reports of one job.
    """

    def __init__(self, broker: Broker, *, interval: float = INTERVAL) -> None:
        self._broker = broker
        self._interval = interval
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._latest: dict[Try, tuple[Lease, float, str | None]] = {}
        self._tasks: dict[Try, asyncio.Task[None]] = {}
        self._told = -math.inf

    def start(self) -> None:
        """Begin to write in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    async def close(self) -> None:
        """Write no more."""
        self._loop = None
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def reporter(self, lease: Callable[[], Lease]) -> ProgressReporter:
        """Return the `ctx["progress"]` of one try; `lease` returns the one that it has at the time."""
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
        """Drop what is not written yet: the try has ended."""
        if self._latest:
            self._latest.pop(_try_of(lease), None)

    def _note(self, lease: Lease, fraction: float, message: str | None) -> None:
        if self._loop is None:
            return
        which = _try_of(lease)
        self._latest[which] = lease, fraction, message
        if which not in self._tasks:
            self._tasks[which] = self._loop.create_task(self._write_on(which))

    async def _write_on(self, which: Try) -> None:
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
            if now - self._told > _QUIET:
                self._told = now
                logger.warning("progress of jobs is not written for now: %s", error)
