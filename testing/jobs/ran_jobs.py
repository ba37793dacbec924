"""What a worker did in a test: one record for each try."""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobgate.broker import LOST_BODY, time_of
from jobgate.testing.errors import TestingError
from jobgate.testing.jobs.call_text import call_text
from jobgate.worker import Observer, Outcome, OutcomeKind, RunningJob


@dataclass(frozen=True, kw_only=True, slots=True)
class RanJob:
    """One try of a job, as `run_jobs` returns it."""

    job_id: str
    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    queue: str
    #: Number of the try.
    tries: int
    #: `success`, `failed` for good, or `retried`: it will run again.
    outcome: str
    #: What the function returned.
    result: Any = None
    #: Seconds until the next try, if it was retried.
    retry_in: float | None = None
    #: The exception of the function, if it failed or was retried for one.
    exception: BaseException | None = None
    #: Class and message of the failure, and its code as in docs/failures.md; empty unless it failed.
    error_type: str = ""
    error_message: str = ""
    code: str = ""
    #: When it was enqueued and when this try was due, in UTC, by the time that `move_time` moves.
    enqueue_time: datetime | None = None
    due_time: datetime | None = None
    #: When it was started, by a clock that only serves to compare.
    started: float = field(default=0.0, repr=False)

    def __str__(self) -> str:
        return call_text(self.function, self.args, self.kwargs)


class Recorder(Observer):
    """Notes each try whose outcome was stored."""

    def __init__(self) -> None:
        #: The tries, in the order of their starts: that is the same each time.
        self.ran: list[RanJob] = []

    def outcome_written(self, job: RunningJob, outcome: Outcome, seconds: float) -> None:
        """Note it."""
        if outcome.kind not in (OutcomeKind.RELEASE, OutcomeKind.LOST):
            insort(self.ran, _record(job, outcome), key=lambda one: one.started)


def _record(job: RunningJob, outcome: Outcome) -> RanJob:
    body, failure = job.body or LOST_BODY, outcome.failure
    return RanJob(
        job_id=job.job_id,
        function=body.function,
        args=body.args,
        kwargs=body.kwargs,
        queue=job.claimed.lease.queue,
        tries=job.tries,
        outcome=outcome.kind.value,
        result=outcome.value,
        retry_in=outcome.defer,
        exception=outcome.exception,
        error_type=failure.type if failure else "",
        error_message=failure.message if failure else "",
        code=failure.code.value if failure else "",
        enqueue_time=time_of(body.enqueue_time_ms),
        due_time=time_of(job.claimed.score_ms),
        started=job.started,
    )


class JobsFailed(TestingError):
    """Jobs failed for good while a test ran them; the cause is the exception of the first one.

    Give `raise_failures=False` to `run_jobs` where a test expects that.
    """

    def __init__(self, jobs: Sequence[RanJob]) -> None:
        """Keep the jobs.

        Args:
            jobs: Those that failed.
        """
        lines = [f"{job}: {job.error_type}: {job.error_message}" for job in jobs]
        count = "1 job failed" if len(jobs) == 1 else f"{len(jobs)} jobs failed"
        super().__init__("\n  ".join([f"{count}:", *lines]))
        #: Those that failed.
        self.jobs = jobs
