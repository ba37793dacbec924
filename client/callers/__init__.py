"""Calls by the name of a function or with the function itself, one or many, and the handle on the job."""

from jobgate.client.callers.caller import Caller
from jobgate.client.callers.job_handle import JobHandle, R_co

__all__ = [
    "Caller",
    "JobHandle",
    "R_co",
]
