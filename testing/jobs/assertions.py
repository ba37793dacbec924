"""What tests ask about the jobs that were enqueued."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from jobgate.broker import did_you_mean, in_seconds
from jobgate.client import Target
from jobgate.testing.errors import TestingError
from jobgate.testing.jobs.enqueued import EnqueuedJob
from jobgate.testing.jobs.expectation import Expectation
from jobgate.worker import Settings

_OPTIONS = ("_times", "_defer_by", "_defer_until", "_queue", "_job_id")


class Assertions(ABC):
    """Looks at the jobs of a test, and checks that they are as expected."""

    #: The checked settings of the worker.
    settings: Settings

    def enqueued(self, function: object = None) -> list[EnqueuedJob]:
        """Return the jobs that were enqueued in this test, by whomever, in their order.

        They may have run since. `status` says whether they wait or have ended.

        Args:
            function: Only those of this function: its name, or the function itself.
        """
        jobs = self._jobs()
        name = None if function is None else Target.of(function).name
        return [job for job in jobs if name in (None, job.function)]

    def assert_enqueued(
        self,
        function: object,
        /,
        *args: Any,
        _times: int | None = None,
        _defer_by: float | timedelta | None = None,
        _defer_until: datetime | None = None,
        _queue: str | None = None,
        _job_id: str | None = None,
        **kwargs: Any,
    ) -> EnqueuedJob:
        """Check that a call was enqueued in this test, by whomever, and return it, the last one of several.

        `args` and `kwargs` are compared as a call by name is: without any, all arguments match. Values are
        compared as they arrive in a worker. `unittest.mock.ANY` equals everything. Options begin with `_`, as
        those of `enqueue`. It does not matter whether the job has run since.

        Args:
            function: The name of the function, or the function itself.
            args: Positional arguments, without `ctx`.
            _times: How often exactly; None = at least once.
            _defer_by: How long after its enqueue it is due, to a second.
            _defer_until: When it is due, to a second; naive = local time.
            _queue: Its queue.
            _job_id: Its id.
            kwargs: Keyword arguments.

        Raises:
            AssertionError: It was not. The message lists what was enqueued instead.
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        expected = self._expectation(
            function, args, kwargs, times=_times, defer_until=_defer_until, queue=_queue, job_id=_job_id,
            defer_by=None if _defer_by is None else in_seconds(_defer_by),
        )  # fmt: skip
        if _times == 0:
            raise TestingError("use assert_not_enqueued to check that nothing was enqueued")
        return expected.check(self.enqueued())[-1]

    def assert_not_enqueued(self, function: object = None, /, *args: Any, **kwargs: Any) -> None:
        """Check that a call was not enqueued in this test, or with no `function` that nothing was.

        Args:
            function: As in `assert_enqueued`.
            args: As in `assert_enqueued`.
            kwargs: As in `assert_enqueued`.

        Raises:
            AssertionError: It was.
        """
        __tracebackhide__ = True
        jobs = self.enqueued()
        if function is None:
            if jobs:
                raise AssertionError(f"expected nothing to be enqueued, found {', '.join(map(str, jobs))}")
            return
        self._expectation(function, args, kwargs, times=0).check(jobs)

    @abstractmethod
    def _jobs(self) -> list[EnqueuedJob]:
        """Return all jobs of this test, in their order."""

    def _expectation(
        self, function: object, args: Sequence[Any], kwargs: dict[str, Any], **options: Any
    ) -> Expectation:
        for name in kwargs:
            if name.startswith("_"):
                near = did_you_mean(name, _OPTIONS)
                raise TestingError(f"{name!r} is not an option of assert_enqueued{near}")
        target = Target.of(function)
        return Expectation(
            function=target.name, args=args, kwargs=kwargs, body=self._body_of(target.name), **options
        )

    def _body_of(self, function: str) -> Callable[..., Any] | None:
        return next((one.coroutine for one in self.settings.functions if one.name == function), None)
