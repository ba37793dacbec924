"""The resources besides jobs: functions, keys, bulk operations, streams of events, pages and probes."""

from jobgate.gateway.handlers.all_events import all_events
from jobgate.gateway.handlers.bulk import bulk_abort, bulk_retry
from jobgate.gateway.handlers.failures import failures
from jobgate.gateway.handlers.functions import function, functions
from jobgate.gateway.handlers.job_stream import job_events
from jobgate.gateway.handlers.key import key
from jobgate.gateway.handlers.openapi import openapi
from jobgate.gateway.handlers.pages import docs, ui, ui_file
from jobgate.gateway.handlers.probes import livez, metrics, readyz

__all__ = [
    "all_events", "bulk_abort", "bulk_retry", "docs", "failures", "function", "functions", "job_events",
    "key", "livez", "metrics", "openapi", "readyz", "ui", "ui_file",
]  # fmt: skip
