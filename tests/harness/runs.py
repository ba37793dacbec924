"""What the parts of a worker's run share, for tests of single parts."""

from typing import Any

from jobgate.broker import Broker
from jobgate.worker import Settings
from jobgate.worker.clock import RedisClock
from jobgate.worker.jobs import Observer, Observers, RunningJobs, Shared


async def noop(ctx: dict[str, Any]) -> None: ...


def shared_of(
    broker: Any = None, *observers: Observer, functions: object = (noop,), **settings: object
) -> Shared:
    """Return the record of a run; without a broker, one that reaches no Redis."""
    chosen = Settings.of({"functions": functions}, **settings)
    return Shared(
        settings=chosen,
        broker=broker or Broker("redis://localhost:1"),
        worker_id="w",
        jobs=RunningJobs(chosen.max_jobs),
        clock=RedisClock(),
        observers=Observers(*observers),
    )
