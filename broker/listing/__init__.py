"""Lists over several queues: merging them into one, and counting what failed."""

from jobgate.broker.listing.failed_jobs import FailedPart
from jobgate.broker.listing.failure_count import CountedFailures, count_failures
from jobgate.broker.listing.failure_groups import FailureGroup, WantedFailures
from jobgate.broker.listing.merge import Merge
from jobgate.broker.listing.time_steps import TimeSteps

__all__ = [
    "CountedFailures", "FailedPart", "FailureGroup", "Merge", "TimeSteps",
    "WantedFailures", "count_failures",
]  # fmt: skip
