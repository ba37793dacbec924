"""Why jobs failed, and how many, by function or by error."""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from jobgate.cli.operate.job_filters import Which
from jobgate.cli.operate.jobs_of_queues import jobs_of

if TYPE_CHECKING:
    from jobgate.client import Client, ErrorInfo, JobInfo
    from jobgate.client import FailureGroup as FunctionFailures

_ABORTED: Final = "aborted"
_UNKNOWN: Final = "unknown"
#: Groups that a gateway shows at most.
_MOST_GROUPS: Final = 1000
#: Before all failures.
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


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
    #: The same of errors, each with the message of the newest.
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
        self._groups: dict[str, _Group] = {}

    async def read(self, client: "Client", which: Which) -> bool:
        """Count what a gateway has counted; return whether these are all failures, not only the newest."""
        queues: Sequence[str | None] = which.queues or [None]
        counts = [await client.failures(limit=_MOST_GROUPS, **which.filters_for(queue)) for queue in queues]
        for count in counts:
            for group in count.groups:
                self.add(group)
        return all(count.counted_all and not count.other_groups for count in counts)

    def add(self, group: "FunctionFailures") -> None:
        """Count the failures of one function with one error."""
        kind = group.type if group.code == "error" else group.code
        error = f"{kind}: {group.message or group.type}".removesuffix(": ")
        key = group.function if self._by == "function" else kind
        self._groups.setdefault(key, _Group()).add(group, error)

    def groups(self) -> list[FailureGroup]:
        """Return the groups, the largest first."""
        return sorted((each.whole() for each in self._groups.values()), key=lambda one: -one.failed)


class _Group:
    def __init__(self) -> None:
        self._functions: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._found: list[FunctionFailures] = []

    def add(self, group: "FunctionFailures", error: str) -> None:
        self._functions[group.function or _UNKNOWN] += group.failed
        self._errors[error] += group.failed
        self._found.append(group)

    def whole(self) -> FailureGroup:
        newest = max(self._found, key=lambda group: group.last_time or _LONG_AGO)
        return FailureGroup(
            functions=dict(self._functions.most_common()),
            errors=dict(self._errors.most_common()),
            failed=self._functions.total(),
            retried=sum(group.retried for group in self._found),
            first=min((group.first_time for group in self._found if group.first_time), default=None),
            last=newest.last_time,
            job_id=newest.job_id,
        )
