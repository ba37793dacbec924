"""The progress of jobs whose results are waited for, as their functions report it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from jobgate.client.errors import JobgateError
from jobgate.client.info import JobProgress

logger = logging.getLogger("jobgate.client")

#: Seconds between two rounds of questions. Jobs that end sooner are not asked.
_STEP: Final = 1.0


class _Asked(Protocol):
    """A job that can be asked for its progress."""

    async def progress(self) -> JobProgress | None: ...


@dataclass(slots=True, eq=False)
class _Running:
    job: _Asked
    item: Any
    is_new: bool = True
    last: JobProgress | None = None


class ProgressReports:
    """Asks running jobs for their progress, one after the other, and passes on what is new.

    Args:
        on_progress: Called with the item of a call, and the progress of its job.
    """

    def __init__(self, on_progress: Callable[[Any, JobProgress], object]) -> None:
        self._on_progress = on_progress
        self._running: list[_Running] = []

    @contextmanager
    def of(self, item: Any, job: _Asked) -> Iterator[None]:
        """Ask a job until the block ends."""
        running = _Running(job, item)
        self._running.append(running)
        try:
            yield
        finally:
            self._running.remove(running)

    @asynccontextmanager
    async def passed_on(self) -> AsyncIterator[None]:
        """Ask and pass on until the block ends."""
        asking = asyncio.create_task(self._ask_in_rounds())
        try:
            yield
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    async def _ask_in_rounds(self) -> None:
        try:
            while True:
                await asyncio.sleep(_STEP)
                for one in list(self._running):
                    if one.is_new:
                        one.is_new = False
                    elif one in self._running:  # it may have ended during the questions to others
                        await self._ask(one)
        except Exception:
            logger.exception("on_progress failed, and is not called again")

    async def _ask(self, one: _Running) -> None:
        try:
            progress = await one.job.progress()
        except JobgateError:  # it is still being enqueued, or has just ended; or the key may not read
            return
        if progress is not None and progress != one.last:
            one.last = progress
            self._on_progress(one.item, progress)
