"""Call functions that run in a worker, from any Python program: over HTTP, or straight through Redis.

`Client` is jobgate's own way. `create_pool`, `Job` and the others of arq's names are arq's, so that a program
that uses arq changes nothing but the lines that import them. They need the extra `worker`, and are loaded
when they are first named, because the client over HTTP has no Redis library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jobgate.client.arq_records import Deserializer, JobDef, JobResult, Serializer
from jobgate.client.client import Client
from jobgate.client.errors import (
    ArgumentError,
    BothDeferrals,
    ClientClosed,
    DeserializationError,
    Forbidden,
    GatewayUnavailable,
    InvalidArguments,
    InvalidOption,
    InvalidRequest,
    JobAborted,
    JobExecutionFailed,
    JobExists,
    JobFailed,
    JobgateError,
    JobLost,
    JobNotFound,
    MissingExtra,
    NoWorker,
    OutcomeUnknown,
    RateLimited,
    ResultGone,
    ResultNotFound,
    ResultTimeout,
    SerializationError,
    Unauthorized,
    UnexpectedAnswer,
    UnknownFunction,
)
from jobgate.client.info import JobInfo, JobProgress, JobStatus
from jobgate.client.job_handle import JobHandle

if TYPE_CHECKING:
    from jobgate.client.arq_job import Job
    from jobgate.client.pool import ArqRedis, RedisSettings, create_pool

__all__ = [
    # The client and its jobs
    "Client",
    "JobHandle",
    "JobInfo",
    "JobProgress",
    "JobStatus",
    # arq's calls
    "ArqRedis",
    "Deserializer",
    "Job",
    "JobDef",
    "JobResult",
    "RedisSettings",
    "Serializer",
    "create_pool",
    # Errors
    "ArgumentError",
    "BothDeferrals",
    "ClientClosed",
    "DeserializationError",
    "Forbidden",
    "GatewayUnavailable",
    "InvalidArguments",
    "InvalidOption",
    "InvalidRequest",
    "JobAborted",
    "JobExecutionFailed",
    "JobExists",
    "JobFailed",
    "JobNotFound",
    "JobgateError",
    "MissingExtra",
    "NoWorker",
    "OutcomeUnknown",
    "RateLimited",
    "ResultGone",
    "JobLost",
    "ResultNotFound",
    "ResultTimeout",
    "SerializationError",
    "Unauthorized",
    "UnexpectedAnswer",
    "UnknownFunction",
]

#: Names that need a Redis library -> the module that has them.
_WITH_REDIS = {
    "ArqRedis": "jobgate.client.pool",
    "Job": "jobgate.client.arq_job",
    "RedisSettings": "jobgate.client.pool",
    "create_pool": "jobgate.client.pool",
}


def __getattr__(name: str) -> Any:
    module = _WITH_REDIS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobgate.client.requirements import needs_redis  # noqa: PLC0415 - the room's names are those above

    with needs_redis():
        return getattr(import_module(module), name)
