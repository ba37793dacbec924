"""A worker as JSON."""

from collections.abc import Sequence
from typing import Any

from jobgate.broker import LiveWorker, RunningTry, WorkerVitals
from jobgate.gateway.jobs import moment, shown


def worker_json(
    worker: LiveWorker, vitals: WorkerVitals, functions: Sequence[str] | None, *, sees_jobs: bool
) -> dict[str, Any]:
    """Return the JSON of a worker.

    Args:
        worker: The worker.
        vitals: What it does.
        functions: Those of its functions that the caller may see; None = not known.
        sees_jobs: Whether the caller may see the ids of all jobs.
    """
    record = worker.record
    return {
        "worker": shown(record.worker_id),
        "host": shown(record.host),
        "pid": record.pid,
        "version": shown(record.version),
        "queues": [shown(queue) for queue in record.queues],
        "functions": functions if functions is None else [shown(name) for name in functions],
        "start_time": moment(record.start_time_ms),
        "heartbeat_time": moment(worker.heartbeat_ms),
        "max_jobs": record.max_jobs,
        # From the same moment as the list of running jobs, where that is known.
        "in_progress": record.in_progress if vitals.in_progress is None else vitals.in_progress,
        "running": [_running(one, sees_jobs=sees_jobs) for one in vitals.running],
        "since_start": {"succeeded": record.complete, "failed": record.failed, "retried": record.retried},
        "lag": vitals.lag,
        "memory": vitals.memory,
    }


def _running(one: RunningTry, *, sees_jobs: bool) -> dict[str, Any]:
    return {
        "job_id": shown(one.job_id) if sees_jobs else None,
        "function": shown(one.function),
        "start_time": moment(one.since_ms),
    }
