"""Lists over several queues: merging them into one, and counting what failed."""

from jobgate.broker.listing.failed_jobs import FailedPart
from jobgate.broker.listing.failure_count import COUNTING, CountedFailures, count_failures, counted_failures
from jobgate.broker.listing.failure_groups import FailureGroup, WantedFailures
from jobgate.broker.listing.failure_tally import FailureTally
from jobgate.broker.listing.merge import Merge
from jobgate.broker.listing.time_steps import TimeSteps

__all__ = [
    "COUNTING", "CountedFailures", "FailedPart", "FailureGroup", "FailureTally", "Merge", "TimeSteps",
    "WantedFailures", "count_failures", "counted_failures",
]  # fmt: skip
