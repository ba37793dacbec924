"""Jobs over HTTP: enqueue, status, result, abort, retry, the list, and what other resources use of them."""

from jobgate.gateway.jobs.abort import abort
from jobgate.gateway.jobs.broker_problems import broker_problem, rate_limit_headers
from jobgate.gateway.jobs.enqueue import (
    counted,
    enqueue,
    enqueue_problem,
    new_job,
    offered,
    replayed_job,
    request_of,
    require_acceptable,
    status_of_new,
)
from jobgate.gateway.jobs.job_access import job_if_visible, require_for_job, visible_job
from jobgate.gateway.jobs.job_list import jobs
from jobgate.gateway.jobs.job_request import idempotency
from jobgate.gateway.jobs.presentation import REPLAYED, job_of_enqueued, job_of_view, moment, shown, to_json
from jobgate.gateway.jobs.result import result
from jobgate.gateway.jobs.retry import retry
from jobgate.gateway.jobs.status import status

__all__ = [
    "REPLAYED", "abort", "broker_problem", "counted", "enqueue", "enqueue_problem", "idempotency",
    "job_if_visible", "job_of_enqueued", "job_of_view", "jobs", "moment", "new_job", "offered",
    "rate_limit_headers", "replayed_job", "request_of", "require_acceptable", "require_for_job", "result",
    "retry", "shown", "status", "status_of_new", "to_json", "visible_job",
]  # fmt: skip
