"""The operations of the API, one module for each resource."""

from jobgate.gateway.handlers.abort import abort
from jobgate.gateway.handlers.broker_problems import broker_problem
from jobgate.gateway.handlers.enqueue import enqueue
from jobgate.gateway.handlers.job_list import jobs
from jobgate.gateway.handlers.openapi import openapi, openapi_json
from jobgate.gateway.handlers.probes import livez, metrics, readyz
from jobgate.gateway.handlers.result import result
from jobgate.gateway.handlers.status import status

__all__ = [
    # Operations
    "abort", "enqueue", "jobs", "livez", "metrics", "openapi", "readyz", "result", "status",
    # What they share with the service
    "broker_problem", "openapi_json",
]  # fmt: skip
