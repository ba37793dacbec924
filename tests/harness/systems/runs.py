"""What the parts of a worker's run share, for tests of single parts."""

from typing import Any

from jobgate.broker import Broker, ClaimedJob, JobBody, Lease
from jobgate.worker import Settings
from jobgate.worker.clock import RedisClock
from jobgate.worker.functions.resolved import RunLimits
from jobgate.worker.jobs import Observer, Observers, RunningJob, RunningJobs, Shared

LIMITS = RunLimits(timeout=5, max_tries=3, keep=1)


async def noop(ctx: dict[str, Any]) -> None: ...


def shared_of(
    broker: Any = None, *observers: Observer, functions: object = (noop,), **settings: object
) -> Shared:
    """Return the record of a run; without a broker, one that reaches no Redis."""
    chosen = Settings.of({"functions": functions}, **settings)
    return Shared(
        settings=chosen,
        functions=chosen.resolved(),
        broker=broker or Broker("redis://localhost:1"),
        worker_id="w",
        jobs=RunningJobs(chosen.max_jobs),
        clock=RedisClock(),
        observers=Observers(*observers),
    )


def claimed_job(job_id: str = "j", body: bytes | None = None) -> ClaimedJob:
    """A claim on a job's first try."""
    return ClaimedJob(lease=Lease(job_id=job_id, queue="q", token="w:1", tries=1), score_ms=0, body=body)


def running_job(job_id: str = "j", function: str = "add") -> RunningJob:
    """A job that was claimed and has not begun; it has a timeout of 5 s and three tries."""
    job = RunningJob(claimed_job(job_id), LIMITS)
    job.body = JobBody(function=function, args=(1, "two"), kwargs={"x": 3}, enqueue_time_ms=0)
    return job
