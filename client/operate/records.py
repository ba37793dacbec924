"""What a client can see of queues, workers, functions and bulk operations: plain records.

They are the same over HTTP and over Redis. Times are aware, in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """How often something happened to jobs."""

    enqueued: int = 0
    succeeded: int = 0
    #: Failed for good, not aborted.
    failed: int = 0
    aborted: int = 0
    #: Tries that were followed by another one.
    retried: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LastHour:
    """What happened to the jobs of a queue in the last 60 minutes. Programs of stock arq count nothing."""

    #: Start of the first minute, by the clock of Redis; None = not known.
    start: datetime | None = None
    #: One entry for each minute, the oldest first; the last minute is still running.
    minutes: tuple[Activity, ...] = ()
    total: Activity = Activity()
    #: The same by function. Functions that are not counted by name are together under None.
    functions: Mapping[str | None, Activity] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueInfo:
    """What waits and runs in a queue."""

    queue: str
    #: Jobs that are due and wait for a worker.
    queued: int
    #: Jobs that are due later.
    deferred: int
    #: Jobs that workers run; exact up to 1,000 of each kind.
    in_progress: int
    #: Seconds since the oldest waiting job became due; 0 = none waits.
    oldest_due_age: float = 0.0
    #: Whether jobgate's workers claim nothing from it.
    paused: bool = False
    #: None if it is not paused, or if that is not known.
    paused_since: datetime | None = None
    #: Number of live workers, without those of stock arq.
    workers: int = 0
    #: Whether a worker, perhaps of stock arq, has written its health line within the last hour.
    health_line: bool = False
    last_hour: LastHour = LastHour()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningJob:
    """A job that a worker runs."""

    #: None if the key may not see it.
    job_id: str | None
    function: str | None
    #: When this try began; None = not known.
    start_time: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerInfo:
    """A live worker of jobgate, as its last heartbeat describes it."""

    #: Its id. A worker that starts again has another one.
    worker: str
    #: The name of its machine or container.
    host: str
    #: The id of its process on that machine.
    pid: int
    #: Version of jobgate; None = an earlier release, which does not announce it.
    version: str | None = None
    #: The queues that it claims from.
    queues: tuple[str, ...] = ()
    #: The functions that it offers, as far as the key may see them; None = not known.
    functions: tuple[str, ...] | None = None
    start_time: datetime | None = None
    #: When it announced itself last; what follows is of that moment.
    heartbeat_time: datetime | None = None
    #: How many jobs it runs at the same time.
    max_jobs: int = 0
    in_progress: int = 0
    #: The jobs that it runs, the longest running first; at most 50.
    running: tuple[RunningJob, ...] = ()
    #: Since its start: jobs that succeeded and that failed for good, and tries that were followed by another.
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    #: Longest time in seconds for which its event loop was blocked since its last heartbeat; None = unknown.
    lag: float | None = None
    #: Bytes of memory that its process uses; None = not known.
    memory: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionParameter:
    """One parameter of a function."""

    #: Without asterisks.
    name: str
    #: As in `inspect.Parameter`, in lower case: `positional_or_keyword`, `var_keyword`, …
    kind: str
    required: bool
    #: Whether it has a default that JSON can hold.
    has_default: bool = False
    default: Any = None
    description: str | None = None
    #: JSON Schema 2020-12; True = anything.
    schema: Mapping[str, Any] | bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionInfo:
    """A function that live workers offer, in the version that most of them have."""

    name: str
    #: Its docstring, without the parts on parameters and the return value.
    description: str | None = None
    #: In the order of the signature; None = the signature is not known.
    parameters: tuple[FunctionParameter, ...] | None = None
    #: JSON Schema of what it returns; True = anything.
    returns: Mapping[str, Any] | bool = True
    returns_description: str | None = None
    #: The schemas that `#/$defs/<name>` refers to.
    definitions: Mapping[str, Any] = field(default_factory=dict)
    #: Seconds that a try may run, unless the job says otherwise; None = no limit.
    timeout: float | None = None
    #: How often a job may be started, unless it says otherwise; None = not known.
    max_tries: int | None = None
    #: The queues in which it is offered.
    queues: tuple[str, ...] = ()
    #: How many live workers offer it.
    workers: int = 0
    #: How many versions of it are live; during a deploy there are several.
    versions: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkCount:
    """What a bulk operation would do: the answer to a dry run."""

    #: Jobs that it means, with those that it would skip.
    matched: int
    #: Reason -> how many jobs it would leave as they are.
    skipped: Mapping[str, int] = field(default_factory=dict)
    #: False if the count stopped early, after 10,000 entries or 2 seconds.
    counted_all: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkError:
    """Why a bulk operation could not retry or abort a job."""

    job_id: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkResult:
    """What a bulk operation has done."""

    #: Jobs that it found.
    matched: int
    #: Jobs that it retried, or aborted.
    done: int
    #: Reason -> how many jobs it left as they are.
    skipped: Mapping[str, int] = field(default_factory=dict)
    #: Unexpected errors, at most 20 of them.
    errors: tuple[BulkError, ...] = ()
    #: Whether it stopped at its `limit`: there may be more such jobs.
    limit_reached: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureGroup:
    """Failures of one function with the same type of error and the same code."""

    function: str
    #: Name of the exception's class, at most 200 characters; a code of `JobFailed`.
    type: str
    code: str
    #: That of the newest, its first 200 characters; None = the result is gone.
    message: str | None
    failed: int
    #: How many of them were run again.
    retried: int
    #: When the oldest and the newest failed.
    first_time: datetime | None
    last_time: datetime | None
    #: The newest, and its queue.
    job_id: str
    queue: str
    #: How many failed in each step of the count.
    series: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureCount:
    """Failures by function and error."""

    failed: int
    #: How many of them were run again.
    retried: int
    #: When the first step begins, and the length of a step in seconds.
    start: datetime | None
    step: int
    #: How many failed in each step.
    series: tuple[int, ...]
    #: The largest groups, the largest first.
    groups: tuple[FailureGroup, ...]
    #: How many groups are not among them.
    other_groups: int = 0
    #: False if these are only the newest failures, 100,000 of them or those that 3 seconds suffice for.
    counted_all: bool = True
