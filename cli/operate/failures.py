"""Why jobs failed, and how many, by function or by error."""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.operate.job_filters import Which
from jobgate.cli.operate.jobs_of_queues import jobs_of

if TYPE_CHECKING:
    from jobgate.client import Client, ErrorInfo, JobInfo

_ABORTED: Final = "aborted"
_UNKNOWN: Final = "unknown"
#: What differs from one message of an error to the next: quoted texts, addresses, ids, numbers.
_VARIABLE: Final = re.compile(
    r"'[^']*'|\"[^\"]*\"|0x[0-9a-fA-F]+|\b(?=[0-9a-f-]*[0-9])[0-9a-f-]{8,}\b|[0-9]+"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A job that failed, and why."""

    job_id: str
    function: str | None
    queue: str | None
    finish_time: datetime | None
    tries: int
    #: Class name and message of the exception; the failure code of the HTTP API.
    type: str
    message: str
    code: str
    worker: str | None
    retried_as: str | None

    @property
    def error(self) -> str:
        """The error in one text: its class, or the code of errors that the function did not raise itself."""
        kind = self.type if self.code == "error" else self.code
        return f"{kind}: {self.message or self.type}".removesuffix(": ")


async def failures(client: "Client", which: Which, limit: int | None) -> AsyncGenerator[Failure, None]:
    """Yield failed jobs, newest first; those that were aborted only if `which` asks for them.

    Args:
        client: Reads them.
        which: Which jobs.
        limit: Most of them; None = all.
    """
    has_aborted = which.filters.get("code") == _ABORTED
    count = 0
    async with aclosing(jobs_of(client, which.but(success=False))) as jobs:
        async for job in jobs:
            if job.error is None or (job.error.code == _ABORTED and not has_aborted):
                continue
            yield _failure(job, job.error)
            count += 1
            if count == limit:
                return


def _failure(job: "JobInfo", error: "ErrorInfo") -> Failure:
    return Failure(
        job_id=job.job_id,
        function=job.function,
        queue=job.queue,
        finish_time=job.finish_time,
        tries=job.tries,
        type=error.type,
        message=error.message,
        code=error.code,
        worker=job.worker,
        retried_as=job.retried_as,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureGroup:
    """Failures that have a function, or an error, in common."""

    #: Function -> how often it failed, the largest number first.
    functions: Mapping[str, int]
    #: The same of errors; `…` stands for what differs from message to message.
    errors: Mapping[str, int]
    failed: int
    #: How many of them have been retried.
    retried: int
    #: When the first and the last one of them failed.
    first: datetime | None
    last: datetime | None
    #: The last one, as an example.
    job_id: str


class FailureCount:
    """Counts failures.

    Args:
        by: What the failures of a group have in common: `function` or `error`.
    """

    def __init__(self, by: str) -> None:
        self._by = by
        self._groups: dict[Any, _Group] = {}

    def add(self, failure: Failure) -> None:
        """Count one failure."""
        error = _pattern(failure)
        key = failure.function if self._by == "function" else error
        self._groups.setdefault(key, _Group()).add(failure, error)

    def groups(self) -> list[FailureGroup]:
        """Return the groups, the largest first."""
        return sorted((each.whole() for each in self._groups.values()), key=lambda one: -one.failed)


class _Group:
    def __init__(self) -> None:
        self._functions: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._times: list[datetime] = []
        self._retried = 0
        self._example = ""

    def add(self, failure: Failure, error: str) -> None:
        self._functions[failure.function or _UNKNOWN] += 1
        self._errors[error] += 1
        self._retried += failure.retried_as is not None
        self._example = self._example or failure.job_id
        if failure.finish_time is not None:
            known = [*self._times, failure.finish_time]
            self._times = [min(known), max(known)]

    def whole(self) -> FailureGroup:
        return FailureGroup(
            functions=dict(self._functions.most_common()),
            errors=dict(self._errors.most_common()),
            failed=self._functions.total(),
            retried=self._retried,
            first=self._times[0] if self._times else None,
            last=self._times[-1] if self._times else None,
            job_id=self._example,
        )


def _pattern(failure: Failure) -> str:
    """Return the error without what differs from one message to the next."""
    lines: Iterable[str] = failure.error.splitlines() or [""]
    return _VARIABLE.sub("…", next(iter(lines))[:300])
