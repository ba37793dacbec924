"""Runs of a worker in a test, and the time."""

from jobgate.testing.runs import moved_time
from jobgate.testing.runs.blocking import run_blocking
from jobgate.testing.runs.django import for_django
from jobgate.testing.runs.manual_worker import ManualWorker

__all__ = ["ManualWorker", "for_django", "moved_time", "run_blocking"]
