"""A worker for tests: it runs jobs on request, and moves the time."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from jobgate.arq import Worker
from jobgate.broker import Broker
from jobgate.testing.errors import TestingError
from jobgate.testing.jobs import Assertions, EnqueuedJob, JobsFailed, RanJob, Recorder, jobs_of
from jobgate.testing.runs.background import Background
from jobgate.testing.runs.blocking import run_blocking
from jobgate.testing.runs.cron_ticks import CronTicks
from jobgate.testing.runs.django import for_django
from jobgate.testing.runs.moved_time import MovedTime
from jobgate.testing.servers import Keyspace, LoopThread
from jobgate.worker import Settings

T = TypeVar("T")

logger = logging.getLogger("jobgate.testing")

#: Most tries of one `run_jobs`, unless the test allows more.
MOST_JOBS = 1_000
_NO_FUNCTIONS = (
    "No functions are known to these tests, so no job can be run: name the settings of the worker, with "
    "`jobgate_settings = my_jobs.WorkerSettings` in pytest's configuration or the mark `jobgate(…)`."
)


class ManualWorker(Assertions):
    """A real worker, real Redis, and a test that says what happens when.

    `run_jobs` starts a worker with the settings in the running loop, lets it work until nothing is due, and
    stops it: hooks, retries, timeouts and serialization are those of production. Methods that are not
    coroutines can be called in tests of all kinds.

    Tests get it from the fixture `jobgate_worker`, or from an `Environment`.
    """

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        keyspace: Keyspace,
        thread: LoopThread,
        time: MovedTime,
    ) -> None:
        self.settings = settings
        self._broker = broker
        self._keyspace = keyspace
        self._thread = thread
        self._time = time
        self._recorder = Recorder()

    @property
    def ran(self) -> Sequence[RanJob]:
        """All tries that its methods have made in this test, in the order of their starts."""
        return tuple(self._recorder.ran)

    @property
    def now(self) -> datetime:
        """The time as jobs see it, in UTC: the real time and all that `move_time` has added."""
        return self._thread.run(self._time.now())

    async def run_jobs(self, *, raise_failures: bool = True, limit: int = MOST_JOBS) -> list[RanJob]:
        """Run what is due now, and what these jobs enqueue.

        Deferred jobs and retries with a pause stay in the queue: use `move_time`, `pass_time` or `drain`.

        Args:
            raise_failures: Raise JobsFailed if a job failed for good.
            limit: Most tries.

        Returns:
            The tries in the order of their starts.

        Raises:
            JobsFailed: Jobs failed for good. All others have run too.
            TestingError: More than `limit` tries were due.
        """
        before = len(self._recorder.ran)
        await self._run_due(before + limit)
        return self._ran_since(before, raise_failures)

    async def pass_time(
        self,
        *,
        to: datetime | None = None,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        raise_failures: bool = True,
        limit: int = MOST_JOBS,
    ) -> list[RanJob]:
        """Let time pass as it would pass in production: jobs, retries and cron jobs run when they are due.

        Args:
            to: As in `move_time`; so are the others.
            days: Days.
            hours: Hours.
            minutes: Minutes.
            seconds: Seconds.
            raise_failures: As in `run_jobs`.
            limit: Most tries.

        Returns:
            The tries in the order of their starts.

        Raises:
            JobsFailed: As in `run_jobs`.
            TestingError: As in `run_jobs`, or this is not later than now.
        """
        by = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        now, end = await self._in_thread(self._time.now()), await self._in_thread(self._time.end_of(to, by))
        if end <= now:
            raise TestingError(f"{end.isoformat(' ')} is not later than now, {now.isoformat(' ')}.")
        before = len(self._recorder.ran)
        await self._go_on(before + limit, CronTicks(self.settings, now), end)
        if await self._in_thread(self._time.now()) < end:
            await self._in_thread(self._time.move_to(end))
        return self._ran_since(before, raise_failures)

    async def drain(self, *, raise_failures: bool = True, limit: int = MOST_JOBS) -> list[RanJob]:
        """Run all jobs, deferred ones and retries too: the time moves on to each. Cron jobs do not run.

        Args:
            raise_failures: As in `run_jobs`.
            limit: Most tries.

        Returns:
            The tries in the order of their starts.

        Raises:
            JobsFailed: As in `run_jobs`.
            TestingError: As in `run_jobs`.
        """
        before = len(self._recorder.ran)
        await self._go_on(before + limit)
        return self._ran_since(before, raise_failures)

    def run_jobs_blocking(self, *, raise_failures: bool = True, limit: int = MOST_JOBS) -> list[RanJob]:
        """Do what `run_jobs` does, in a test without an event loop."""
        return run_blocking(
            self.run_jobs(raise_failures=raise_failures, limit=limit), "await worker.run_jobs()"
        )

    def pass_time_blocking(
        self,
        *,
        to: datetime | None = None,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        raise_failures: bool = True,
        limit: int = MOST_JOBS,
    ) -> list[RanJob]:
        """Do what `pass_time` does, in a test without an event loop."""
        way: dict[str, Any] = {"to": to, "days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        return run_blocking(
            self.pass_time(**way, raise_failures=raise_failures, limit=limit),
            "await worker.pass_time(…)",
        )

    def drain_blocking(self, *, raise_failures: bool = True, limit: int = MOST_JOBS) -> list[RanJob]:
        """Do what `drain` does, in a test without an event loop."""
        return run_blocking(self.drain(raise_failures=raise_failures, limit=limit), "await worker.drain()")

    def running(self) -> Background:
        """Return a worker that runs beside the test, for calls that wait for their result.

        `async with worker.running():` runs it in the loop of the test, and `with worker.running():` in a
        thread. Cron jobs do not run by themselves.
        """
        return Background(self._worker, self._thread)

    def move_time(
        self,
        *,
        to: datetime | None = None,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> None:
        """Move the time forward, as jobgate sees it in this process. Nothing runs yet: call `run_jobs`.

        Deferred jobs and retries become due, jobs expire, and kept results are forgotten. Cron jobs do not
        run, whatever the time of day: use `pass_time`. The clock of Python does not move: for
        `datetime.now()` in functions use a package such as time-machine.

        Args:
            to: A moment; naive = local time.
            days: Or how far: the sum of this and the others.
            hours: Hours.
            minutes: Minutes.
            seconds: Seconds.

        Raises:
            TestingError: This is not later than now, and there are jobs already.
        """
        by = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        self._thread.run(self._time.move_to(self._thread.run(self._time.end_of(to, by))))

    # -- inside

    def _jobs(self) -> list[EnqueuedJob]:
        return self._thread.run(jobs_of(self._broker, self._keyspace, self._recorder.ran))

    def _worker(self) -> Worker:
        """Return a worker without cron jobs: the test enqueues their runs itself."""
        if not self.settings.functions:
            raise TestingError(_NO_FUNCTIONS)
        return Worker(for_django(self.settings).changed(cron_jobs=()))

    @cached_property
    def _for_runs(self) -> Worker:
        """The worker of all runs of this test."""
        return self._worker()

    async def _go_on(self, most: int, ticks: CronTicks | None = None, end: datetime | None = None) -> None:
        """Run jobs and move the time to what is due next, until that is after `end` or there is nothing.

        Args:
            most: Most tries that this test may have made then.
            ticks: The runs of cron jobs; None = they do not run.
            end: When to stop; None = when the queues are empty.
        """
        while True:
            await self._run_due(most)
            now = await self._in_thread(self._time.now())
            due = await self._in_thread(self._keyspace.next_due(self.settings.weights, now))
            dues = [one for one in (due, ticks.next_due if ticks else None) if one is not None]
            if not dues or (end is not None and min(dues) > end):
                return
            if min(dues) > now:
                await self._in_thread(self._time.move_to(min(dues)))
            if ticks is not None:
                await self._in_thread(ticks.enqueue_until(max(now, min(dues)), self._broker))

    async def _run_due(self, most: int) -> None:
        """Run what is due; raise TestingError if this test has made `most` tries by then, or more."""
        left = max(most - len(self._recorder.ran), 0)
        await self._for_runs.run_due(self._recorder, limit=left)
        if len(self._recorder.ran) >= most:
            raise TestingError(
                f"{len(self._recorder.ran)} tries were made, and there may be more: does a job enqueue "
                "itself again and again? If not, give a higher `limit`."
            )

    async def _in_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await what works in the loop of the environment."""
        return await asyncio.to_thread(self._thread.run, coroutine)

    def _ran_since(self, before: int, raise_failures: bool) -> list[RanJob]:
        ran = self._recorder.ran[before:]
        if not ran:
            self._warn_of_other_queues()
        failed = [job for job in ran if job.outcome == "failed"]
        if failed and raise_failures:
            raise JobsFailed(failed) from failed[0].exception
        return ran

    def _warn_of_other_queues(self) -> None:
        """Log which jobs are due in queues that no worker with these settings serves."""
        for job in self._jobs():
            if job.status == "queued" and job.queue not in self.settings.weights:
                logger.warning(
                    "%s was not run: it is in queue %s, and the settings serve %s",
                    job, job.queue, ", ".join(self.settings.weights),
                )  # fmt: skip
