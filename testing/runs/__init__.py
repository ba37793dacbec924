"""Runs of a worker in a test, and the time."""

from jobgate.testing.runs.blocking import run_blocking
from jobgate.testing.runs.django import for_django, has_django
from jobgate.testing.runs.manual_worker import ManualWorker
from jobgate.testing.runs.moved_time import MovedTime

__all__ = ["ManualWorker", "MovedTime", "for_django", "has_django", "run_blocking"]
