"""Enqueues cron jobs, shortly before they are due.

Every worker enqueues every run, and the first one wins: a run has one id in the whole fleet. Redis remembers
for a day that it was enqueued, so a late worker does not enqueue it again after its job has ended and left no
trace (arq #196). Times are those of the Redis clock, so workers whose own clocks differ agree.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from jobgate.broker import PASSING_ERRORS, Backoff, Broker, BrokerError, counted, printable, with_jitter
from jobgate.worker.clock import RedisClock
from jobgate.worker.cron_jobs.cron_job import CronJob
from jobgate.worker.cron_jobs.ticks import CountSkips, Skip, Tick, TickWriter
from jobgate.worker.log import logger
from jobgate.worker.roles import TaskRole

#: How long before its time a job is enqueued, so that short outages delay nothing. The moment is random, so
#: that the workers of a fleet do not all ask at once.
AHEAD_LEAST, AHEAD_MOST = timedelta(seconds=1), timedelta(seconds=2)
#: Each run that was missed by no more than this is caught up on; see docs/cron.md.
ALL_WITHIN = timedelta(seconds=30)
#: Of the older ones, only the latest is caught up on, unless it is older than this.
LATEST_WITHIN = timedelta(hours=1)
#: A step back of the clock by more than this: all times are computed again.
_BACKWARDS = timedelta(seconds=60)
#: Pauses before Redis is asked again.
_BACKOFF = Backoff(first=0.5, longest=2.0)
#: Missed runs are counted up to this, so that a sleep of days does not block the loop.
_MOST_COUNTED = 1_000


@dataclass(slots=True)
class _Plan:
    """One cron job and its next run."""

    cron: CronJob
    zone: tzinfo | None
    #: Whether its run at startup is still to be enqueued.
    at_start: bool
    #: Part of the ids of runs that are this worker's own: one for all cron jobs that are unique, else each
    #: has its own.
    mark: str
    #: The next time; None until the Redis clock is known.
    due: datetime | None = None

    def continue_after(self, moment: datetime) -> None:
        """Make the first time after a moment the next one."""
        self.due = self.cron.timetable.next_after(moment, self.zone)

    def settle(self, tick: Tick) -> None:
        """Note that a tick is settled, by this worker or another."""
        if tick.due is None:
            self.at_start = False
        else:
            self.continue_after(tick.due)

    def skip_missed(self, now: datetime) -> int:
        """Skip the times that are too old to be caught up on; return how many."""
        if self.due is None or self.due >= now - ALL_WITHIN:
            return 0
        missed = self.due
        self.continue_after(now - ALL_WITHIN)
        if self.due > now:
            self.due = self._latest(now) or self.due
        if self.due <= missed:
            return 0
        count = self._count(missed, self.due)
        logger.warning(
            "cron job %s: %s since %s were missed and are skipped",
            printable(self.cron.name), counted(count, "run") + " or more" * (count == _MOST_COUNTED), missed,
        )  # fmt: skip
        return count

    def _count(self, first: datetime, end: datetime) -> int:
        """Return the number of times from `first` to before `end`, at most `_MOST_COUNTED`."""
        count = 0
        while first < end and count < _MOST_COUNTED:
            first, count = self.cron.timetable.next_after(first, self.zone), count + 1
        return count

    def _latest(self, now: datetime) -> datetime | None:
        """Return the last time before now within `LATEST_WITHIN`, in steps back that double."""
        back = ALL_WITHIN
        while back < LATEST_WITHIN:
            back = min(back * 2, LATEST_WITHIN)
            found = self.cron.timetable.next_after(now - back, self.zone)
            if found <= now:
                return self._last_from(found, now)
        return None

    def _last_from(self, found: datetime, now: datetime) -> datetime:
        while (after := self.cron.timetable.next_after(found, self.zone)) <= now:
            found = after
        return found


class Scheduler(TaskRole):
    """The cron jobs of one worker.

    Args:
        broker: Takes the jobs.
        cron_jobs: What to enqueue.
        queue: The queue that the jobs go to.
        timezone: The wall clock of the timetables; None = the system's.
        clock: The Redis time.
        stopped: Whether the worker stops; nothing more is enqueued then.
        count: Counts skipped runs.
    """

    def __init__(
        self, broker: Broker, cron_jobs: Sequence[CronJob], *, queue: str, timezone: tzinfo | None,
        clock: RedisClock, stopped: Callable[[], bool],
        count: CountSkips = lambda name, reason, runs: None,
    ) -> None:  # fmt: skip
        self._writer = TickWriter(broker, count)
        self._count = count
        self._queue = queue
        self._clock = clock
        self._stopped = stopped
        mark = secrets.token_hex(8)
        self._plans = [
            _Plan(cron, timezone, bool(cron.run_at_startup), mark if cron.unique else secrets.token_hex(8))
            for cron in cron_jobs
        ]
        self._failures = 0

    @property
    def next_due(self) -> datetime | None:
        """The next time that is not yet enqueued; None until the Redis time is known."""
        return min((plan.due for plan in self._plans if plan.due is not None), default=None)

    async def enqueue_startup_jobs(self) -> None:
        """Enqueue the jobs that run at startup. Without Redis this does not raise: `run` repeats it."""
        await self._enqueue_due(self._now())

    async def run(self) -> None:
        """Enqueue each job before its time, until the worker stops."""
        if not self._plans:
            return
        await self._clock.changed.wait()
        seen = self._now()
        while not self._stopped():
            self._clock.changed.clear()
            now = self._now()
            self._look_at_times(now, put_back=now < seen - _BACKWARDS)
            seen = now
            try:
                enqueued = await self._enqueue_due(now)
            except Exception:
                logger.exception("cron jobs could not be enqueued")  # a bug must not end all cron jobs
                enqueued = False
            if not enqueued:
                await self._wait(self._pause())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    def _look_at_times(self, now: datetime, *, put_back: bool) -> None:
        for plan in self._plans:
            if plan.due is None or put_back:
                plan.continue_after(now)
            if missed := plan.skip_missed(now):
                self._count(plan.cron.name, Skip.MISSED, missed)

    async def _enqueue_due(self, now: datetime) -> bool:
        """Enqueue all due runs; return whether there were any and all of them are settled."""
        due = list(self._due(now))
        if not due:
            return False
        errors = await self._writer.enqueue([tick for _, tick in due])
        failure = None
        for (plan, tick), error in zip(due, errors, strict=True):
            if isinstance(error, PASSING_ERRORS):
                failure = error
                continue
            if error is not None:
                self._writer.refused(tick, error)
            plan.settle(tick)
        self._note(failure)
        return failure is None

    def _due(self, now: datetime) -> Iterator[tuple[_Plan, Tick]]:
        for plan in self._plans:
            if plan.at_start:
                yield plan, Tick(plan.cron, self._queue, plan.mark)
            if plan.due is not None and plan.due <= now + AHEAD_MOST:
                yield plan, Tick(plan.cron, self._queue, plan.mark, plan.due)

    def _note(self, failure: BrokerError | None) -> None:
        if failure is not None:
            self._failures += 1
            if self._failures == 1 or self._failures % 30 == 0:
                logger.warning("cron jobs cannot be enqueued, still retrying: %s", failure)
        elif self._failures:
            logger.warning("cron jobs can be enqueued again after %d failures", self._failures)
            self._failures = 0

    def _pause(self) -> float:
        """Return the seconds until Redis is asked again, or until the next job is to be enqueued."""
        if self._failures:
            return with_jitter(_BACKOFF.pause(self._failures))
        now = self._now()
        ahead = random.uniform(AHEAD_LEAST.total_seconds(), AHEAD_MOST.total_seconds())
        return ((self.next_due or now) - now).total_seconds() - ahead

    async def _wait(self, seconds: float) -> None:
        """Wait for this long, or until the clock has changed."""
        try:
            async with asyncio.timeout(seconds):
                await self._clock.changed.wait()
        except TimeoutError:
            return
