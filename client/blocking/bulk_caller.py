"""Many calls and many enqueues, for blocking callers."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any, Concatenate, Literal, TypeVar, overload

from jobgate.client.blocking.iteration import Inlet, iterate
from jobgate.client.blocking.job_handle import BlockingJobHandle, blocking, run
from jobgate.client.blocking.portal import Portal
from jobgate.client.callers import Caller
from jobgate.client.errors import JobgateError
from jobgate.client.functions import Declaration, FunctionDefinition, PlainResult
from jobgate.client.info import JobProgress
from jobgate.client.many import Call, Source

T = TypeVar("T")
D = TypeVar("D", bound=PlainResult)
Item = TypeVar("Item")

#: Most calls that are taken from a fast source before the async client asks for them: those of one request.
_AHEAD = 500


class BlockingBulkCaller:
    """What a `BlockingCaller` has for many calls at once."""

    def __init__(self, portal: Portal, caller: Caller) -> None:
        """Call through a portal; nothing is sent yet.

        Args:
            portal: Runs the calls.
            caller: The caller that makes them.
        """
        self._portal = portal
        self._caller = caller

    @overload
    def enqueue_many(
        self, calls: Source[Call[T]], *, return_exceptions: Literal[False] = False
    ) -> Generator[BlockingJobHandle[T], None, None]: ...

    @overload
    def enqueue_many(
        self, calls: Source[Call[T]], *, return_exceptions: bool
    ) -> Generator[BlockingJobHandle[T] | JobgateError, None, None]: ...

    def enqueue_many(
        self, calls: Source[Call[Any]], *, return_exceptions: bool = False
    ) -> Generator[Any, None, None]:
        """Enqueue a job for each call, and yield handles in the same order; see `Caller.enqueue_many`.

        The thread that iterates over the handles takes the calls from their source.
        """
        return self._iterate(
            calls, lambda each: self._caller.enqueue_many(each, return_exceptions=return_exceptions), _AHEAD
        )

    @overload
    def map(
        self,
        function: Declaration[Concatenate[Item, ...], T],
        items: Source[Item],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: Literal[False] = False,
        on_progress: Callable[[Item, JobProgress], object] | None = None,
    ) -> Generator[T, None, None]: ...

    @overload
    def map(
        self,
        function: Declaration[Concatenate[Item, ...], T],
        items: Source[Item],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: bool,
        on_progress: Callable[[Item, JobProgress], object] | None = None,
    ) -> Generator[T | JobgateError, None, None]: ...

    @overload
    def map(
        self,
        function: Callable[Concatenate[Any, Item, ...], Awaitable[T]],
        items: Source[Item],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: Literal[False] = False,
        on_progress: Callable[[Item, JobProgress], object] | None = None,
    ) -> Generator[T, None, None]: ...

    @overload
    def map(
        self,
        function: Callable[Concatenate[Any, Item, ...], Awaitable[T]],
        items: Source[Item],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: bool,
        on_progress: Callable[[Item, JobProgress], object] | None = None,
    ) -> Generator[T | JobgateError, None, None]: ...

    @overload
    def map(
        self,
        function: Callable[Concatenate[Any, Item, ...], D],
        items: Source[Item],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: Literal[False] = False,
        on_progress: Callable[[Item, JobProgress], object] | None = None,
    ) -> Generator[D, None, None]: ...

    @overload
    def map(
        self,
        function: Callable[Concatenate[Any, Item, ...], D],
        items: Source[Item],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: bool,
        on_progress: Callable[[Item, JobProgress], object] | None = None,
    ) -> Generator[D | JobgateError, None, None]: ...

    @overload
    def map(
        self,
        function: str | FunctionDefinition,
        items: Source[Any],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: bool = False,
        on_progress: Callable[[Any, JobProgress], object] | None = None,
    ) -> Generator[Any, None, None]: ...

    def map(
        self,
        function: Any,
        items: Source[Any],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: bool = False,
        on_progress: Callable[[Any, JobProgress], object] | None = None,
    ) -> Generator[Any, None, None]:
        """Call a function with each item as its argument, and yield the results; see `Caller.map`.

        The thread that iterates over the results takes the items from their source. `on_progress` is called
        in the thread of the client, where it must not make calls of this client.
        """

        def results(each: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
            return self._caller.map(
                function,
                each,
                concurrency=concurrency,
                ordered=ordered,
                return_exceptions=return_exceptions,
                on_progress=on_progress,
            )

        return self._iterate(items, results, 1)

    def _iterate(
        self,
        source: Source[Any],
        results: Callable[[AsyncIterable[Any]], AsyncGenerator[Any, None]],
        ahead: int,
    ) -> Generator[Any, None, None]:
        if isinstance(source, AsyncIterable):
            items = self._each(results(source))
        else:
            inlet = Inlet(iter(source), ahead=ahead)
            items = self._each(results(inlet), inlet)
        return (blocking(self._portal, item) for item in items)

    def _each(self, results: AsyncGenerator[T, None], inlet: Inlet[Any] | None = None) -> Iterable[T]:
        return iterate(self._run, results, inlet)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return run(self._portal, coroutine)
