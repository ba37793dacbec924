"""Calls straight through Redis: the one file of the client that knows the broker."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from jobgate.broker import DEFAULT_NAMESPACE, Availability, Broker, JobOptions, errors, near_names, records
from jobgate.client.addresses import Connection, shown
from jobgate.client.deadlines import LATE, Backoff, Deadline
from jobgate.client.errors import (
    ClientClosed,
    GatewayUnavailable,
    InvalidArguments,
    InvalidOption,
    InvalidRequest,
    JobExists,
    JobgateError,
    JobLost,
    JobNotFound,
    NoWorker,
    OutcomeUnknown,
    ResultTimeout,
    UnexpectedAnswer,
    UnknownFunction,
)
from jobgate.client.info import JobInfo, JobProgress, JobStatus, time_of
from jobgate.client.per_loop import PerLoop
from jobgate.client.requests import JobRequest
from jobgate.client.transport import Outcome

#: How old an answer about live workers may be, in seconds.
_FRESH = 1.0
#: How many names are shown when a function is unknown.
_NEAR_NAMES = 3

#: What each of the broker's errors is for the caller; a class comes before its base.
_ERRORS: tuple[tuple[type[errors.BrokerError], type[JobgateError]], ...] = (
    (errors.OutcomeUnknown, OutcomeUnknown),
    (errors.BrokerUnavailable, GatewayUnavailable),
    (errors.BrokerFull, GatewayUnavailable),
    (errors.BrokerMisconfigured, GatewayUnavailable),
    (errors.DataSetChanged, JobLost),
    (errors.EncodeError, InvalidArguments),
    (errors.DecodeError, UnexpectedAnswer),
    (errors.BrokerError, InvalidRequest),
)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the client's error for the broker's, whose message names address and cause."""
    try:
        yield
    except errors.BrokerError as error:
        kind = next(mine for theirs, mine in _ERRORS if isinstance(error, theirs))
        raise kind(str(error)) from None


async def _within(deadline: Deadline, wait: Awaitable[records.JobResult | None]) -> records.JobResult | None:
    """Await the result of a job; ResultTimeout when Redis hangs past the caller's time."""
    try:
        async with asyncio.timeout(deadline.left + LATE):
            with _translated():
                return await wait
    except TimeoutError:
        raise ResultTimeout from None


class RedisTransport:
    """Enqueues, waits and reads through the broker. Every method is as in `Transport`."""

    def __init__(self, connection: Connection) -> None:
        """Connect nowhere yet; raises InvalidOption for a bad URL, serializer or namespace."""
        serializer = connection.serializer or "json"
        self._request_timeout = connection.request_timeout
        self._is_open = False
        #: Redis has answered, and nothing has failed since.
        self._is_reached = False

        def make() -> Broker:
            return Broker(
                connection.url,
                codec=serializer,
                namespace=connection.namespace or DEFAULT_NAMESPACE,
                deadline=connection.request_timeout,
                # Whoever says pickle shares Redis with an arq fleet and trusts it as arq's own clients do.
                trust_pickle=serializer == "pickle",
            )

        try:
            self._brokers = PerLoop(make, make())
        except ValueError as error:
            raise InvalidOption(f"{shown(connection.url)!r} cannot be used: {error}") from None

    @property
    def _broker(self) -> Broker:
        if not self._is_open:
            raise ClientClosed
        return self._brokers.here()

    async def open(self) -> None:
        """Connect nowhere yet: Redis need not be up before the first call."""
        self._is_open = True

    async def close(self) -> None:
        """Close all connections; calling again does nothing."""
        self._is_open = False
        self._brokers.leave_those_gone()
        if (broker := self._brokers.take()) is not None:
            await broker.close()

    async def enqueue(self, request: JobRequest) -> str | None:
        """Enqueue and return the queue's name."""
        deadline = Deadline(self._request_timeout)
        await self._reach(deadline)
        await self._has_worker(request)
        return await self._enqueue(request, deadline)

    async def call(self, request: JobRequest, timeout: float | None) -> Outcome:
        """Enqueue with the wait already armed, so that the result comes without a further question."""
        deadline = Deadline(timeout)
        await self._reach(deadline)
        await self._await_worker(request, deadline)
        with self._broker.watch(request.job_id, in_request=True) as watch:
            queue = await self._enqueue(request, deadline, wants_outcome=True)
            result = await _within(deadline, watch.wait(deadline.left))
        return await self._outcome(request.job_id, queue, result)

    async def info(self, job_id: str, queue: str | None) -> JobInfo:
        """Look at a job, in its queue and in the default one."""
        return _info(await self._view(job_id, queue))

    async def wait(self, job_id: str, queue: str | None, timeout: float | None) -> Outcome:
        """Wait until the job has ended or the time is over."""
        deadline = Deadline(timeout)
        result = await _within(deadline, self._broker.wait(job_id, deadline.left))
        return await self._outcome(job_id, queue, result)

    async def abort(self, job_id: str, queue: str | None, timeout: float | None) -> bool:
        """Ask it to stop, then wait for its end."""
        with _translated():
            answer = await self._broker.abort(job_id, queue=queue)
        if answer is records.AbortAnswer.UNKNOWN:
            raise JobNotFound
        if answer is records.AbortAnswer.ABORTED:
            return True
        if answer is records.AbortAnswer.FINISHED:
            return False
        try:
            return (await self.wait(job_id, queue, timeout)).aborted
        except JobNotFound:
            # It has ended since, and its result is not kept: for some seconds Redis knows how it ended.
            with _translated():
                if await self._broker.abort_mark(job_id) is None:
                    raise
            return True

    async def _reach(self, deadline: Deadline) -> None:
        """Before the first job, and after trouble: what was never sent needs no doubt about its outcome."""
        if not self._is_reached:
            with _translated():
                await self._broker.connect(timeout=max(deadline.left, LATE))
            self._is_reached = True

    async def _await_worker(self, request: JobRequest, deadline: Deadline) -> None:
        """Give a worker that is being replaced a moment, as the retries over HTTP do."""
        backoff = Backoff(deadline.sooner(self._request_timeout))
        while not await self._has_worker(request):
            if not await backoff.pause():
                raise NoWorker

    async def _has_worker(self, request: JobRequest) -> bool:
        """Return False if all workers that published their functions in the queue are gone.

        Raises:
            UnknownFunction: Live workers publish their functions, and none offers this one.
        """
        live, function = self._broker.live_functions, request.function
        queue = self._broker.keys.queue(request.options.queue)
        try:
            async with asyncio.timeout(LATE):
                found = await live.find(function, queue, max_age=_FRESH)
        except (errors.BrokerError, TimeoutError):
            # The enqueue that follows reports it.
            return True
        if found is Availability.UNKNOWN:
            raise UnknownFunction.named(function, near_names(function, live.names)[:_NEAR_NAMES])
        return found is not Availability.NO_WORKERS

    async def _enqueue(self, request: JobRequest, deadline: Deadline, *, wants_outcome: bool = False) -> str:
        try:
            async with asyncio.timeout(deadline.left + LATE):
                with _translated():
                    enqueued = await self._broker.enqueue(_broker_request(request, wants_outcome))
        except GatewayUnavailable:
            self._is_reached = False
            raise
        except TimeoutError:
            self._is_reached = False
            raise OutcomeUnknown from None
        if not enqueued.created and not request.owns_id:
            raise JobExists
        return enqueued.queue

    async def _outcome(self, job_id: str, queue: str | None, result: records.JobResult | None) -> Outcome:
        """Turn a wait's result into an outcome; None: the time is over, or the job is gone."""
        if result is not None:
            return _outcome(result)
        try:
            async with asyncio.timeout(LATE):
                view = await self._view(job_id, queue, waits=True)
        except TimeoutError:
            raise ResultTimeout from None
        except GatewayUnavailable as error:
            raise ResultTimeout(f"No result in time, and the job cannot be looked at: {error}") from error
        if view.result is not None:
            return _outcome(view.result)
        if view.is_unreadable:
            raise UnexpectedAnswer("the stored result cannot be read: use the workers' serializer")
        raise ResultTimeout

    async def _view(self, job_id: str, queue: str | None, *, waits: bool = False) -> records.JobView:
        with _translated():
            view = await self._broker.view(job_id, queues=[queue] if queue else [], waits=waits)
        if view is None:
            raise JobNotFound
        return view


def _broker_request(request: JobRequest, wants_outcome: bool) -> records.JobRequest:
    options = request.options
    until = options.defer_until
    return records.JobRequest(
        function=request.function,
        args=request.args,
        kwargs=request.kwargs,
        options=JobOptions(
            queue=options.queue,
            timeout=options.run_timeout,
            max_tries=options.max_tries,
            keep_result=options.keep_result,
            wants_outcome=wants_outcome,
        ),
        job_id=request.job_id,
        defer_by=options.defer_by,
        defer_until_ms=None if until is None else round(until.timestamp() * 1000),
        expires=options.expires,
    )


def _outcome(result: records.JobResult) -> Outcome:
    failure = result.failure
    if result.success or failure is None:
        return Outcome(success=result.success, result=result.result, type="Error")
    return Outcome(
        success=False,
        type=failure.type,
        message=failure.message,
        code=failure.code.value,
        exception=result.exception,
    )


def _info(view: records.JobView) -> JobInfo:
    said = view.progress
    return JobInfo(
        job_id=view.job_id,
        function=view.function,
        queue=view.queue,
        status=JobStatus(view.status.value),
        success=view.success,
        tries=view.tries,
        enqueue_time=time_of(view.enqueue_time_ms),
        due_time=time_of(view.due_time_ms),
        start_time=time_of(view.start_time_ms),
        finish_time=time_of(view.finish_time_ms),
        worker=view.worker,
        progress=None if said is None else JobProgress.at(said.time_ms, said.fraction, said.message),
    )
