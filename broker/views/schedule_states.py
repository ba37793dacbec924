"""When cron jobs run next, and how their last runs ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import islice, takewhile
from typing import Final

from jobgate.broker.fleet import LiveSchedule
from jobgate.broker.records import FailureCode
from jobgate.broker.schedules import MOST_RUNS, CronRun, cron_run, run_id, run_memory
from jobgate.broker.scripts import script
from jobgate.broker.views.job_view import JobStatus, JobView
from jobgate.broker.views.listed_jobs import ListedPart

#: Next runs that are computed by default, and most of one cron job.
_NEXT: Final = 5
MOST_NEXT: Final = 50
#: Milliseconds that a run has until it leaves traces.
_PATIENCE_MS: Final = 5_000
#: For how long Redis remembers that a run was enqueued, less a margin.
_REMEMBERED_MS: Final = 86_000_000


class RunOutcome(StrEnum):
    """What became of a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    #: A worker runs it.
    RUNNING = "running"
    #: It waits for a worker, or for its next try.
    WAITING = "waiting"
    #: Workers were alive, but nobody enqueued it.
    MISSED = "missed"
    #: It was enqueued, and nothing else is known of it.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class LastRun:
    """A run of a cron job. Times are unix ms; None = not known, or not yet."""

    outcome: RunOutcome
    job_id: str | None
    #: For when it was scheduled; None = it was enqueued by hand or at a start.
    due_ms: int | None
    start_ms: int | None = None
    finish_ms: int | None = None
    #: Code of its failure, and its type and message, shortened.
    code: str | None = None
    error: str | None = None
    #: Whether its job can still be read.
    is_kept: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleState:
    """A cron job, its next runs and its last ones."""

    live: LiveSchedule
    #: In unix ms; None = this machine does not know its time zone.
    next_ms: Sequence[int] | None
    #: The newest first.
    last_runs: Sequence[LastRun]


@dataclass(slots=True)
class _Times:
    """The computed times of a cron job."""

    next_ms: Sequence[int] | None = None
    #: The last time that has passed.
    last_ms: int | None = None


class SchedulePart(ListedPart):
    """Reads the runs of cron jobs (cron_runs.lua), and computes their times."""

    async def schedule_states(
        self, live: Sequence[LiveSchedule], *, until_ms: int | None = None
    ) -> list[ScheduleState]:
        """Return the states of cron jobs, in their order.

        Args:
            live: As `live_functions.all_schedules` returns them.
            until_ms: Compute the next runs before this time, at most `MOST_NEXT` of each, and leave out the
                cron jobs that have none; None = the next five of each.
        """
        keys = [self.keys.cron_runs(each.schedule.queue, each.function) for each in live]
        now_ms, *stored = await self._core.link.read(script("cron_runs"), keys, [MOST_RUNS])
        times = await asyncio.to_thread(_all_times, live, now_ms, until_ms)
        runs = [[run for one in each if (run := cron_run(one)) is not None] for each in stored]
        newest = await self._newest(live, times, runs, now_ms)
        return [
            ScheduleState(
                live=each,
                next_ms=time.next_ms,
                last_runs=([last] if last else []) + [_ended(run, now_ms) for run in ended],
            )
            for each, time, last, ended in zip(live, times, newest, runs, strict=True)
            if time.next_ms != []
        ]

    async def _newest(
        self,
        live: Sequence[LiveSchedule],
        times: Sequence[_Times],
        runs: Sequence[Sequence[CronRun]],
        now_ms: int,
    ) -> list[LastRun | None]:
        """Return what is known of the last time of each cron job, where it is not among its ended runs."""
        wanted = [
            _Wanted(each, time.last_ms, now_ms)
            if time.last_ms is not None and all(run.due_ms != time.last_ms for run in ended)
            else None
            for each, time, ended in zip(live, times, runs, strict=True)
        ]
        views = await self._views_of([each for each in wanted if each])
        lost = [each for each in wanted if each and each.job_id not in views and each.live.schedule.unique]
        memories = [self.keys.idempotency(each.memory) for each in lost]
        known = await self._core.link.command("MGET", *memories) if memories else []
        remembered = {each.memory: one is not None for each, one in zip(lost, known, strict=True)}
        return [
            each.run(views.get(each.job_id), remembered.get(each.memory)) if each else None for each in wanted
        ]

    async def _views_of(self, wanted: Sequence["_Wanted"]) -> dict[str, JobView]:
        by_queue: dict[str, list[str]] = {}
        for each in wanted:
            by_queue.setdefault(each.live.schedule.queue, []).append(each.job_id)
        found: list[JobView | None] = []
        for queue, ids in by_queue.items():
            read = 0
            while read < len(ids):
                views = await self.listed(queue, ids[read:])
                found += views
                read += len(views)
        return {view.job_id: view for view in found if view is not None}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The last time of a cron job, of which no ended run is known."""

    live: LiveSchedule
    due_ms: int
    now_ms: int

    @property
    def job_id(self) -> str:
        return self.live.schedule.job_id or run_id(self.live.function, self.due_ms)

    @property
    def memory(self) -> str:
        schedule, name = self.live.schedule, self.live.function
        return run_memory(schedule.queue, name, schedule.job_id, run_id(name, self.due_ms))

    def run(self, view: JobView | None, is_remembered: bool | None) -> LastRun | None:
        """Return what is known of it; None = nothing is to be said.

        Args:
            view: Its job.
            is_remembered: Whether Redis remembers that it was enqueued; None = it cannot tell.
        """
        if view is not None and (not self.live.schedule.job_id or view.due_time_ms == self.due_ms):
            return _of_view(view, self.due_ms)
        if view is not None and not view.has_ended:  # which run it is cannot be told from a fixed id
            return _of_view(view, None)
        age = self.now_ms - self.due_ms
        if is_remembered and age > _PATIENCE_MS:
            return LastRun(outcome=RunOutcome.UNKNOWN, job_id=self.job_id, due_ms=self.due_ms)
        was_expected = self.live.since_ms + _PATIENCE_MS < self.due_ms and _PATIENCE_MS < age < _REMEMBERED_MS
        if is_remembered is False and was_expected:
            return LastRun(outcome=RunOutcome.MISSED, job_id=None, due_ms=self.due_ms)
        return None


def _of_view(view: JobView, due_ms: int | None) -> LastRun:
    return LastRun(
        outcome=_outcome_of(view),
        job_id=view.job_id,
        due_ms=due_ms,
        start_ms=view.start_time_ms,
        finish_ms=view.finish_time_ms,
        code=view.code,
        error=f"{view.failure.type}: {view.failure.message}"[:300] if view.failure else None,
        is_kept=True,
    )


def _outcome_of(view: JobView) -> RunOutcome:
    if not view.has_ended:
        return RunOutcome.RUNNING if view.status is JobStatus.IN_PROGRESS else RunOutcome.WAITING
    if view.is_unreadable:
        return RunOutcome.UNKNOWN
    failed = RunOutcome.ABORTED if view.code is FailureCode.ABORTED else RunOutcome.FAILED
    return RunOutcome.SUCCEEDED if view.success else failed


def _ended(run: CronRun, now_ms: int) -> LastRun:
    return LastRun(
        outcome=RunOutcome(run.ending),
        job_id=run.job_id,
        due_ms=run.due_ms,
        start_ms=run.start_ms,
        finish_ms=run.finish_ms,
        code=run.code,
        error=run.error,
        is_kept=run.keep is None or run.finish_ms + run.keep * 1000 > now_ms,
    )


def _all_times(live: Sequence[LiveSchedule], now_ms: int, until_ms: int | None) -> list[_Times]:
    """Compute the times of cron jobs; a hundred may take some ten milliseconds."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return [_times(each, now, until_ms) for each in live]


def _times(live: LiveSchedule, now: datetime, until_ms: int | None) -> _Times:
    zone = live.schedule.zone
    if zone is None:
        return _Times()
    last = live.schedule.last_before(now, zone)
    return _Times(_next_runs(live, now, zone, until_ms), None if last is None else _ms_of(last))


def _next_runs(live: LiveSchedule, now: datetime, zone: tzinfo, until_ms: int | None) -> list[int]:
    found = map(_ms_of, live.schedule.runs_after(now, zone))
    if until_ms is None:
        return list(islice(found, _NEXT))
    return list(islice(takewhile(lambda each: each < until_ms, found), MOST_NEXT))


def _ms_of(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
