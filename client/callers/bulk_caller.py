"""Many calls and many enqueues: bounded in number and memory, whatever the length of their source."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import fields, replace
from typing import Any, Concatenate, Final, Literal, TypeVar, overload

from jobgate.client.callers.job_handle import JobHandle
from jobgate.client.errors import InvalidOption, JobgateError
from jobgate.client.functions import Declaration, FunctionDefinition, PlainResult, Target
from jobgate.client.info import JobProgress
from jobgate.client.many import Call, ProgressReports, Source, windowed
from jobgate.client.metrics import ClientMetrics
from jobgate.client.requests import NewJob, Options, new_job
from jobgate.client.transport import Transport

T = TypeVar("T")
D = TypeVar("D", bound=PlainResult)
Item = TypeVar("Item")

#: Most jobs of one request, and most requests at the same time.
_MOST_JOBS: Final = 500
_REQUESTS: Final = 3

_NO_OPTIONS: Final = Options()


class BulkCaller:
    """What a `Caller` has for many calls at once."""

    def __init__(
        self,
        transport: Transport,
        metrics: ClientMetrics,
        *,
        timeout: float | None,
        options: Options = _NO_OPTIONS,
    ) -> None:
        """Call through a transport; nothing is sent yet.

        Args:
            transport: Sends the requests.
            metrics: Counts the calls.
            timeout: How long to wait for results by default, in seconds; None = for ever.
            options: Options of all calls, which options of one call override.
        """
        self._transport = transport
        self._metrics = metrics
        self._timeout = timeout
        self._options = options

    @overload
    def enqueue_many(
        self, calls: Source[Call[T]], *, return_exceptions: Literal[False] = False
    ) -> AsyncGenerator[JobHandle[T], None]: ...

    @overload
    def enqueue_many(
        self, calls: Source[Call[T]], *, return_exceptions: bool
    ) -> AsyncGenerator[JobHandle[T] | JobgateError, None]: ...

    async def enqueue_many(
        self, calls: Source[Call[T]], *, return_exceptions: bool = False
    ) -> AsyncGenerator[JobHandle[T] | JobgateError, None]:
        """Enqueue a job for each call, and yield handles on them in the same order.

        ```python
        calls = (Call("send_invoice", number) for number in numbers)
        jobs = [job async for job in client.enqueue_many(calls)]
        ```

        The jobs are sent in requests of up to 500. Calls are taken from their source, which may be an
        asynchronous iterable, as requests are answered: it may be of any length. Each job has its id before
        it is sent first, so that a retry never makes a second one.

        Args:
            calls: What to enqueue.
            return_exceptions: Yield the error of a call that failed, in its place, instead of raising it; its
                `job` is a handle on what would have been the job.

        Raises:
            JobgateError: What `enqueue` raises. Jobs of further calls may have been enqueued by then.
        """
        sent = windowed(calls, self._send_jobs, most=_MOST_JOBS, concurrency=_REQUESTS, ordered=True)
        try:
            async for answers in sent:
                for answer in answers:
                    if isinstance(answer, JobgateError) and not return_exceptions:
                        raise answer
                    yield answer
        finally:
            await sent.aclose()

    async def _send_jobs(self, calls: Sequence[Call[Any]]) -> Sequence[JobHandle[Any] | JobgateError]:
        jobs = [self._job_of(call) for call in calls]
        answers = await self._transport.enqueue_many(jobs)
        return [self._outcome(*each) for each in zip(calls, jobs, answers, strict=True)]

    def _outcome(
        self, call: Call[Any], job: NewJob, answer: str | JobgateError | None
    ) -> JobHandle[Any] | JobgateError:
        name = call.target.name
        if isinstance(answer, JobgateError):
            answer.job = self._handle(job, call.target, job.options.queue)
            self._metrics.enqueued(name, answer.outcome)
            return answer
        self._metrics.enqueued(name, "success")
        return self._handle(job, call.target, answer or job.options.queue, acknowledged=True)

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
    ) -> AsyncGenerator[T, None]: ...

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
    ) -> AsyncGenerator[T | JobgateError, None]: ...

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
    ) -> AsyncGenerator[T, None]: ...

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
    ) -> AsyncGenerator[T | JobgateError, None]: ...

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
    ) -> AsyncGenerator[D, None]: ...

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
    ) -> AsyncGenerator[D | JobgateError, None]: ...

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
    ) -> AsyncGenerator[Any, None]: ...

    async def map(
        self,
        function: str | FunctionDefinition | Declaration[..., Any] | Callable[..., Any],
        items: Source[Any],
        /,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        return_exceptions: bool = False,
        on_progress: Callable[[Any, JobProgress], object] | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Call a function with each item as its argument, and yield the results.

        ```python
        async for words in client.map("count_words", paths, concurrency=10):
            print(words)
        ```

        An item is taken from its source, which may be an asynchronous iterable, when a call may begin: at
        most `concurrency` calls have begun and not been yielded. Each is a `call`, with a request that waits.
        Leaving the loop early ends the waits for the calls that have begun, but not their jobs; to have that
        done at once, use `contextlib.aclosing`.

        Args:
            function: Its name, or the function itself.
            items: Its arguments, one for each call.
            concurrency: Most calls at the same time.
            ordered: Yield the results in the order of the items; False = as they come.
            return_exceptions: Yield the error of a call that failed instead of raising it.
            on_progress: Called with an item and the `JobProgress` that its job has newly reported, about once
                a second. An exception of it is logged, and ends the reports.

        Raises:
            JobgateError: What `call` raises.
            InvalidOption: An option has a wrong value.
        """
        if concurrency < 1:
            raise InvalidOption("concurrency must be at least 1")
        reports = None if on_progress is None else ProgressReports(on_progress)
        called = self._called_with(Target.of(function), return_exceptions=return_exceptions, reports=reports)
        results = windowed(items, called, concurrency=concurrency, ordered=ordered)
        async with aclosing(results), nullcontext() if reports is None else reports.passed_on():
            async for result in results:
                yield result

    def _called_with(
        self, target: Target, *, return_exceptions: bool, reports: ProgressReports | None
    ) -> Callable[[Sequence[Any]], Awaitable[Any]]:
        """Return what calls a function and returns its result, or perhaps its error."""
        options = self._options_of_calls()

        async def called(args: Sequence[Any]) -> Any:
            job = new_job(target.name, args, {}, options)
            try:
                if reports is None:
                    return await self._result_of(target, job, self._timeout)
                (item,) = args
                with reports.of(item, self._handle(job, target, job.options.queue)):
                    return await self._result_of(target, job, self._timeout)
            except JobgateError as error:
                if return_exceptions:
                    return error
                raise

        return called

    async def _result_of(self, target: Target, job: NewJob, wait: float | None) -> Any:
        """Run a job and return its result."""
        handle = self._handle(job, target, job.options.queue, acknowledged=True)
        with self._metrics.call(target.name), handle.named_in_errors():
            return handle.value_of(await self._transport.call(job, wait))

    def _options_of_calls(self, options: Options = _NO_OPTIONS) -> Options:
        """Return the options of calls that wait for their results."""
        merged = self._merged(options)
        if merged.defer_by is not None or merged.defer_until is not None:
            raise InvalidOption(
                "`call` waits for the result, `enqueue` can defer: leave out defer_by and defer_until"
            )
        return merged

    def _job_of(self, call: Call[Any]) -> NewJob:
        return new_job(call.target.name, call.args, call.kwargs, self._merged(call.options))

    def _merged(self, options: Options) -> Options:
        """Return the options of one call, with those of this caller where it has none."""
        if self._options == _NO_OPTIONS:
            return options
        given = {name: value for name in _NAMES if (value := getattr(options, name)) is not None}
        if given.keys() & _DEFERRALS:
            given = dict.fromkeys(_DEFERRALS) | given
        return replace(self._options, **given)

    def _handle(
        self, job: NewJob, target: Target, queue: str | None, *, acknowledged: bool = False
    ) -> JobHandle[Any]:
        return JobHandle(
            self._transport,
            job.job_id,
            queue=queue,
            timeout=self._timeout,
            acknowledged=acknowledged,
            read=target.read,
        )


_NAMES: Final = tuple(field.name for field in fields(Options))
_DEFERRALS: Final = frozenset({"defer_by", "defer_until"})
