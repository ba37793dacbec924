"""The functions of a worker: how users define them, and how they are resolved for each job."""

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
from jobgate.worker.functions.signatures import doubt_of_ctx, signature_of

__all__ = [
    # Functions
    "Function", "as_function", "doubt_of_ctx", "func", "load_settings", "signature_of",
    # Functions with their limits
    "ResolvedFunction", "RunLimits",
    # Retries
    "Backoff", "Retry", "RetryJob", "RetryPolicy", "Rule", "as_backoff", "as_retry_on",
]  # fmt: skip
