"""Which jobs a request means: the filters of `GET /jobs` and of operations on many jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from jobgate.broker import LONGEST_TYPE, FailureCode, JobStatus, JobView, WantedFailures
from jobgate.gateway.finding.cursors import Part
from jobgate.gateway.functions import QueueNames, why_not_function
from jobgate.gateway.http import moment_ms, why_not_moment


def _one_of(what: str, *values: str) -> Callable[[str], str | None]:
    wrong = f"{what} must be {', '.join(values[:-1])} or {values[-1]}."
    return lambda text: None if text in values else wrong


def _moment(text: str) -> str | None:
    return why_not_moment(_with_plus(text))


def _with_plus(text: str) -> str:
    """Return a date-time whose `+` has become a space, as it does in a query that is not percent-encoded."""
    return text.replace(" ", "+")


def _error_type(text: str) -> str | None:
    return None if 1 <= len(text) <= LONGEST_TYPE else f"An error type has 1 to {LONGEST_TYPE} characters."


#: The queue of a filter that means all queues in use.
ALL_QUEUES: Final = "*"

#: What is wrong with the members of a filter besides `queue`, each as text.
FILTER_CHECKS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "status": _one_of("A status", *(status.value for status in JobStatus)),
    "success": _one_of("success", "true", "false"),
    "code": _one_of("A code", *(code.value for code in FailureCode)),
    "error_type": _error_type,
    "function": why_not_function,
    "since": _moment,
    "until": _moment,
}


def why_not_listed(queues: QueueNames, name: str) -> str | None:
    """Return why a filter cannot have this queue in lists, where `ALL_QUEUES` is one; None = it can."""
    return None if name == ALL_QUEUES else queues.why_not_shown(name)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Jobs of one queue, or of all; None = any."""

    queue: str
    status: JobStatus | None = None
    #: How they ended; implies that they have.
    success: bool | None = None
    #: Why they failed; implies that they did.
    code: FailureCode | None = None
    #: Type of the error; implies that they failed.
    error_type: str | None = None
    function: str | None = None
    #: Times in unix ms, both included: of the end of finished jobs, and the due time of others.
    since_ms: int | None = None
    until_ms: int | None = None
    #: Whether finished jobs are found by a scan of all keys instead of the indexes.
    scans: bool = False
    #: Whether jobs of all statuses are one list, newest first.
    newest: bool = False
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
            error_type=given.get("error_type"),
            function=given.get("function"),
            since_ms=times.get("since"),
            until_ms=times.get("until"),
            scans=given.get("scan") == "true",
            newest=given.get("order") == "newest",
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a list in which such jobs are, in order; none = there can be no such job."""
        finished = Part.SCANNED if self.scans else Part.FINISHED
        parts = [Part.WAITING] if self._may_be_open else []
        if self._may_have_ended:
            parts.append(finished)
        return (Part.NEWEST,) if parts and self.newest else tuple(parts)

    @property
    def parts_of_newest(self) -> tuple[Part, ...]:
        """The parts that are one list where the newest come first."""
        return replace(self, newest=False, scans=False).parts

    @property
    def _may_be_open(self) -> bool:
        return self.status is not JobStatus.COMPLETE and self.success is None and not self._names_failure

    @property
    def _may_have_ended(self) -> bool:
        is_impossible = self.success is True and self._names_failure
        return not self.only_open and self.status in (None, JobStatus.COMPLETE) and not is_impossible

    @property
    def _names_failure(self) -> bool:
        return self.code is not None or self.error_type is not None

    @property
    def only_failed(self) -> bool:
        """Whether it has failed jobs only."""
        return self.success is False or self._names_failure

    def failures(self, owner: str | None) -> WantedFailures:
        """Return which failures it means, of the jobs of one owner; None = of all owners."""
        return WantedFailures(function=self.function, code=self.code, type=self.error_type, owner=owner)

    def has(self, view: JobView) -> bool:
        """Whether a job that was found in one of its parts, and in one of its queues, is one of its jobs."""
        return (
            self.status in (None, view.status)
            and self.success in (None, view.success)
            and self.function in (None, view.function)
            and (self.code is None or view.code is self.code)
            and (self.error_type is None or self._has_type(view))
            and not (self.scans and view.has_ended and not self._has_time(view.finish_time_ms))
        )

    def _has_type(self, view: JobView) -> bool:
        return view.failure is not None and view.failure.type[:LONGEST_TYPE] == self.error_type

    def _has_time(self, time_ms: int | None) -> bool:
        """Whether a time is within its times; of indexes and queues only that part is read."""
        if self.since_ms is None and self.until_ms is None:
            return True
        earliest, latest = self.since_ms or 0, 1 << 62 if self.until_ms is None else self.until_ms
        return time_ms is not None and earliest <= time_ms <= latest
