"""Finding jobs: filters, cursors, and pages and counts at a bounded cost."""

from jobgate.gateway.finding.cursors import Part, Place, why_not_cursor
from jobgate.gateway.finding.failures import FailureCounter
from jobgate.gateway.finding.finder import Finder
from jobgate.gateway.finding.job_filter import ALL_QUEUES, FILTER_CHECKS, JobFilter, why_not_listed
from jobgate.gateway.finding.sources import Sources

__all__ = [
    "ALL_QUEUES", "FILTER_CHECKS", "FailureCounter", "Finder", "JobFilter", "Part",
    "Place", "Sources", "why_not_cursor", "why_not_listed",
]  # fmt: skip
