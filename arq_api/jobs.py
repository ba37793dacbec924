"""What arq's users import from `arq.jobs`: a job by its id, and what it returns and raises."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from jobgate.arq.errors import (
    DeserializationError,
    ResultNotFound,
    SerializationError,
    error_of,
    translated,
)
from jobgate.arq.job_records import (
    Deserializer,
    JobDef,
    JobResult,
    JobStatus,
    Serializer,
    codec_of,
    job_def,
    job_result,
)
from jobgate.broker import (
    DEFAULT_NAMESPACE,
    AbortAnswer,
    Broker,
    JobView,
    Watch,
    errors,
    records,
)
from jobgate.client import GRACE, JobProgress, TimeBudget

__all__ = [
    "DEFAULT_QUEUE",
    "DeserializationError",
    "Deserializer",
    "Job",
    "JobDef",
    "JobResult",
    "JobStatus",
    "ResultNotFound",
    "SerializationError",
    "Serializer",
]

#: arq's name of the default queue.
DEFAULT_QUEUE = "arq:queue"


class Job:
    """A job by its id, as arq has it; `ArqRedis.enqueue_job` returns one.

    Every method raises GatewayUnavailable, which is a redis.exceptions.ConnectionError here, when Redis does
    not answer, and DeserializationError when what it asks for cannot be read.
    """

    __slots__ = ("_deserializer", "_queue_name", "_redis", "job_id")

    def __init__(
        self,
        job_id: str,
        redis: Redis,
        _queue_name: str = DEFAULT_QUEUE,
        _deserializer: Deserializer | None = None,
    ) -> None:
        """Refer to a job; nothing is asked.

        Args:
            job_id: The job's id.
            redis: The pool that `create_pool` returned. Another client of redis-py does as well; then each
                method opens connections of its own to the same place.
            _queue_name: Where to look for jobs that stock arq enqueued; others tell their queue themselves.
            _deserializer: How to read job and result; None = as the pool does.
        """
        self.job_id = job_id
        self._redis = redis
        self._queue_name = _queue_name
        self._deserializer = _deserializer

    def __repr__(self) -> str:
        return f"<arq job {self.job_id}>"

    async def result(
        self, timeout: float | None = None, *, poll_delay: float = 0.5, pole_delay: float | None = None
    ) -> Any:
        """Wait for the end of the job; return its result, or raise what it raised.

        Args:
            timeout: Seconds to wait, 0 = look once, None = for ever.
            poll_delay: Seconds between two looks where Redis cannot push the result.
            pole_delay: arq's old misspelling of `poll_delay`; deprecated.

        Raises:
            Exception: The one that the function raised, where pickle carried it.
            JobFailed: The same as type and message, where it was stored as plain data.
            JobExecutionFailed: No worker could run it: expired, tried too often, unknown function.
            asyncio.CancelledError: It was aborted.
            TimeoutError: It has not ended in time and goes on; or it ran longer than it may.
            ResultNotFound: There is no such job, or its result was not kept.
            JobLost: The same, because Redis has lost its data meanwhile.
            SerializationError: Its result could not be stored.
        """
        if pole_delay is not None:
            text = '"pole_delay" is deprecated, use the correct spelling "poll_delay" instead'
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            poll_delay = pole_delay
        result = await self._end(timeout, poll_delay)
        if result.success:
            return result.result
        raise error_of(result)

    async def info(self) -> JobDef | None:
        """Return what is known of the job, a JobResult when it has ended, None when there is none."""
        async with self._broker() as broker:
            view = await self._view(broker)
            if view is None:
                return None
            if view.status is records.JobStatus.COMPLETE:
                with translated("job result"):
                    result = view.result or await broker.result(self.job_id)
                return None if result is None else job_result(result)
            # A view does not say why there is no body; reading it does.
            body = view.body or await broker.body(self.job_id)
            return None if body is None else job_def(body, self.job_id, view.due_time_ms)

    async def result_info(self) -> JobResult | None:
        """Return all about the result, None while there is none; a job that failed raises nothing."""
        async with self._broker("job result") as broker:
            result = await broker.result(self.job_id)
        return None if result is None else job_result(result)

    async def status(self) -> JobStatus:
        """Return where the job is; JobStatus.not_found where there is none."""
        async with self._broker() as broker:
            view = await self._view(broker)
        return JobStatus.not_found if view is None else JobStatus(view.status.value)

    async def progress(self) -> JobProgress | None:
        """Return what the function last said of its progress; None when it has not, or does not run."""
        async with self._broker() as broker:
            view = await self._view(broker)
        said = None if view is None else view.progress
        return None if said is None else JobProgress.at(said.time_ms, said.fraction, said.message)

    async def abort(self, *, timeout: float | None = None, poll_delay: float = 0.5) -> bool:
        """Ask the job to stop, wherever it is, and wait until it has ended.

        Args:
            timeout: Seconds to wait for the end of a running job, None = for ever.
            poll_delay: As in `result`.

        Returns:
            True when it ended as aborted. False when it ended otherwise, when it ended long ago and its
            result was not kept, and when there is no such job, of which nothing is left behind then.

        Raises:
            TimeoutError: It was told, and has not stopped in time.
        """
        async with self._broker() as broker:
            answer = await broker.abort(self.job_id, queue=self._queue_name)
        if answer in (AbortAnswer.ABORTED, AbortAnswer.UNKNOWN):
            return answer is AbortAnswer.ABORTED
        try:
            result = await self._end(timeout, poll_delay)
        except ResultNotFound:  # not kept: for some seconds Redis knows how it ended
            async with self._broker() as broker:
                return await broker.abort_mark(self.job_id) is not None
        return result.is_aborted

    async def _end(self, timeout: float | None, poll_delay: float) -> records.JobResult:
        """Wait for the stored result."""
        budget = TimeBudget(timeout)
        async with asyncio.timeout(budget.left + GRACE), self._broker("job result") as broker:
            with broker.watch(self.job_id) as watch:
                result = await self._stored(broker)
                while result is None:
                    result = await self._next(broker, watch, budget, poll_delay)
                return result

    async def _next(
        self, broker: Broker, watch: Watch, budget: TimeBudget, poll_delay: float
    ) -> records.JobResult | None:
        """Wait on; None: nothing is decided, because the job has no body but still stands in a queue."""
        before = broker.data_set.known
        result = await watch.wait(budget.left, poll=poll_delay)
        if result is not None:
            return result
        try:
            result = await self._stored(broker)
        except errors.BrokerUnavailable as error:
            if budget.is_spent:
                raise TimeoutError from error
        except ResultNotFound:
            if broker.data_set.changed_since(before):
                raise errors.DataSetChanged from None
            raise
        if result is None and budget.is_spent:
            raise TimeoutError
        return result

    async def _stored(self, broker: Broker) -> records.JobResult | None:
        """Return the result; None: the job has not ended. Raises ResultNotFound: there is neither."""
        view = await self._view(broker, waits=True)
        if view is None:
            raise ResultNotFound
        if view.is_unreadable:
            return await broker.result(self.job_id)  # raises DecodeError, which says why
        return view.result

    async def _view(self, broker: Broker, *, waits: bool = False) -> JobView | None:
        return await broker.view(self.job_id, queues=[self._queue_name], waits=waits)

    @asynccontextmanager
    async def _broker(self, reading: str = "job") -> AsyncIterator[Broker]:
        """Lend the pool's broker, or one for this call alone where there is none that reads as asked.

        Args:
            reading: as in `translated`.
        """
        lent = getattr(self._redis, "broker", None)
        if isinstance(lent, Broker) and self._deserializer in (None, self._pool_deserializer):
            with translated(reading):
                yield lent
            return
        namespace = lent.keys.namespace if isinstance(lent, Broker) else DEFAULT_NAMESPACE
        own = Broker(self._redis, codec=codec_of("json", None, self._deserializer), namespace=namespace)
        try:
            with translated(reading):
                yield own
        finally:
            await own.close()

    @property
    def _pool_deserializer(self) -> Any:
        return getattr(self._redis, "job_deserializer", None)
