"""Queues and workers as operators see them, and what they do with queues."""

from jobgate.gateway.fleet.queues import pause, queue, queues, resume
from jobgate.gateway.fleet.schedules import schedules
from jobgate.gateway.fleet.times import times
from jobgate.gateway.fleet.workers import worker, workers

__all__ = ["pause", "queue", "queues", "resume", "schedules", "times", "worker", "workers"]
