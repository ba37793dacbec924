"""Calls and enqueues, by the name of a function or with the function itself."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from jobgate.client.callers.bulk_caller import BulkCaller
from jobgate.client.callers.job_handle import JobHandle
from jobgate.client.functions import Declaration, FunctionDefinition, PlainResult, Target
from jobgate.client.requests import (
    Default,
    Seconds,
    Timeout,
    job_options,
    new_job,
    waiting_time,
)

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound=PlainResult)


class Caller(BulkCaller):
    """Calls functions that run in workers; `Client` is one, and `with_options` returns another.

    A function is given by its name, or as the function itself where the caller can import it: then type
    checkers know its arguments, without `ctx`, and its result. Options that begin with `_` stand between the
    arguments of a call by name. For calls of the function itself they are given to `with_options`.
    """

    if TYPE_CHECKING:
        # What `call` and `enqueue` return for a function that returns `T`: types of `Stub`.
        def _called(self, result: T, /) -> Coroutine[Any, Any, T]:
            raise NotImplementedError

        def _enqueued(self, result: T, /) -> Coroutine[Any, Any, JobHandle[T]]:
            raise NotImplementedError

    def with_options(  # noqa: PLR0913 - the options of `enqueue`, and how long to wait
        self,
        *,
        timeout: Timeout = Default.TIMEOUT,
        job_id: str | None = None,
        queue: str | None = None,
        defer_by: Seconds | None = None,
        defer_until: datetime | None = None,
        expires: Seconds | None = None,
        max_tries: int | None = None,
        keep_result: Seconds | None = None,
        run_timeout: Seconds | None = None,
    ) -> "Caller":
        """Return a caller with these options, on the same connections. It need not be closed.

        ```python
        total = await client.with_options(timeout=5).call(add, 1, 2)
        ```

        Args:
            timeout: How long `call` waits, and by default `result` and `abort` of its jobs; None = for ever.
            job_id: As `_job_id` of `enqueue`; the others likewise.
            queue: Name of the queue.
            defer_by: Time from now until the job is due; for `enqueue` only.
            defer_until: When it is due; for `enqueue` only.
            expires: How long after that it must start.
            max_tries: Starts allowed.
            keep_result: How long the result can be read.
            run_timeout: How long one try may run.

        Raises:
            InvalidOption: An option has a wrong value.
        """
        options = job_options(
            mark="",
            job_id=job_id,
            queue=queue,
            defer_by=defer_by,
            defer_until=defer_until,
            expires=expires,
            max_tries=max_tries,
            keep_result=keep_result,
            run_timeout=run_timeout,
        )
        wait = waiting_time("timeout", timeout, self._timeout)
        return Caller(self._transport, self._metrics, timeout=wait, options=self._merged(options))

    @overload
    async def call(self, function: Declaration[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...

    @overload
    async def call(
        self, function: Callable[Concatenate[Any, P], Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...

    @overload
    async def call(
        self, function: Callable[Concatenate[Any, P], D], /, *args: P.args, **kwargs: P.kwargs
    ) -> D: ...

    @overload
    async def call(
        self,
        function: str | FunctionDefinition,
        /,
        *args: Any,
        _timeout: Timeout = Default.TIMEOUT,
        _job_id: str | None = None,
        _queue: str | None = None,
        _expires: Seconds | None = None,
        _max_tries: int | None = None,
        _keep_result: Seconds | None = None,
        _run_timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> Any: ...

    # mypy wants the implementation to take what a function may name like an option.
    async def call(  # type: ignore[misc]
        self,
        function: str | FunctionDefinition | Callable[..., Any],
        /,
        *args: Any,
        _timeout: Timeout = Default.TIMEOUT,
        _job_id: str | None = None,
        _queue: str | None = None,
        _expires: Seconds | None = None,
        _max_tries: int | None = None,
        _keep_result: Seconds | None = None,
        _run_timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run `function(*args, **kwargs)` in a worker and return its result.

        `function` is its name, or the function itself: then the result has the type of its return hint.
        `_timeout` is how long to wait: seconds or a timedelta, None = for ever. The job keeps running after
        that. The other options are those of `enqueue`. With `_keep_result=0` the result is still returned
        here.

        Raises:
            JobFailed: The job failed for good; JobAborted if it was aborted.
            ResultTimeout: There was no result in time.
            ResultMismatch: The result does not have the type of the return hint.
            GatewayUnavailable: The job could not be enqueued; OutcomeUnknown if it may have been.
            JobgateError: Any other problem, as in `enqueue`.
        """
        target = Target.of(function)
        options = self._options_of_calls(
            job_options(
                job_id=_job_id,
                queue=_queue,
                expires=_expires,
                max_tries=_max_tries,
                keep_result=_keep_result,
                run_timeout=_run_timeout,
            )
        )
        job = new_job(target.name, args, kwargs, options)
        return await self._result_of(target, job, waiting_time("_timeout", _timeout, self._timeout))

    @overload
    async def enqueue(
        self, function: Declaration[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[T]: ...

    @overload
    async def enqueue(
        self, function: Callable[Concatenate[Any, P], Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[T]: ...

    @overload
    async def enqueue(
        self, function: Callable[Concatenate[Any, P], D], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[D]: ...

    @overload
    async def enqueue(
        self,
        function: str | FunctionDefinition,
        /,
        *args: Any,
        _job_id: str | None = None,
        _queue: str | None = None,
        _defer_by: Seconds | None = None,
        _defer_until: datetime | None = None,
        _expires: Seconds | None = None,
        _max_tries: int | None = None,
        _keep_result: Seconds | None = None,
        _run_timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> JobHandle[Any]: ...

    async def enqueue(  # type: ignore[misc]
        self,
        function: str | FunctionDefinition | Callable[..., Any],
        /,
        *args: Any,
        _job_id: str | None = None,
        _queue: str | None = None,
        _defer_by: Seconds | None = None,
        _defer_until: datetime | None = None,
        _expires: Seconds | None = None,
        _max_tries: int | None = None,
        _keep_result: Seconds | None = None,
        _run_timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> JobHandle[Any]:
        """Enqueue a job that runs `function(*args, **kwargs)` in a worker, and return a handle on it.

        `function` is its name, or the function itself: then the handle's result has the type of its return
        hint. `_job_id`: 1 to 128 of the characters `A-Z a-z 0-9 _ . ~ -`, random by default. `_defer_by` or
        `_defer_until`: when it is due (naive = local time). `_expires`: how long after that it must start,
        24 h by default. `_max_tries`, `_run_timeout`, `_keep_result` (0 = not at all): by default the
        function's or the worker's. Durations are seconds or timedeltas.

        Raises:
            JobExists: A job with this `_job_id` already exists; the error's `job` is a handle on it.
            UnknownFunction: There are live workers, and none offers the function.
            InvalidArguments: The arguments do not fit the function, or cannot be sent.
            GatewayUnavailable: The job could not be enqueued; OutcomeUnknown if it may have been.
            MissingExtra: Results of this function need pydantic, which is not installed.
            JobgateError: Any other problem, see `jobgate.client.errors`.
        """
        target = Target.of(function)
        options = self._merged(
            job_options(
                job_id=_job_id,
                queue=_queue,
                defer_by=_defer_by,
                defer_until=_defer_until,
                expires=_expires,
                max_tries=_max_tries,
                keep_result=_keep_result,
                run_timeout=_run_timeout,
            )
        )
        job = new_job(target.name, args, kwargs, options)
        with self._metrics.enqueue(target.name), self._handle(job, target, options.queue).named_in_errors():
            queue = await self._transport.enqueue(job) or options.queue
        return self._handle(job, target, queue, acknowledged=True)
