"""Finding jobs: filters, cursors, and pages at a bounded cost."""

from jobgate.gateway.finding.finder import Finder
from jobgate.gateway.finding.job_filter import FILTER_CHECKS, JobFilter
from jobgate.gateway.finding.places import Place, why_not_cursor

__all__ = ["FILTER_CHECKS", "Finder", "JobFilter", "Place", "why_not_cursor"]
