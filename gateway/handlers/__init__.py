"""The operations of the API, one module for each resource."""

from jobgate.gateway.handlers.abort import abort
from jobgate.gateway.handlers.all_events import all_events
from jobgate.gateway.handlers.broker_problems import broker_problem, rate_limit_headers
from jobgate.gateway.handlers.bulk import bulk_abort, bulk_retry
from jobgate.gateway.handlers.enqueue import (
    counted,
    enqueue,
    enqueue_problem,
    offered,
    replayed_job,
    request_of,
    require_acceptable,
    status_of_new,
)
from jobgate.gateway.handlers.functions import function, functions
from jobgate.gateway.handlers.job_list import jobs
from jobgate.gateway.handlers.job_stream import job_events
from jobgate.gateway.handlers.openapi import openapi
from jobgate.gateway.handlers.pages import docs, ui_file
from jobgate.gateway.handlers.presentation import job_of_enqueued, moment, shown
from jobgate.gateway.handlers.probes import livez, metrics, readyz
from jobgate.gateway.handlers.result import result
from jobgate.gateway.handlers.retry import retry
from jobgate.gateway.handlers.status import status

__all__ = [
    # Operations
    "abort", "all_events", "bulk_abort", "bulk_retry", "docs", "enqueue", "function", "functions",
    "job_events", "jobs", "livez", "metrics", "openapi", "readyz", "result", "retry", "status", "ui_file",
    # What they share with the service and with other resources
    "broker_problem", "moment", "rate_limit_headers", "shown",
    # What single jobs and batches share
    "counted", "enqueue_problem", "job_of_enqueued", "offered", "replayed_job", "request_of",
    "require_acceptable", "status_of_new",
]  # fmt: skip
