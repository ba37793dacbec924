"""The deadlines of running jobs, with one timer for all of them."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from itertools import takewhile
from operator import attrgetter

from jobgate.worker.jobs.running_job import RunningJob

#: Seconds by which a timer of the event loop may fire too early.
_EARLY = 0.002


class Deadlines:
    """Calls back when a job reaches its deadline.

    A timer for each job would cost more than most jobs take. Those with one timeout reach their deadlines in
    the order in which they began: only the first of them needs a timer, which may stay when it ends in time.

    Args:
        on_reached: Called with a job whose deadline has passed.
    """

    def __init__(self, on_reached: Callable[[RunningJob], None]) -> None:
        self._on_reached = on_reached
        #: The watched jobs by their timeouts, in the order of their deadlines.
        self._by_timeout: dict[float | None, dict[RunningJob, None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        #: When it fires, by the monotonic clock.
        self._fires_at = math.inf
        #: asyncio keeps a timer for a while, and with it the context in which it was made.
        self._outside = copy_context()

    def watch(self, job: RunningJob) -> None:
        """Watch a job that begins now, until `forget`; nothing is to be done for a job without a timeout."""
        timeout = job.limits.timeout
        if timeout is None:
            return
        watched = self._by_timeout.get(timeout)
        if watched is None:
            watched = self._by_timeout[timeout] = {}
        watched[job] = None
        if job.deadline < self._fires_at:
            self._set_timer(job.deadline)

    def forget(self, job: RunningJob) -> None:
        """Watch a job no more."""
        if (watched := self._by_timeout.get(job.limits.timeout)) is not None:
            watched.pop(job, None)
            if not watched:
                del self._by_timeout[job.limits.timeout]

    def close(self) -> None:
        """Watch no job any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self, at: float) -> None:
        self.close()
        delay = max(at - time.monotonic(), 0.0)
        self._timer = asyncio.get_running_loop().call_later(delay, self._check, context=self._outside)
        self._fires_at = at

    def _check(self) -> None:
        self._timer, self._fires_at = None, math.inf
        soon = time.monotonic() + _EARLY
        reached = [job for watched in self._by_timeout.values() for job in _until(soon, watched)]
        for job in sorted(reached, key=attrgetter("deadline")):
            self.forget(job)
            self._on_reached(job)
        first = min((next(iter(watched)).deadline for watched in self._by_timeout.values()), default=math.inf)
        if first < math.inf:
            self._set_timer(first)


def _until(at: float, watched: Iterable[RunningJob]) -> Iterator[RunningJob]:
    return takewhile(lambda job: job.deadline <= at, watched)
