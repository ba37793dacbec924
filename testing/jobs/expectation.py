"""What a test expects to have been enqueued, compared with what was."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from jobgate.broker import did_you_mean
from jobgate.client import JSON, JobgateError
from jobgate.testing.jobs.call_text import call_text, value_text
from jobgate.testing.jobs.enqueued import EnqueuedJob

#: Seconds by which a due time may differ from what is expected: a test takes some time itself.
_TOLERANCE = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """One call that is expected to have been enqueued.

    Durations are seconds; None = not compared.
    """

    function: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any]
    #: How often; None = at least once.
    times: int | None = None
    defer_by: float | None = None
    defer_until: datetime | None = None
    queue: str | None = None
    job_id: str | None = None
    #: The function itself, where it is known: then it does not matter which arguments are given by name.
    body: Callable[..., Any] | None = None

    def check(self, jobs: Sequence[EnqueuedJob]) -> list[EnqueuedJob]:
        """Return the jobs that are as expected.

        Raises:
            AssertionError: There are none, or not as many as expected.
        """
        __tracebackhide__ = True
        found = [job for job in jobs if job.function == self.function and not self._differences(job)]
        if len(found) == self.times or (self.times is None and found):
            return found
        raise AssertionError(self._report(jobs, len(found)))

    def __str__(self) -> str:
        if not (self.args or self.kwargs):
            return f"{self.function}(…)"
        return call_text(self.function, self.args, self.kwargs)

    def _report(self, jobs: Sequence[EnqueuedJob], count: int) -> str:
        """Return what was expected and what was enqueued instead, the nearest first."""
        wanted = "" if self.times is None else f" {_times(self.times)}"
        lines = [f"expected {self}{self._options()} to be enqueued{wanted}, found {_times(count)}."]
        if not jobs:
            return f"{lines[0]} Nothing was enqueued."
        same = [job for job in jobs if job.function == self.function]
        others = [job for job in jobs if job.function != self.function]
        if not same and (near := did_you_mean(self.function, {job.function for job in others})):
            lines[0] = lines[0].removesuffix(".") + near
        lines.append("Enqueued in this test:")
        lines += [f"  {_described(job)}{self._why_not(job)}" for job in same]
        lines += [f"  {_described(job)}" for job in others]
        return "\n".join(lines)

    def _why_not(self, job: EnqueuedJob) -> str:
        found = list(self._differences(job))
        return f"  <- {'; '.join(found)}" if found else "  <- as expected"

    def _options(self) -> str:
        parts = [
            f"due {self.defer_by:g} s after its enqueue" if self.defer_by is not None else "",
            f"due at {self.defer_until.isoformat(' ')}" if self.defer_until is not None else "",
            f"in queue {self.queue!r}" if self.queue is not None else "",
            f"with the id {self.job_id!r}" if self.job_id is not None else "",
        ]
        return "".join(f" {part}" for part in parts if part)

    def _differences(self, job: EnqueuedJob) -> list[str]:
        return [*self._other_arguments(job), *self._other_options(job)]

    def _other_arguments(self, job: EnqueuedJob) -> Iterator[str]:
        if not (self.args or self.kwargs):
            return
        expected, found = self._named(self.args, self.kwargs), self._named(job.args, job.kwargs)
        for name in [*expected, *(one for one in found if one not in expected)]:
            if name not in found:
                yield f"{name} is missing"
            elif name not in expected:
                yield f"{name} is {value_text(found[name])}, which is not expected"
            elif not _equals(expected[name], found[name]):
                yield f"{name} is {value_text(found[name])}, not {value_text(expected[name])}"

    def _other_options(self, job: EnqueuedJob) -> Iterator[str]:
        if self.queue is not None and job.queue != self.queue:
            yield f"in queue {job.queue!r}"
        if self.job_id is not None and job.job_id != self.job_id:
            yield f"its id is {job.job_id!r}"
        if self.defer_by is not None and not _near(job.defer_by, self.defer_by):
            yield _due(job)
        until = self.defer_until
        if until is not None and (job.due_time is None or abs(job.due_time - until.astimezone(UTC)) > _SPAN):
            yield f"due at {job.due_time}"

    def _named(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments by the names of their parameters, or by place where these are not known."""
        if self.body is not None:
            with suppress(TypeError, ValueError):
                bound = inspect.signature(self.body).bind(None, *args, **kwargs)
                bound.apply_defaults()
                return dict(list(bound.arguments.items())[1:])
        return {**{f"argument {place}": value for place, value in enumerate(args, 1)}, **kwargs}


_SPAN = timedelta(seconds=_TOLERANCE)


def _equals(expected: Any, found: Any) -> bool:
    """Whether a value is as expected, or as that arrives in a worker: a tuple as a list, a date as text."""
    if expected == found:  # in this order, for `unittest.mock.ANY`
        return True
    try:
        return bool(orjson.loads(orjson.dumps(JSON.of("", [expected], {})[0][0])) == found)
    except (JobgateError, TypeError):  # it cannot be sent as JSON
        return False


def _near(seconds: float | None, expected: float) -> bool:
    return seconds is not None and abs(seconds - expected) <= _TOLERANCE


def _described(job: EnqueuedJob) -> str:
    late = f", {_due(job)}" if job.defer_by else ""
    return f"{job} [{job.status}{late}]"


def _due(job: EnqueuedJob) -> str:
    return "due at once" if not job.defer_by else f"due {job.defer_by:g} s after its enqueue"


def _times(count: int) -> str:
    return {0: "none", 1: "once", 2: "twice"}.get(count, f"{count} times")
