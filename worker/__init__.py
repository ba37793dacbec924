"""jobgate.worker: claims jobs and runs functions."""

from jobgate.worker.bounds import Seconds
from jobgate.worker.checks import look_for_workers
from jobgate.worker.cron_jobs.cron_job import CronJob, cron, next_cron
from jobgate.worker.errors import (
    LoadError,
    NotTransferable,
    ProcessDied,
    ProcessRaised,
    SettingsError,
    WorkerError,
)
from jobgate.worker.functions.function import Function, func
from jobgate.worker.functions.loader import load_settings
from jobgate.worker.functions.retries import Backoff, Retry, RetryJob
from jobgate.worker.jobs.deadline import Deadline
from jobgate.worker.jobs.hooks import JobOutcome
from jobgate.worker.jobs.progress import ProgressReporter
from jobgate.worker.settings import Settings
from jobgate.worker.worker import Worker

__all__ = [
    # The worker
    "Worker",
    "look_for_workers",
    # What it is told
    "Backoff",
    "CronJob",
    "Function",
    "Seconds",
    "Settings",
    "cron",
    "func",
    "load_settings",
    "next_cron",
    # What a function and the hooks find in their ctx
    "Deadline",
    "JobOutcome",
    "ProgressReporter",
    # What a function raises to be run again
    "Retry",
    "RetryJob",
    # Errors
    "LoadError",
    "NotTransferable",
    "ProcessDied",
    "ProcessRaised",
    "SettingsError",
    "WorkerError",
]
