"""Leases, claimed jobs, and the answers to a worker's calls, as plain data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(kw_only=True, slots=True)
class Lease:
    """The right to run one claimed job until it is finished, retried, released or lost."""

    job_id: str
    queue: str
    #: Unique for each claim, so that a worker whose lease has run out can change nothing.
    token: str
    #: Number of this try, from 1; 0 = the job is damaged.
    tries: int


@dataclass(kw_only=True, slots=True)
class ClaimedJob:
    """A job that was claimed."""

    lease: Lease
    #: Due time before the claim raised the score.
    score_ms: int
    #: Encoded job; None = it expired or was lost.
    body: bytes | None
    #: When an abort was requested; may be older than the job (see `JobBody.is_meant_by`).
    abort_mark_ms: int | None = None
    #: When the body would have expired without the claim; None = never, or it has expired.
    body_expires_ms: int | None = None
    #: Monotonic time of this process until which the lease is certainly held, unless it is renewed.
    leased_until: float = math.inf
    #: How often in a row its worker died while running it. Above 0 it is a suspect, kept apart from others.
    crashes: int = 0
    #: Tries that ended this way, perhaps because of another job: they do not count against `max_tries`.
    uncounted_tries: int = 0
    #: Tries that were counted but never began: a running job was claimed again.
    idle_tries: int = 0
    #: Name of the data set as known at the claim; None = unknown.
    data_set: str | None = None

    @property
    def is_damaged(self) -> bool:
        """Whether a key of the job holds a value of another type, so that it cannot run."""
        return self.lease.tries == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The answer to one claim."""

    jobs: Sequence[ClaimedJob]
    #: Seconds until the next job is due; 0 = due jobs are left; None = the queue is empty.
    next_due_in: float | None
    #: Time of the claim by the Redis clock.
    now_ms: int
    #: Whether the queue is paused and gives no jobs.
    is_paused: bool = False
    #: Whether this worker must look again by itself; otherwise another idle worker looks for jobs that wake
    #: nobody, and wakes this one when there are many.
    polls: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """The answer to one renewal of all leases of a worker."""

    #: Ids whose lease another worker holds, or that have ended elsewhere.
    lost: Sequence[str]
    #: Ids with an abort mark -> when the abort was requested (unix ms).
    aborts: Mapping[str, int]


class Transition(StrEnum):
    """The result of a finish, retry or release."""

    DONE = "done"
    #: Another worker holds the lease, or the job has ended: nothing was changed.
    STALE = "stale"
    #: A caller waits for this outcome, which is not kept: nothing was changed, call again with the outcome.
    WANTED = "wanted"
    #: Stale now, but an earlier answer to this call was lost: it may have been done then.
    UNCONFIRMED = "unconfirmed"
