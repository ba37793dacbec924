"""The transport that calls functions directly through Redis, the only module here that knows the broker."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from copy import copy

from jobgate.broker import (
    DEFAULT_NAMESPACE,
    AbortAnswer,
    Availability,
    Broker,
    JobOptions,
    JobView,
    RerunAnswer,
    Watch,
    errors,
    near_names,
    records,
)
from jobgate.client.errors import (
    ArgumentsGone,
    ClientClosed,
    GatewayUnavailable,
    JobExists,
    JobgateError,
    JobNotFound,
    NotFinished,
    NoWorker,
    OutcomeUnknown,
    ResultTimeout,
    UnexpectedAnswer,
    UnknownFunction,
)
from jobgate.client.info import JobEvent, JobInfo, QueueEvent
from jobgate.client.per_loop import Openings, PerLoop
from jobgate.client.redis.job_events import JobEvents
from jobgate.client.redis.job_views import end_of, info_of
from jobgate.client.redis.operations import RedisOperations
from jobgate.client.redis.queue_events import queue_events
from jobgate.client.redis.translation import error_of, translated
from jobgate.client.requests import NewJob, Options
from jobgate.client.time_budget import GRACE, Retries, TimeBudget
from jobgate.client.transport import JobEnd
from jobgate.client.values import JSON, MSGPACK

#: How old the knowledge of live workers may be, in seconds.
_FRESH = 1.0
#: How many names are suggested for an unknown function.
_NEAR_NAMES = 3


async def _within(budget: TimeBudget, wait: Awaitable[records.JobResult | None]) -> records.JobResult | None:
    """Await the result of a job; raise ResultTimeout if Redis does not answer before the time is up."""
    try:
        async with asyncio.timeout(budget.left + GRACE):
            with translated():
                return await wait
    except TimeoutError:
        raise ResultTimeout from None


class RedisTransport:
    """A `Transport` through the broker.

    Args:
        url: URL of Redis.
        request_timeout: Seconds for which one request is retried.
        serializer: Name of the serializer that the workers use.
        namespace: Prefix of all keys; None = `arq`.

    Raises:
        ValueError: `url`, `serializer` or `namespace` cannot be used.
    """

    def __init__(self, url: str, *, request_timeout: float, serializer: str, namespace: str | None) -> None:
        self._request_timeout = request_timeout
        self._serializer = serializer
        self._openings = Openings()
        #: Whether Redis has answered, and nothing has failed since.
        self._is_reached = False

        def make() -> Broker:
            return Broker(
                url,
                codec=serializer,
                namespace=namespace or DEFAULT_NAMESPACE,
                deadline=request_timeout,
                # Pickle is chosen to share Redis with an arq fleet, and trusts it as arq's own clients do.
                trust_pickle=serializer == "pickle",
            )

        make()  # raises the ValueError; nothing is opened yet
        self._brokers = PerLoop(make)
        #: What operators ask for.
        self.operations = RedisOperations(lambda: self._broker)

    @property
    def _broker(self) -> Broker:
        if not self._openings:
            raise ClientClosed
        return self._brokers.here()

    async def open(self) -> None:
        """Allow requests; Redis need not be up yet."""
        self._openings.enter()

    async def leave(self) -> None:
        """Take back one `open`; the last one of a loop closes its connections."""
        if self._openings.leave():
            await self._close_here()

    async def close(self) -> None:
        """Close the connections of this loop, and allow no requests. Safe to call twice."""
        self._openings.clear()
        await self._close_here()

    async def _close_here(self) -> None:
        self._brokers.drop_gone()
        if (broker := self._brokers.take()) is not None:
            await broker.close()

    async def enqueue(self, job: NewJob) -> str | None:
        """Enqueue a job and return the name of its queue."""
        budget = TimeBudget(self._request_timeout)
        await self._reach(budget)
        await self._has_worker(job)
        return await self._enqueue(job, budget)

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> Sequence[str | JobgateError | None]:
        """Enqueue jobs together; return the name of the queue of each, or the error."""
        budget = TimeBudget(self._request_timeout)
        try:
            await self._reach(budget)
            requests = await self._checked(jobs)
            sent = [request for request in requests if isinstance(request, records.JobRequest)]
            answers = iter(await self._enqueue_all(sent, budget))
        except JobgateError as error:
            return [copy(error) for _ in jobs]
        return [
            request if isinstance(request, JobgateError) else _answer(job, next(answers))
            for job, request in zip(jobs, requests, strict=True)
        ]

    async def call(self, job: NewJob, timeout: float | None) -> JobEnd:
        """Start to wait, then enqueue, so that the result is pushed and no further request is needed."""
        budget = TimeBudget(timeout)
        await self._reach(budget)
        await self._await_worker(job, budget)
        with self._broker.watch(job.job_id, in_request=True) as watch:
            queue = await self._enqueue(job, budget, watch)
            result = await _within(budget, watch.wait(budget.left))
        return await self._end(job.job_id, queue, result)

    async def info(self, job_id: str, queue: str | None) -> JobInfo:
        """Return what is known of a job, in its queue or the default one."""
        return info_of(await self._view(job_id, queue))

    async def wait(self, job_id: str, queue: str | None, timeout: float | None) -> JobEnd:
        """Wait until the job has ended or the time is up."""
        budget = TimeBudget(timeout)
        result = await _within(budget, self._broker.wait(job_id, budget.left))
        return await self._end(job_id, queue, result)

    async def abort(self, job_id: str, queue: str | None, timeout: float | None) -> bool:
        """Ask a job to stop, then wait for its end."""
        with translated():
            answer = await self._broker.abort(job_id, queue=queue)
        if answer is AbortAnswer.UNKNOWN:
            raise JobNotFound
        if answer in (AbortAnswer.ABORTED, AbortAnswer.FINISHED):
            return answer is AbortAnswer.ABORTED
        try:
            return (await self.wait(job_id, queue, timeout)).aborted
        except JobNotFound:
            # It has ended and its result was not kept. For some seconds Redis knows how it ended.
            with translated():
                if await self._broker.abort_mark(job_id) is None:
                    raise
            return True

    async def events(self, job_id: str, queue: str | None) -> AsyncGenerator[JobEvent, None]:
        """Yield the states of a job, in its queue or the default one."""
        states = JobEvents(
            self._broker,
            job_id,
            lambda: self._view(job_id, queue, waits=True),
            patience=self._request_timeout,
        )
        async with aclosing(states.events(info_of)) as events:
            async for event in events:
                yield event

    async def retry(self, job_id: str, queue: str | None) -> tuple[str, str | None]:
        """Run a finished job again. Repeating the call is safe: a job is retried once."""
        with translated():
            rerun = await self._broker.rerun(job_id)
        if rerun.code is RerunAnswer.UNKNOWN:
            raise JobNotFound
        if rerun.code is RerunAnswer.UNFINISHED:
            raise NotFinished
        if rerun.job_id is None:
            raise ArgumentsGone
        return rerun.job_id, rerun.queue

    async def feed(self, queue: str | None, function: str | None) -> AsyncGenerator[QueueEvent, None]:
        """Yield what happens, of all queues that are in use or of one."""
        async with aclosing(queue_events(self._broker, queue, function)) as events:
            async for event in events:
                yield event

    async def _reach(self, budget: TimeBudget) -> None:
        """Connect before the first job and after a failure, so that a lost connection leaves no doubt."""
        if not self._is_reached:
            with translated():
                await self._broker.connect(timeout=max(budget.left, GRACE))
            self._is_reached = True

    async def _await_worker(self, job: NewJob, budget: TimeBudget) -> None:
        """Wait a moment for a worker that is being replaced, as the retries over HTTP do."""
        retries = Retries(budget.at_most(self._request_timeout))
        while not await self._has_worker(job):
            if not await retries.pause():
                raise NoWorker

    async def _has_worker(self, job: NewJob) -> bool:
        """Return False if all workers that published their functions in the queue are gone.

        Raises:
            UnknownFunction: Live workers publish their functions, and none offers this one.
        """
        live = self._broker.live_functions
        with translated():
            queue = self._broker.keys.queue(job.options.queue)
        try:
            async with asyncio.timeout(GRACE):
                found = await live.find(job.function, queue, max_age=_FRESH)
        except (errors.BrokerError, TimeoutError):
            found = live.settle_for_known(job.function, queue)
        if found is Availability.UNKNOWN:
            near = near_names(job.function, live.names_on(queue))
            queues = live.queues_of(job.function)
            raise UnknownFunction.named(job.function, near[:_NEAR_NAMES], queues)
        return found is not Availability.NO_WORKERS

    async def _enqueue(self, job: NewJob, budget: TimeBudget, watch: Watch | None = None) -> str:
        request = _request(job, self._serializer, watch is not None)
        try:
            async with asyncio.timeout(budget.left + GRACE):
                with translated():
                    enqueued = await self._broker.enqueue(
                        request, answer_to=watch.answer_to if watch else None
                    )
        except GatewayUnavailable:
            self._is_reached = False
            raise
        except TimeoutError:
            self._is_reached = False
            raise OutcomeUnknown from None
        if not enqueued.created and not job.owns_id:
            raise JobExists
        return enqueued.queue

    async def _checked(self, jobs: Sequence[NewJob]) -> list[records.JobRequest | JobgateError]:
        """Return what to send for each job, or why it cannot be sent."""
        known: dict[tuple[str, str | None], JobgateError | None] = {}
        checked: list[records.JobRequest | JobgateError] = []
        for job in jobs:
            function = (job.function, job.options.queue)
            try:
                if function not in known:
                    known[function] = await self._why_not(job)
                refused = known[function]
                checked.append(copy(refused) if refused else _request(job, self._serializer, False))
            except JobgateError as error:
                checked.append(error)
        return checked

    async def _why_not(self, job: NewJob) -> JobgateError | None:
        try:
            await self._has_worker(job)
        except JobgateError as error:
            return error
        return None

    async def _enqueue_all(
        self, requests: Sequence[records.JobRequest], budget: TimeBudget
    ) -> Sequence[records.Enqueued | errors.BrokerError]:
        try:
            async with asyncio.timeout(budget.left + GRACE):
                with translated():
                    answers = await self._broker.enqueue_many(requests)
        except TimeoutError:
            self._is_reached = False
            raise OutcomeUnknown from None
        if any(isinstance(answer, errors.BrokerUnavailable) for answer in answers):
            self._is_reached = False
        return answers

    async def _end(self, job_id: str, queue: str | None, result: records.JobResult | None) -> JobEnd:
        """Return how a job ended; without a `result`, the time is up or the job is gone."""
        if result is not None:
            return end_of(result)
        try:
            async with asyncio.timeout(GRACE):
                view = await self._view(job_id, queue, waits=True)
        except TimeoutError:
            raise ResultTimeout from None
        except GatewayUnavailable as error:
            raise ResultTimeout(f"No result in time, and the job's status is unknown: {error}") from error
        if view.result is not None:
            return end_of(view.result)
        if view.is_unreadable:
            raise UnexpectedAnswer("the stored result cannot be read: use the workers' serializer")
        raise ResultTimeout

    async def _view(self, job_id: str, queue: str | None, *, waits: bool = False) -> JobView:
        with translated():
            view = await self._broker.view(job_id, queues=[queue] if queue else [], waits=waits)
        if view is None:
            raise JobNotFound
        return view


#: Options that client and broker both have, under the same names.
_NAMES = tuple(name for name in JobOptions._fields if name in Options.__dataclass_fields__)


#: Serializer -> how arguments become plain data; pickle carries the objects themselves.
_PLAIN_DATA = {"json": JSON, "msgpack": MSGPACK}


def _request(job: NewJob, serializer: str, wants_outcome: bool) -> records.JobRequest:
    options = job.options
    plain = _PLAIN_DATA.get(serializer)
    args, kwargs = plain.of(job.function, job.args, job.kwargs) if plain else (job.args, job.kwargs)
    until = options.defer_until
    return records.JobRequest(
        function=job.function,
        args=args,
        kwargs=kwargs,
        options=JobOptions(**{name: getattr(options, name) for name in _NAMES}, wants_outcome=wants_outcome),
        job_id=job.job_id,
        id_is_made=job.owns_id,
        defer_by=options.defer_by,
        defer_until_ms=None if until is None else round(until.timestamp() * 1000),
        expires=options.expires,
    )


def _answer(job: NewJob, answer: records.Enqueued | errors.BrokerError) -> str | JobgateError:
    if isinstance(answer, errors.BrokerError):
        return error_of(answer)
    return answer.queue if answer.created or job.owns_id else JobExists()
