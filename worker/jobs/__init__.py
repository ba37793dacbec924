"""One job from its claim to its stored outcome."""

from jobgate.worker.jobs.hooks import JobOutcome, await_if_needed
from jobgate.worker.jobs.observers import Observer, Observers
from jobgate.worker.jobs.outcome import Outcome, OutcomeKind, Stop, message_of
from jobgate.worker.jobs.persistence import Persistence
from jobgate.worker.jobs.runner import JobRunner
from jobgate.worker.jobs.running_job import Phase, RunningJob
from jobgate.worker.jobs.running_jobs import RunningJobs
from jobgate.worker.jobs.shared import Shared

__all__ = [
    # The parts of a run
    "JobRunner", "Persistence", "RunningJobs", "Shared",
    # One job
    "Phase", "RunningJob", "Stop",
    # Its outcome and observers
    "JobOutcome", "Observer", "Observers", "Outcome", "OutcomeKind", "await_if_needed", "message_of",
]  # fmt: skip
