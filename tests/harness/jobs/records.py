"""Records as tests hand them in: requests, and leases and results of jobs of the default queue."""

from typing import Any

from jobgate.broker import JobOptions, JobRequest, JobResult, Lease

QUEUE = "arq:queue"


def request_of(function: str, **fields: Any) -> JobRequest:
    """A request whose options stand beside its own fields: `request_of("add", job_id="a", queue="mail")`."""
    options = {name: fields.pop(name) for name in JobOptions._fields if name in fields}
    return JobRequest(function=function, options=JobOptions(**options), **fields)


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


def first_result(**fields: Any) -> JobResult:
    """A success of the first try of job `a`, which had no arguments; `fields` are added."""
    return JobResult(
        job_id="a",
        function="add",
        args=[],
        kwargs={},
        tries=1,
        success=True,
        enqueue_time_ms=1,
        start_time_ms=2,
        finish_time_ms=3,
        queue=QUEUE,
        **fields,
    )
