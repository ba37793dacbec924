"""Cron jobs: how users state them, when they are due, and who enqueues them."""

from jobgate.worker.cron_jobs.cron_job import CronJob, as_cron_job, cron, next_cron
from jobgate.worker.cron_jobs.scheduler import Scheduler
from jobgate.worker.cron_jobs.ticks import Skip

__all__ = ["CronJob", "Scheduler", "Skip", "as_cron_job", "cron", "next_cron"]
