"""The functions of a worker: how users define them, and how they are resolved for each job."""

from jobgate.worker.functions.decorator import job
from jobgate.worker.functions.function import Function, as_function, func
from jobgate.worker.functions.import_paths import load_settings
from jobgate.worker.functions.resolved import ResolvedFunction, RunLimits
from jobgate.worker.functions.retries import (
    Backoff,
    Retry,
    RetryJob,
    RetryPolicy,
    Rule,
    as_backoff,
    as_retry_on,
)

__all__ = [
    # Functions
    "Function", "as_function", "func", "job", "load_settings",
    # Functions with their limits, and what they are called with
    "ResolvedFunction", "RunLimits",
    # Retries
    "Backoff", "Retry", "RetryJob", "RetryPolicy", "Rule", "as_backoff", "as_retry_on",
]  # fmt: skip
