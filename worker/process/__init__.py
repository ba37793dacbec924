"""The process that a worker runs in: its signals, its event loop and its end."""

from jobgate.worker.process.cancellable import Cancellable
from jobgate.worker.process.own_process import (
    bound_exit,
    ending_within,
    exit_now,
    kill_children,
    loop_factory,
)
from jobgate.worker.process.signals import stop_signals

__all__ = [
    # While the process runs
    "Cancellable", "loop_factory", "stop_signals",
    # When it ends
    "bound_exit", "ending_within", "exit_now", "kill_children",
]  # fmt: skip
