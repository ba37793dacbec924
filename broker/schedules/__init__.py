"""Cron jobs as workers announce them: when they are due, in words too, and what is known of their runs."""

from jobgate.broker.schedules.cron_runs import MOST_RUNS, CronRun, cron_run, encode_cron_run
from jobgate.broker.schedules.run_ids import due_of_run, run_id, run_memory
from jobgate.broker.schedules.schedule import Schedule, read_schedules
from jobgate.broker.schedules.timetable import Field, Timetable, TimetableError, WeekdayField
from jobgate.broker.schedules.words import in_words
from jobgate.broker.schedules.zones import zone_name

__all__ = [
    "MOST_RUNS", "CronRun", "Field", "Schedule", "Timetable", "TimetableError", "WeekdayField", "cron_run",
    "due_of_run", "encode_cron_run", "in_words", "read_schedules", "run_id", "run_memory", "zone_name",
]  # fmt: skip
