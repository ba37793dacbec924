"""What commands for operators have in common: which jobs, times, failures, and views that change."""

from jobgate.cli.operate.bulk import Bulk
from jobgate.cli.operate.failures import FailureCount, failures
from jobgate.cli.operate.job_filters import OPEN, Which, job_filters
from jobgate.cli.operate.jobs_of_queues import jobs_of
from jobgate.cli.operate.listing import limit_options, write_list
from jobgate.cli.operate.live_views import impatient, watch, watch_option
from jobgate.cli.operate.moments import MOMENT, since, span, when
from jobgate.cli.operate.queue_sheet import queue_sheet

__all__ = [
    "MOMENT",
    "OPEN",
    "Bulk",
    "FailureCount",
    "Which",
    "failures",
    "impatient",
    "job_filters",
    "jobs_of",
    "limit_options",
    "queue_sheet",
    "since",
    "span",
    "watch",
    "watch_option",
    "when",
    "write_list",
]
