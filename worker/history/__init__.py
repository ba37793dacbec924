"""What a worker writes down for later readers: how cron jobs ended, how long jobs ran and waited."""

from jobgate.worker.history.cron_history import CronHistory
from jobgate.worker.history.times_writer import TimesWriter

__all__ = ["CronHistory", "TimesWriter"]
