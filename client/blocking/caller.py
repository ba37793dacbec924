"""Calls and enqueues that wait for their result, by the name of a function or with the function itself."""

import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from jobgate.client.blocking.bulk_caller import BlockingBulkCaller
from jobgate.client.blocking.job_handle import BlockingJobHandle, run
from jobgate.client.callers import Caller
from jobgate.client.functions import Declaration, FunctionDefinition, PlainResult
from jobgate.client.requests import Default, Seconds, Timeout

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound=PlainResult)
F = TypeVar("F", bound=Callable[..., Any])


def _with_options_of(method: Callable[..., Any]) -> Callable[[F], F]:
    """Show the options of an async method in `help` and in notebooks, which do not see overloads."""

    def mark(function: F) -> F:
        returned = inspect.signature(function).return_annotation
        signature = inspect.signature(method).replace(return_annotation=returned)
        setattr(function, "__signature__", signature)  # noqa: B010 - mypy does not know it
        return function

    return mark


class BlockingCaller(BlockingBulkCaller):
    """Calls functions that run in workers; `BlockingClient` is one, and `with_options` returns another.

    Its methods are those of `Caller`, with the same options and errors, and wait for their result.
    """

    if TYPE_CHECKING:
        # What `call` and `enqueue` return for a function that returns `T`: types of `Stub`.
        def _called(self, result: T, /) -> T:
            raise NotImplementedError

        def _enqueued(self, result: T, /) -> BlockingJobHandle[T]:
            raise NotImplementedError

    def with_options(  # noqa: PLR0913 - those of `Caller.with_options`
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
    ) -> "BlockingCaller":
        """Return a caller with these options, those of `Caller.with_options`, on the same connections."""
        caller = self._caller.with_options(
            timeout=timeout,
            job_id=job_id,
            queue=queue,
            defer_by=defer_by,
            defer_until=defer_until,
            expires=expires,
            max_tries=max_tries,
            keep_result=keep_result,
            run_timeout=run_timeout,
        )
        return BlockingCaller(self._portal, caller)

    @overload
    def call(self, function: Declaration[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...

    @overload
    def call(
        self, function: Callable[Concatenate[Any, P], Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...

    @overload
    def call(self, function: Callable[Concatenate[Any, P], D], /, *args: P.args, **kwargs: P.kwargs) -> D: ...

    @overload
    def call(
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

    @_with_options_of(Caller.call)
    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run `function(*args, **kwargs)` in a worker and return its result; see `Caller.call`."""
        return run(self._portal, self._caller.call(function, *args, **kwargs))

    @overload
    def enqueue(
        self, function: Declaration[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> BlockingJobHandle[T]: ...

    @overload
    def enqueue(
        self, function: Callable[Concatenate[Any, P], Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> BlockingJobHandle[T]: ...

    @overload
    def enqueue(
        self, function: Callable[Concatenate[Any, P], D], /, *args: P.args, **kwargs: P.kwargs
    ) -> BlockingJobHandle[D]: ...

    @overload
    def enqueue(
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
    ) -> BlockingJobHandle[Any]: ...

    @_with_options_of(Caller.enqueue)
    def enqueue(self, function: Any, /, *args: Any, **kwargs: Any) -> BlockingJobHandle[Any]:
        """Enqueue a job that runs `function(*args, **kwargs)`, and return a handle; see `Caller.enqueue`."""
        job = run(self._portal, self._caller.enqueue(function, *args, **kwargs))
        return BlockingJobHandle(self._portal, job)
