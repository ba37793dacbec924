"""State that the parts of one run share."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobgate.broker import Broker
from jobgate.worker.clock import RedisClock
from jobgate.worker.functions import ResolvedFunction
from jobgate.worker.jobs.observers import Observers
from jobgate.worker.jobs.running_jobs import RunningJobs
from jobgate.worker.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """Passed to each part of a run instead of one argument for each field."""

    settings: Settings
    #: The functions by name.
    functions: Mapping[str, ResolvedFunction]
    #: Redis.
    broker: Broker
    #: Id under which jobs are claimed and finished.
    worker_id: str
    #: The jobs that run now.
    jobs: RunningJobs
    #: The time by the Redis clock.
    clock: RedisClock
    #: Recipients of the run's events.
    observers: Observers
