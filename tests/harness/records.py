"""Leases and results of jobs of the default queue, as tests of transitions hand them in."""

from jobgate.broker import JobResult, Lease

QUEUE = "arq:queue"


def lease(job_id: str) -> Lease:
    """A lease on the job's second try."""
    return Lease(job_id=job_id, queue=QUEUE, token="w:1", tries=2)


def result(job_id: str) -> JobResult:
    """A success of the job's second try."""
    return JobResult(
        job_id=job_id,
        function="add",
        args=[1],
        kwargs={},
        tries=2,
        success=True,
        enqueue_time_ms=1000,
        start_time_ms=2000,
        finish_time_ms=3000,
        queue=QUEUE,
    )
