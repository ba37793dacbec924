"""jobgate.worker: claims jobs and runs functions."""

from jobgate.broker import Seconds
from jobgate.worker.cron_jobs import CronJob, Tick, TickWriter, cron, next_cron
from jobgate.worker.errors import (
    LoadError,
    NotTransferable,
    ProcessDied,
    ProcessRaised,
    SettingsError,
    WorkerError,
)
from jobgate.worker.functions import Backoff, Function, Retry, RetryJob, func, job, load_settings
from jobgate.worker.invocation import Deadline, ProgressReporter
from jobgate.worker.jobs import JobOutcome, Observer, Outcome, OutcomeKind, RunningJob, message_of
from jobgate.worker.process import stop_signals
from jobgate.worker.runs import Rehearsal, codec_of
from jobgate.worker.settings import Settings
from jobgate.worker.vitals import EXIT_WEDGED, State, look_for_workers
from jobgate.worker.worker import Worker

__all__ = [
    # The worker
    "Worker",
    # For the command line
    "EXIT_WEDGED", "State", "look_for_workers", "message_of", "stop_signals",
    # Settings
    "Backoff", "CronJob", "Function", "Seconds", "Settings", "cron", "func", "job", "load_settings",
    "next_cron",
    # What a function and the hooks find in their ctx
    "Deadline", "JobOutcome", "ProgressReporter",
    # For `jobgate.testing`
    "Observer", "Outcome", "OutcomeKind", "Rehearsal", "RunningJob", "Tick", "TickWriter", "codec_of",
    # What a function raises to be run again
    "Retry", "RetryJob",
    # Errors
    "LoadError", "NotTransferable", "ProcessDied", "ProcessRaised", "SettingsError", "WorkerError",
]  # fmt: skip
