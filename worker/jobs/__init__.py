"""One job from its claim to its stored outcome."""

from jobgate.worker.jobs.hooks import JobOutcome, call_hook
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
    "JobOutcome", "Observer", "Observers", "Outcome", "OutcomeKind", "call_hook", "message_of",
]  # fmt: skip
