"""What the parts of one run share."""

from dataclasses import dataclass

from jobgate.broker import Broker
from jobgate.worker.clock import RedisClock
from jobgate.worker.jobs.observers import Observers
from jobgate.worker.jobs.running_jobs import RunningJobs
from jobgate.worker.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """One record that the parts of a run get instead of an argument for each of these."""

    settings: Settings
    #: Redis.
    broker: Broker
    #: Who claims and finishes jobs.
    worker_id: str
    #: The jobs that run now.
    jobs: RunningJobs
    #: The time by the Redis clock.
    clock: RedisClock
    #: Whom events are reported to.
    observers: Observers
