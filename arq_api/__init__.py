"""arq's own names: a program that uses arq only replaces `arq` with `jobgate.arq` in its imports.

The modules `connections`, `jobs`, `worker` and `cron` have the names that arq's modules of these names have.
"""

from importlib.metadata import version

import jobgate.broker  # noqa: F401 - its error says what to install where redis is missing
from jobgate.arq.connections import ArqRedis, RedisSettings, create_pool
from jobgate.arq.cron import CronJob, cron, next_cron  # the function hides the module, as in arq
from jobgate.arq.errors import (
    BothDeferrals,
    DeserializationError,
    JobExecutionFailed,
    RedisOutcomeUnknown,
    RedisUnavailable,
    ResultLost,
    ResultNotFound,
    SerializationError,
)
from jobgate.arq.jobs import Deserializer, Job, JobDef, JobResult, JobStatus, Serializer
from jobgate.arq.worker import (
    FailedJobs,
    Function,
    Retry,
    RetryJob,
    Worker,
    check_health,
    create_worker,
    func,
    get_kwargs,
    run_worker,
)

#: jobgate's version.
VERSION = __version__ = version("jobgate")

__all__ = [
    "VERSION",
    # The pool and its jobs
    "ArqRedis", "Deserializer", "Job", "JobDef", "JobResult", "JobStatus", "RedisSettings", "Serializer",
    "create_pool",
    # The worker
    "CronJob", "FailedJobs", "Function", "Retry", "RetryJob", "Worker", "check_health", "create_worker",
    "cron", "func", "get_kwargs", "next_cron", "run_worker",
    # Errors
    "BothDeferrals", "DeserializationError", "JobExecutionFailed", "RedisOutcomeUnknown", "RedisUnavailable",
    "ResultLost", "ResultNotFound", "SerializationError",
]  # fmt: skip
