"""The life of a job: one module for each transition, which calls one script."""

from jobgate.broker.transitions.abort import AbortAnswer, AbortPart
from jobgate.broker.transitions.claim import ClaimPart
from jobgate.broker.transitions.enqueue import EnqueuePart, new_job_id
from jobgate.broker.transitions.finish import FinishPart
from jobgate.broker.transitions.leases import Claim, ClaimedJob, Lease, Renewal, Transition
from jobgate.broker.transitions.progress import ProgressPart
from jobgate.broker.transitions.release import ReleasePart
from jobgate.broker.transitions.renew import LeaseRenewer, RenewPart, renewer_of
from jobgate.broker.transitions.request_checks import check_request
from jobgate.broker.transitions.rerun import Rerun, RerunAnswer, RerunPart
from jobgate.broker.transitions.retry import RetryPart

__all__ = [
    "AbortAnswer", "AbortPart", "Claim", "ClaimPart", "ClaimedJob",
    "EnqueuePart", "FinishPart", "Lease", "LeaseRenewer", "ProgressPart", "ReleasePart",
    "RenewPart", "Renewal", "Rerun", "RerunAnswer", "RerunPart", "RetryPart", "Transition",
    "check_request", "new_job_id", "renewer_of",
]  # fmt: skip
