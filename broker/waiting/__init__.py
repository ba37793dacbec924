"""Waiting for results, for work, and for what happens."""

from jobgate.broker.waiting.followed_jobs import FollowedJob
from jobgate.broker.waiting.job_states import JobStates
from jobgate.broker.waiting.listening import JobNotice, ListenPart, NoticeKind
from jobgate.broker.waiting.results import WatchPart
from jobgate.broker.waiting.wait_count import WaitCountPart
from jobgate.broker.waiting.wait_for_work import WakePart
from jobgate.broker.waiting.watch import Watch

__all__ = [
    "FollowedJob", "JobNotice", "JobStates", "ListenPart", "NoticeKind", "WaitCountPart", "WakePart",
    "Watch", "WatchPart",
]  # fmt: skip
