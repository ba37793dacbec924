"""How a function is invoked, in the event loop, a thread or a process, and what it finds in its `ctx`."""

from jobgate.worker.invocation.ctx import Deadline, ProgressReporter
from jobgate.worker.invocation.invoker import Invoker
from jobgate.worker.invocation.leftovers import (
    RUNNING_JOB,
    Leftover,
    all_over,
    note_leftovers,
)
from jobgate.worker.invocation.progress_writer import ProgressWriter

__all__ = [
    # Calls
    "Invoker",
    # Objects in ctx
    "Deadline", "ProgressReporter", "ProgressWriter",
    # What a job has started elsewhere
    "RUNNING_JOB", "Leftover", "all_over", "note_leftovers",
]  # fmt: skip
