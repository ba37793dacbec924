"""The parts of `jobgate dev`, and what worker processes report: to supervisors, and to users if they fail."""

from jobgate.cli.processes.ensemble import HOST, Ensemble, how_ended
from jobgate.cli.processes.failure import failed_with, with_startup
from jobgate.cli.processes.worker_life import WorkerLife

__all__ = [
    # The parts of `jobgate dev`
    "HOST", "Ensemble", "how_ended",
    # One worker process
    "WorkerLife", "failed_with", "with_startup",
]  # fmt: skip
