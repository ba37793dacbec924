"""Lists over several queues: merging them into one, and counting what failed."""

from jobgate.broker.listing.failed_jobs import FailedJob, FailedPart
from jobgate.broker.listing.failure_groups import FailureGroup, FailureGroups, WantedFailures
from jobgate.broker.listing.merge import Merge

__all__ = ["FailedJob", "FailedPart", "FailureGroup", "FailureGroups", "Merge", "WantedFailures"]
