"""Which jobs a request means: the filters of `GET /jobs` and of operations on many jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from jobgate.broker import FailureCode, JobStatus, JobView
from jobgate.gateway.finding.places import Part
from jobgate.gateway.functions import why_not_function
from jobgate.gateway.http import moment_ms, why_not_moment


def _one_of(what: str, *values: str) -> Callable[[str], str | None]:
    wrong = f"{what} must be {', '.join(values[:-1])} or {values[-1]}."
    return lambda text: None if text in values else wrong


def _moment(text: str) -> str | None:
    return why_not_moment(_with_plus(text))


def _with_plus(text: str) -> str:
    """Return a date-time whose `+` has become a space, as it does in a query that is not percent-encoded."""
    return text.replace(" ", "+")


#: What is wrong with the members of a filter besides `queue`, each as text.
FILTER_CHECKS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "status": _one_of("A status", *(status.value for status in JobStatus)),
    "success": _one_of("success", "true", "false"),
    "code": _one_of("A code", *(code.value for code in FailureCode)),
    "function": why_not_function,
    "since": _moment,
    "until": _moment,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Jobs of one queue; None = any."""

    queue: str
    status: JobStatus | None = None
    #: How they ended; implies that they have.
    success: bool | None = None
    #: Why they failed; implies that they did.
    code: FailureCode | None = None
    function: str | None = None
    #: Times in unix ms, both included: of the end of finished jobs, and the due time of others.
    since_ms: int | None = None
    until_ms: int | None = None
    #: Whether finished jobs are found by a scan of all keys instead of the indexes.
    scans: bool = False
    #: Whether only jobs that wait or run are meant.
    only_open: bool = False

    @classmethod
    def of(cls, given: Mapping[str, str], default_queue: str) -> Self:
        """Return the filter with these members as text, each of which `FILTER_CHECKS` accepts."""
        times = {name: moment_ms(_with_plus(given[name])) for name in ("since", "until") if name in given}
        return cls(
            queue=given.get("queue", default_queue),
            status=JobStatus(given["status"]) if "status" in given else None,
            success=given["success"] == "true" if "success" in given else None,
            code=FailureCode(given["code"]) if "code" in given else None,
            function=given.get("function"),
            since_ms=times.get("since"),
            until_ms=times.get("until"),
            scans=given.get("scan") == "true",
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a list in which such jobs are, in order; none = there can be no such job."""
        if self.only_open:
            return (Part.WAITING,)
        finished = Part.SCANNED if self.scans else Part.FINISHED
        if self.success is not None or self.code is not None:
            is_possible = self.status in (None, JobStatus.COMPLETE) and not (self.success and self.code)
            return (finished,) if is_possible else ()
        if self.status is None:
            return Part.WAITING, finished
        return (finished,) if self.status is JobStatus.COMPLETE else (Part.WAITING,)

    @property
    def only_failed(self) -> bool:
        """Whether it has failed jobs only."""
        return self.success is False or self.code is not None

    def has(self, view: JobView) -> bool:
        """Whether a job that was found in one of its parts is one of its jobs."""
        return (
            view.queue == self.queue
            and self.status in (None, view.status)
            and self.success in (None, view.success)
            and self.function in (None, view.function)
            and (self.code is None or view.code is self.code)
            and not (self.scans and view.has_ended and not self._has_time(view.finish_time_ms))
        )

    def _has_time(self, time_ms: int | None) -> bool:
        """Whether a time is within its times; of indexes and queues only that part is read."""
        if self.since_ms is None and self.until_ms is None:
            return True
        earliest, latest = self.since_ms or 0, 1 << 62 if self.until_ms is None else self.until_ms
        return time_ms is not None and earliest <= time_ms <= latest
