"""The nouns of the broker: what is asked for, what is stored, what is seen. Pure data.

Times are integers, unix milliseconds by the Redis clock, where the name ends in `_ms`;
durations are float seconds.

None of them is ever changed. Those that are made for each job say so only here: `frozen=True` costs time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jobgate.broker.job_marks import JobMark
from jobgate.broker.job_options import NO_OPTIONS, JobOptions


class JobStatus(StrEnum):
    """Where a job is. Values are arq's."""

    #: Waits for its due time.
    DEFERRED = "deferred"
    #: Due, waits for a worker.
    QUEUED = "queued"
    #: A worker holds its lease.
    IN_PROGRESS = "in_progress"
    #: Ended; its result can be read.
    COMPLETE = "complete"


class FailureCode(StrEnum):
    """Why a job failed for good."""

    #: The function raised.
    ERROR = "error"
    #: It ran longer than its timeout.
    TIMEOUT = "timeout"
    #: Somebody asked to stop it.
    ABORTED = "aborted"
    #: It was not started in time.
    EXPIRED = "expired"
    #: It was started as often as allowed.
    MAX_TRIES = "max-tries"
    #: No such function in this worker.
    UNKNOWN_FUNCTION = "unknown-function"
    #: The arguments do not fit the function.
    INVALID_ARGUMENTS = "invalid-arguments"
    #: The stored job cannot be read.
    LOST_BODY = "lost-body"
    #: The return value cannot be stored.
    UNSERIALISABLE_RESULT = "unserialisable-result"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a job failed, as plain data."""

    #: Name of the exception class, without its module.
    type: str
    #: `str()` of the exception.
    message: str
    code: FailureCode = FailureCode.ERROR
    #: Formatted traceback; None where none was stored.
    traceback: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyKey:
    """A caller's promise that two requests under one key are the same request."""

    #: Digest of caller and key.
    digest: str
    #: Digest of the request's content, without its job id: that may be one which an earlier answer has told.
    request_digest: str
    #: The id that the request itself names: the key must not stand for a job of another id. None = any.
    job_id: str | None = None


@dataclass(kw_only=True, slots=True)
class JobRequest:
    """What a producer asks for: run `function` once with these arguments."""

    function: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: JobOptions = NO_OPTIONS
    #: Unique in the namespace; None = 128 random bits in hex.
    job_id: str | None = None
    #: The caller did not choose that id: a request that repeats it knows it from an answer.
    id_is_made: bool = False
    #: Seconds from now until it is due. Not together with `defer_until_ms`.
    defer_by: float | None = None
    #: When it is due.
    defer_until_ms: int | None = None
    #: Seconds after the due time in which it must be started; None = 24 h, as in arq.
    expires: float | None = None
    #: Count `expires` from now instead, as arq's `_expires` does.
    expires_from_now: bool = False
    #: arq's `_job_try`: the number of the first try; None = 1.
    first_try: int | None = None
    idempotency: IdempotencyKey | None = None
    #: Replace a kept result of its id. A job that has not ended is never replaced, and all who ask hear so.
    replaces_result: bool = False


@dataclass(kw_only=True, slots=True)
class JobBody:
    """A stored job, decoded: arq's dict (`t f a k et`) and jobgate's options."""

    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    enqueue_time_ms: int
    #: arq's `_job_try`.
    first_try: int | None = None
    options: JobOptions = NO_OPTIONS

    def is_meant_by(self, abort_mark_ms: int) -> bool:
        """Whether an abort mark of that time means this job, not an earlier one of the same id (arq #485).

        jobgate removes old marks when it enqueues. For jobs of stock arq the times decide, by its clocks.
        """
        return self.options.request_token is not None or abort_mark_ms >= self.enqueue_time_ms


#: Stands for a body that is gone or cannot be read, in its job's result; the function's name is arq's.
LOST_BODY = JobBody(function="<unknown>", args=(), kwargs={}, enqueue_time_ms=0)


@dataclass(kw_only=True, slots=True)
class Enqueued:
    """The answer to one enqueue."""

    job_id: str
    queue: str
    #: False: the id exists already, and nothing was changed.
    created: bool
    #: True: the same request under the same idempotency key came before.
    replayed: bool = False
    enqueue_time_ms: int
    #: When it is due. For an existing job this is the due time that was asked for now.
    due_time_ms: int


@dataclass(kw_only=True, slots=True)
class Lease:
    """The right to run one claimed job until it is finished, retried, released or lost."""

    job_id: str
    queue: str
    #: Unique for each claim; fences off an owner whose lease has run out.
    token: str
    #: Number of this try, from 1; 0 where the job is damaged.
    tries: int


@dataclass(kw_only=True, slots=True)
class ClaimedJob:
    """One job that a claim took."""

    lease: Lease
    #: Due time before the claim raised the score.
    score_ms: int
    #: Encoded job; None: it expired or was lost.
    body: bytes | None
    #: When an abort was asked for; may be older than the job (compare with its enqueue time).
    abort_mark_ms: int | None = None
    #: When the body was to expire before the claim; None = never, or it has.
    body_expires_ms: int | None = None
    #: Monotonic instant of this process up to which the lease is surely ours, if nobody renews it.
    leased_until: float = math.inf
    #: How often in a row its worker died while it was in flight: a suspect, to be run apart from others.
    crashes: int = 0
    #: Tries that ended so, perhaps by another job's fault: they do not count against `max_tries`.
    uncounted_tries: int = 0
    #: Tries that were counted for this claim but never began: leases of a running job that was claimed anew.
    idle_tries: int = 0
    #: Name of the data set as known at the claim; None = unknown.
    data_set: str | None = None

    @property
    def is_damaged(self) -> bool:
        """Whether a key of the job holds another kind of value: it cannot run, its claimer ends it."""
        return self.lease.tries == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The answer to one claim."""

    jobs: Sequence[ClaimedJob]
    #: Seconds until the next job is due, 0 = due jobs were left, None = the queue holds none.
    next_due_in: float | None
    #: The Redis clock at the claim.
    now_ms: int
    #: The queue is paused: it gives no jobs, however many are due.
    is_paused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """The answer to one renewal of all leases of a worker."""

    #: Ids whose lease belongs to somebody else now, or that ended elsewhere.
    lost: Sequence[str]
    #: Ids with an abort mark -> when the abort was asked for (unix ms).
    aborts: Mapping[str, int]


class Transition(StrEnum):
    """What became of a finish, retry or release."""

    DONE = "done"
    #: The lease belongs to somebody else, or the job has ended: nothing was changed.
    STALE = "stale"
    #: Nothing was changed: somebody waits for an outcome that is not kept, so it is to be sent along.
    WANTED = "wanted"
    #: Stale now, but an earlier answer to this very call was lost: it may have been done before.
    UNCONFIRMED = "unconfirmed"


class AbortAnswer(StrEnum):
    """What became of a request to abort."""

    #: It was queued or deferred and is now finished as aborted; or it ended as aborted before, by this call
    #: perhaps, whose answer was lost.
    ABORTED = "aborted"
    #: It runs; its worker was told.
    REQUESTED = "requested"
    #: It had ended before, otherwise.
    FINISHED = "finished"
    #: No such job.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class AbortMark:
    """What is left for some seconds of a job that was aborted and whose result is not kept."""

    #: Name of the key of whoever enqueued it.
    owner: str | None


@dataclass(kw_only=True, slots=True)
class JobResult:
    """A stored result, decoded: arq's dict (`t f a k et s r st ft q id`) and jobgate's own fields."""

    job_id: str
    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    #: Number of the last try.
    tries: int
    success: bool
    #: The return value when `success`; else None.
    result: Any = None
    #: The reason when not `success`; else None.
    failure: Failure | None = None
    enqueue_time_ms: int
    #: When its last try began; None = the function never did: the job was aborted or refused before.
    start_time_ms: int | None
    finish_time_ms: int
    queue: str
    worker: str | None = None
    #: Of those that the job had, the ones that results keep.
    options: JobOptions = NO_OPTIONS
    #: With the pickle codec and full trust: the exception itself, for arq's own readers.
    exception: BaseException | None = None

    @property
    def has_job(self) -> bool:
        """Whether it holds what was asked for; False = the body was gone, and `LOST_BODY` took its place."""
        return self.function != LOST_BODY.function or self.enqueue_time_ms != 0

    @property
    def is_aborted(self) -> bool:
        """Whether the job ended because somebody asked to stop it."""
        return self.failure is not None and self.failure.code is FailureCode.ABORTED


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a running job last said of its progress."""

    #: From 0 to 1.
    fraction: float
    message: str | None = None
    #: When it said so.
    time_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """One consistent look at a job."""

    job_id: str
    status: JobStatus
    queue: str | None
    #: None: not readable, or gone between expiry and the worker's verdict.
    body: JobBody | None
    #: There when `status` is complete and it could be decoded.
    result: JobResult | None
    #: Tries started so far.
    tries: int
    #: None while it runs or when it has ended.
    due_time_ms: int | None
    #: The worker that holds the lease; None when idle or when it is a stock arq worker.
    worker: str | None = None
    #: None: it does not run, or has not said anything in this try.
    progress: Progress | None = None
    #: When its last claim was made, while it runs; None where a stock arq worker runs it.
    running_since_ms: int | None = None
    #: Tells this state of the job from others; empty = not known.
    mark: JobMark = ()

    @property
    def source(self) -> JobResult | JobBody | None:
        """What holds the request: the result where it does, else the body; None = neither could be read."""
        return self.result if self.result and self.result.has_job else self.body

    @property
    def function(self) -> str | None:
        """Name of its function; None where nothing tells."""
        return self.source.function if self.source else None

    @property
    def owner(self) -> str | None:
        """Name of the key that enqueued it; None where it had none or nothing tells."""
        return self.source.options.owner if self.source else None

    @property
    def is_unreadable(self) -> bool:
        """Whether it has ended and its result cannot be read."""
        return self.status is JobStatus.COMPLETE and self.result is None

    @property
    def success(self) -> bool | None:
        """Whether it succeeded; None = it has not ended, or nothing tells."""
        return self.result.success if self.result else None

    @property
    def enqueue_time_ms(self) -> int | None:
        """When it was enqueued, by its producer's clock; None where nothing tells."""
        return self.source.enqueue_time_ms if self.source else None

    @property
    def start_time_ms(self) -> int | None:
        """When its last try began; None = it does not run and never did, or nothing tells."""
        return self.result.start_time_ms if self.result else self.running_since_ms

    @property
    def finish_time_ms(self) -> int | None:
        """When it ended."""
        return self.result.finish_time_ms if self.result else None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRecord:
    """What a live worker says of itself."""

    worker_id: str
    host: str
    pid: int
    queues: Sequence[str]
    #: Names of the functions that it runs.
    functions: Sequence[str]
    max_jobs: int
    in_progress: int
    #: Jobs ended since its start: complete, failed, retried.
    complete: int
    failed: int
    retried: int
    start_time_ms: int
    #: Where it writes arq's health line; None = under the name that arq gives it by default.
    health_key: str | None = None
    #: By the Redis clock; set by the broker.
    heartbeat_ms: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueDepth:
    """How full one queue is."""

    queue: str
    queued: int
    deferred: int
    in_progress: int
    #: Seconds since the oldest due job, that no worker holds, became due; 0 = none.
    oldest_due_age: float
    #: Live workers that publish themselves (stock arq workers do not).
    workers: int
    #: Whether jobgate's workers leave its jobs alone.
    is_paused: bool = False
    #: Whether a worker of any kind, stock arq's too, has said within its interval (an hour in arq) that it
    #: lives: what `arq --check` goes by. A worker that was killed leaves the line behind.
    has_health_line: bool = False
