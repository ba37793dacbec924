"""Processes that run `jobgate` commands, are watched, and end with their parent; it needs no worker."""

from jobgate.cli.supervision.children import Child
from jobgate.cli.supervision.deaths import signal_name
from jobgate.cli.supervision.kinds import Kind
from jobgate.cli.supervision.status_pipe import BEAT, StatusWriter, own_number, own_status_writer
from jobgate.cli.supervision.supervisor import Supervisor, changes_in

__all__ = [
    # One child process
    "Child", "signal_name",
    # Several processes of one kind
    "Kind", "Supervisor", "changes_in",
    # Such a process
    "BEAT", "StatusWriter", "own_number", "own_status_writer",
]  # fmt: skip
