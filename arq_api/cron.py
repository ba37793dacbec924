"""What arq's users import from `arq.cron`."""

from jobgate.worker import CronJob, cron, next_cron

__all__ = ["CronJob", "cron", "next_cron"]
