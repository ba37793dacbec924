"""jobgate.worker: claims jobs and runs functions."""

from jobgate.worker.checking import check_health
from jobgate.worker.creating import create_worker, get_kwargs, run_worker
from jobgate.worker.cron import CronJob, cron, next_cron
from jobgate.worker.deadlines import Deadline
from jobgate.worker.durations import Seconds
from jobgate.worker.errors import (
    FailedJobs,
    JobExecutionFailed,
    LoadError,
    NotTransferable,
    ProcessDied,
    ProcessRaised,
    Retry,
    RetryJob,
    SettingsError,
    WorkerError,
)
from jobgate.worker.functions import Function, func
from jobgate.worker.hooks import JobOutcome
from jobgate.worker.loading import load_settings
from jobgate.worker.progress import ProgressReporter
from jobgate.worker.retrying import Backoff
from jobgate.worker.settings import Settings
from jobgate.worker.worker import Worker

__all__ = [
    # The worker
    "Worker",
    "check_health",
    "create_worker",
    "get_kwargs",
    "run_worker",
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
    "FailedJobs",
    "JobExecutionFailed",
    "LoadError",
    "NotTransferable",
    "ProcessDied",
    "ProcessRaised",
    "SettingsError",
    "WorkerError",
]
