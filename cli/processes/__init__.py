"""The processes that commands start and watch, and how these report and fail."""

from jobgate.cli.processes.ensemble import HOST, Ensemble, how_ended
from jobgate.cli.processes.failure import failed_with, with_startup
from jobgate.cli.processes.status_pipe import own_number, own_status_writer
from jobgate.cli.processes.supervisor import Supervisor, changes_in

__all__ = [
    # The parts of `jobgate dev`
    "HOST", "Ensemble", "how_ended",
    # Several worker processes
    "Supervisor", "changes_in",
    # One worker process
    "failed_with", "own_number", "own_status_writer", "with_startup",
]  # fmt: skip
