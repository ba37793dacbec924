"""What a worker says of itself at each heartbeat: what it runs, its lag, its memory."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from jobgate.broker import MOST_RUNNING, RunningTry, WorkerVitals
from jobgate.worker.jobs import Phase, RunningJob, RunningJobs
from jobgate.worker.vitals.liveness import Pulse

#: The memory of this process in pages; its second number is what it really uses. Linux only.
_STATM = Path("/proc/self/statm")
#: Digits of the lag in seconds.
_DIGITS = 3


def own_vitals(jobs: RunningJobs, pulse: Pulse) -> WorkerVitals:
    """Return what the worker does now; in its loop.

    Args:
        jobs: Its jobs.
        pulse: The heartbeat of its loop.
    """
    claimed = [each for each in jobs.snapshot() if each.phase in (Phase.CLAIMED, Phase.RUNNING)]
    claimed.sort(key=lambda job: job.start_ms)
    return WorkerVitals(
        lag=round(pulse.take_longest_lag(), _DIGITS),
        memory=_resident_bytes(),
        in_progress=len(claimed),
        running=list(islice(_running(claimed), MOST_RUNNING)),
    )


def _running(claimed: Iterable[RunningJob]) -> Iterator[RunningTry]:
    """Yield what runs: a job whose body has not been read yet has no function, and does not run yet."""
    for job in claimed:
        if job.body is not None:
            yield RunningTry(job.job_id, job.body.function, job.start_ms or None)


def _resident_bytes() -> int | None:
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
