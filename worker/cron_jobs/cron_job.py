"""Cron jobs as the user defines them: a function and the times at which it runs.

arq's own objects are recognised by their attributes; arq is never imported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from jobgate.broker import Field, Schedule, Seconds, Timetable, TimetableError, WeekdayField
from jobgate.worker.errors import SettingsError
from jobgate.worker.functions import Function, func

#: Attributes of arq's `CronJob` that its `Function` does not have.
_CRON_SHAPE = ("coroutine", "weekday", "microsecond", "run_at_startup", "unique", "job_id")
_TIME_FIELDS = ("month", "day", "weekday", "hour", "minute", "second", "microsecond")


@dataclass(frozen=True, kw_only=True, slots=True)
class CronJob:
    """One function and the times at which it runs. Made by `cron`."""

    #: Name, coroutine and limits; jobs can be enqueued for it as for every other function.
    function: Function
    timetable: Timetable
    #: True: it runs once for each worker that starts. "once": once for all workers that start while this job
    #: waits, runs, or ended less than ten minutes ago.
    run_at_startup: bool | Literal["once"] = False
    #: Whether all workers together run it once at each time; False: each worker enqueues a job of its own.
    unique: bool = True
    #: The id of all its jobs, and part of those of "once"; None = `<name>:<due time in unix ms>`.
    job_id: str | None = None

    def __post_init__(self) -> None:
        if self.run_at_startup not in (True, False, "once"):
            raise SettingsError(
                f"cron: run_at_startup must be True, False or 'once', not {self.run_at_startup!r}"
            )

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    def schedule(self, queue: str, timezone: str | None) -> Schedule:
        """Return what is published of it.

        Args:
            queue: The queue that its jobs go to.
            timezone: Name of the zone of its wall clock; None = it has none.
        """
        return Schedule(
            queue=queue,
            timetable=self.timetable,
            timezone=timezone,
            unique=self.unique,
            run_at_startup=self.run_at_startup,
            job_id=self.job_id,
        )


def cron(  # noqa: PLR0913 - arq's arguments
    coroutine: str | Callable[..., Any],
    *,
    name: str | None = None,
    month: Field = None, day: Field = None, weekday: WeekdayField = None,
    hour: Field = None, minute: Field = None, second: Field = 0, microsecond: int = 123_456,
    run_at_startup: bool | Literal["once"] = False,
    unique: bool = True,
    job_id: str | None = None,
    timeout: Seconds | None = None, keep_result: Seconds | None = 0,
    keep_result_forever: bool | None = False, max_tries: int | None = 1,
) -> CronJob:  # fmt: skip
    """Define a function with the times at which it runs, as arq's `cron`.

    It runs when all fields of the time fit. Each field is a number, a set, list or tuple of numbers, or None
    = any. They refer to the clock of the setting `timezone`; see docs/cron.md.

    Args:
        coroutine: The function, called with `ctx` alone, or its import path `module.function`.
        name: Its name for jobs; by default `cron:` and its `__qualname__` or import path.
        month: 1 to 12.
        day: 1 to 31.
        weekday: 0 to 6 = Monday to Sunday, or mon, tues, wed, thurs, fri, sat, sun.
        hour: 0 to 23.
        minute: 0 to 59.
        second: 0 to 59.
        microsecond: One number; the default avoids the full second, when everything else runs.
        run_at_startup: Run it at startup too; see `CronJob`, as for `unique` and `job_id`.
        unique: Run it once at each time, however many workers there are.
        job_id: The id of all its jobs: a run is skipped while the previous job waits or runs.
        timeout: Run limit in seconds; None or 0 = the worker's `job_timeout`.
        keep_result: Seconds to keep results; 0 = not at all, None = as in the worker's settings.
        keep_result_forever: Keep results for ever.
        max_tries: Starts allowed; None = as in the worker's settings.

    Raises:
        SettingsError: The function cannot be called, a field is out of range, or no day ever fits.
    """
    function = func(
        coroutine, name=name or f"cron:{func(coroutine).name}", timeout=timeout, keep_result=keep_result,
        keep_result_forever=keep_result_forever, max_tries=max_tries,
    )  # fmt: skip
    times = _timetable(
        month=month, day=day, weekday=weekday,
        hour=hour, minute=minute, second=second, microsecond=microsecond,
    )  # fmt: skip
    return CronJob(
        function=function, timetable=times, run_at_startup=run_at_startup, unique=unique, job_id=job_id
    )


def _timetable(**fields: Any) -> Timetable:
    try:
        return Timetable.of(**fields)
    except TimetableError as error:
        raise SettingsError(str(error)) from None


def as_cron_job(value: object) -> CronJob:
    """Return an item of `cron_jobs` as a `CronJob`.

    Raises:
        SettingsError: It is not a result of `cron`, ours or arq's.
    """
    if isinstance(value, CronJob):
        return value
    if not all(hasattr(value, name) for name in _CRON_SHAPE):
        raise SettingsError(f"cron_jobs: {value!r} is not a cron(…)")
    given: Any = value
    return cron(
        given.coroutine,
        name=given.name,
        **{name: getattr(given, name) for name in _TIME_FIELDS},
        run_at_startup=given.run_at_startup,
        unique=given.unique,
        job_id=given.job_id,
        timeout=given.timeout_s,
        keep_result=given.keep_result_s,
        keep_result_forever=given.keep_result_forever,
        max_tries=given.max_tries,
    )


def next_cron(
    previous_dt: datetime,
    *,
    month: Field = None,
    day: Field = None,
    weekday: WeekdayField = None,
    hour: Field = None,
    minute: Field = None,
    second: Field = 0,
    microsecond: int = 123_456,
) -> datetime:
    """Return the next time that fits, as arq's `next_cron`: a second after `previous_dt` or later.

    Args:
        previous_dt: Its zone is that of the fields and of the answer.
        month: This and the other fields as in `cron`.
        day: See `cron`.
        weekday: See `cron`.
        hour: See `cron`.
        minute: See `cron`.
        second: See `cron`.
        microsecond: See `cron`.

    Raises:
        SettingsError: A field is out of range, or no day ever fits.
    """
    timetable = _timetable(
        month=month, day=day, weekday=weekday, hour=hour, minute=minute, second=second,
        microsecond=microsecond,
    )  # fmt: skip
    zone = previous_dt.tzinfo
    if zone is None:
        return timetable.next_after(previous_dt.replace(tzinfo=UTC)).replace(tzinfo=None)
    return timetable.next_after(previous_dt, zone).astimezone(zone)
