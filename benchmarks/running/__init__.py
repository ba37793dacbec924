"""What measures need to run programs: a private Redis, child processes, an HTTP load generator."""

from benchmarks.running.children import ROOT, Child, child, cpu_seconds, environment, free_port, resident_mib
from benchmarks.running.stage import Failed, Stage, in_turns, note

__all__ = [
    "ROOT",
    "Child",
    "Failed",
    "Stage",
    "child",
    "cpu_seconds",
    "environment",
    "free_port",
    "in_turns",
    "note",
    "resident_mib",
]
