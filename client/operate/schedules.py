"""What a client can see of cron jobs: plain records, the same over HTTP and over Redis."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledRun:
    """A run of a cron job. Times are aware, in UTC; None = not known, or not yet."""

    #: `succeeded`, `failed`, `aborted`, `running`, `waiting`, `missed` or `unknown`; see docs/cron.md.
    outcome: str
    #: Its job; None = there is none, or the key may not see it.
    job_id: str | None
    #: When it was due; None = it was enqueued by hand or when a worker started.
    due_time: datetime | None = None
    start_time: datetime | None = None
    finish_time: datetime | None = None
    #: Why it failed: a code of `JobFailed`.
    code: str | None = None
    #: Type and message of the error, shortened; None = it did not fail, or the key may not see it.
    error: str | None = None
    #: Whether its job can still be read.
    kept: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleInfo:
    """A cron job of live workers."""

    #: A name for this entry; it changes with the times.
    id: str
    #: The function that it runs.
    function: str
    #: The first line of the function's docstring.
    description: str | None
    #: The queue that its jobs go to.
    queue: str
    #: When it runs, in English, by the clock of `timezone`.
    words: str
    #: The values of `month`, `day`, `weekday` (`mon` …), `hour`, `minute` and `second`; None = any.
    fields: Mapping[str, tuple[int | str, ...] | None] = field(default_factory=dict)
    #: Name of its zone, or an offset from UTC such as `+05:30`; None = the worker's zone has no name.
    timezone: str | None = None
    #: Whether all workers together run it once at each time.
    unique: bool = True
    #: Whether each worker runs it when it starts; "once" = once for workers that start together.
    run_at_startup: bool | str = False
    #: The id of all its jobs; None = each run has its own.
    job_id: str | None = None
    #: Run limit in seconds; None = no limit.
    timeout: float | None = None
    #: Starts allowed; None = not known.
    max_tries: int | None = None
    #: Number of live workers that have it.
    workers: int = 0
    #: When it runs next; None = the time zone is not known where this was computed.
    next_runs: tuple[datetime, ...] | None = None
    #: The newest first.
    last_runs: tuple[ScheduledRun, ...] = ()
