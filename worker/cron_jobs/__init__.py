"""Cron jobs: how users define them, when they are due, and how they are enqueued."""

from jobgate.worker.cron_jobs.cron_job import CronJob, as_cron_job, cron, next_cron
from jobgate.worker.cron_jobs.scheduler import Scheduler
from jobgate.worker.cron_jobs.ticks import Skip, Tick, TickWriter

__all__ = ["CronJob", "Scheduler", "Skip", "Tick", "TickWriter", "as_cron_job", "cron", "next_cron"]
