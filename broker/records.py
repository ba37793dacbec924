"""Requests, stored jobs and results as plain data.

Times are integers, unix milliseconds by the Redis clock, where the name ends in `_ms`; durations are float
seconds. Records are never changed. Those created for each job are not frozen, because frozen dataclasses are
slow to create.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from jobgate.broker.job_options import NO_OPTIONS, JobOptions


class FailureCode(StrEnum):
    """Why a job failed for good."""

    #: The function raised.
    ERROR = "error"
    #: It ran longer than its timeout.
    TIMEOUT = "timeout"
    #: A caller asked to stop it.
    ABORTED = "aborted"
    #: It was not started in time.
    EXPIRED = "expired"
    #: It has used up its tries.
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
    #: Formatted traceback; None = not stored.
    traceback: str | None = None

    def in_short(self) -> "Failure":
        """Return it without its traceback, and with the first 200 characters of its message."""
        return Failure(type=self.type, message=self.message[:200], code=self.code)


#: The failure of a result that does not say why it failed.
UNKNOWN_FAILURE: Final = Failure(type="Exception", message="")


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyKey:
    """A caller's promise that two requests under one key are the same request."""

    #: Digest of caller and key.
    digest: str
    #: Digest of the request's content without its job id, which the caller may know from an earlier answer.
    request_digest: str
    #: Job id in the request, if any; the key must not belong to a job with another id. None = any.
    job_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class CallerLimits:
    """The limits of one API key, which all gateways share; None = no limit of that kind.

    One lives as long as its key; what follows from it is worked out once.
    """

    #: Name of the key.
    name: str
    #: Jobs a second, above 0.
    rate: float | None = None
    #: Jobs that may come at once; None = those of one second, at least 1. Matters only with a rate.
    burst: int | None = None
    #: Jobs that have not ended.
    pending: int | None = None

    @cached_property
    def text(self) -> str:
        """As limits.lua takes them: rate, jobs that may come at once, and pending ones."""
        given = (self.rate, self.rate and self.most_at_once, self.pending)
        return " ".join("-" if each is None else f"{each}" for each in given)

    @property
    def counts_pending(self) -> bool:
        """Whether its jobs are counted until they end."""
        return self.pending is not None

    @cached_property
    def most_at_once(self) -> int:
        """Jobs that may come at once."""
        return self.burst or max(math.ceil(self.rate or 0), 1)


class Allowance(NamedTuple):
    """What is left of the rate of an API key. A tuple, because one is made for each job."""

    #: Jobs that may come at once.
    limit: int
    #: Jobs that may come now.
    remaining: int
    #: Seconds until all of them may come again.
    reset: float


@dataclass(kw_only=True, slots=True)
class JobRequest:
    """A request to run `function` with these arguments."""

    function: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: JobOptions = NO_OPTIONS
    #: Unique in the namespace; None = 20 letters and digits at random.
    job_id: str | None = None
    #: The id was generated, not chosen by the caller, who can repeat it only after reading it in an answer.
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
    #: Replace a kept result with the same id. A job that has not ended is never replaced.
    replaces_result: bool = False
    #: The limits of the key that enqueues it.
    limits: CallerLimits | None = None


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
        """Whether an abort mark of that time is for this job, not for an earlier one with its id (arq #485).

        jobgate removes old marks when it enqueues. For jobs of stock arq, the times of its clocks decide.
        """
        return self.options.request_token is not None or abort_mark_ms >= self.enqueue_time_ms


#: Replaces a missing or unreadable body in the job's result; the function's name is arq's.
LOST_BODY = JobBody(function="<unknown>", args=(), kwargs={}, enqueue_time_ms=0)


@dataclass(kw_only=True, slots=True)
class Enqueued:
    """The answer to one enqueue."""

    job_id: str
    queue: str
    #: False = a job or a result of this id exists, and nothing was changed.
    created: bool
    #: The same request was sent before, under the same idempotency key or under an id from an answer.
    replayed: bool = False
    enqueue_time_ms: int
    #: When it is due. For an existing job, the due time of this request.
    due_time_ms: int
    #: What is left of the caller's rate; None = it has none, or nothing was counted.
    allowance: Allowance | None = None


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
    #: When its last try began; None = the function never ran, because the job was aborted or refused.
    start_time_ms: int | None
    finish_time_ms: int
    queue: str
    worker: str | None = None
    #: Those of the job's options that results keep.
    options: JobOptions = NO_OPTIONS
    #: The exception itself, for arq's readers; only if pickles are trusted.
    exception: BaseException | None = None

    @property
    def has_job(self) -> bool:
        """Whether it holds the request; False = the body was gone, and `LOST_BODY` took its place."""
        return self.function != LOST_BODY.function or self.enqueue_time_ms != 0

    @property
    def ending(self) -> str:
        """How it ended: `succeeded`, `failed` or `aborted`."""
        return "succeeded" if self.success else "aborted" if self.is_aborted else "failed"

    @property
    def is_aborted(self) -> bool:
        """Whether the job was stopped by an abort."""
        return self.failure is not None and self.failure.code is FailureCode.ABORTED
