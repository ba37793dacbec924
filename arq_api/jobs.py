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

#: Name of arq's default queue.
DEFAULT_QUEUE = "arq:queue"


class Job:
    """A job by its id; `ArqRedis.enqueue_job` returns one.

    Every method raises GatewayUnavailable, which is redis-py's ConnectionError as well, when Redis does not
    answer, and DeserializationError when the job or its result cannot be deserialized.
    """

    __slots__ = ("_deserializer", "_queue_name", "_redis", "job_id")

    def __init__(
        self,
        job_id: str,
        redis: Redis,
        _queue_name: str = DEFAULT_QUEUE,
        _deserializer: Deserializer | None = None,
    ) -> None:
        """Refer to a job; nothing is sent.

        Args:
            job_id: Id of the job.
            redis: The pool that `create_pool` returned, or another client of redis-py. With the latter, each
                method opens its own connections to the same server.
            _queue_name: Name of the queue; needed only for jobs that stock arq enqueued.
            _deserializer: Your own function that deserializes job and result; None = that of the pool.
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
        """Wait for the end of the job; return its result, or raise its exception.

        Args:
            timeout: Seconds to wait, 0 = do not wait, None = for ever.
            poll_delay: Seconds between two polls where Redis cannot push the result.
            pole_delay: arq's old misspelling of `poll_delay`; deprecated.

        Raises:
            Exception: The function's own exception, if it was stored with pickle.
            JobFailed: Type and message of that exception, if it was stored with another serializer.
            JobExecutionFailed: The job expired, ran out of tries, or has an unknown function.
            asyncio.CancelledError: The job was aborted.
            TimeoutError: The job did not end in time and keeps running, or it exceeded its own timeout.
            ResultNotFound: There is no such job, or its result was not kept.
            JobLost: Redis has lost its data, including the job.
            SerializationError: The result could not be serialized.
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
        """Return the job, as a JobResult if it has ended; None if there is no such job."""
        async with self._broker() as broker:
            view = await self._view(broker)
            if view is None:
                return None
            if view.has_ended:
                with translated("job result"):
                    result = view.result or await broker.result(self.job_id)
                return None if result is None else job_result(result)
            # A view does not say why there is no body; `body` raises the reason.
            body = view.body or await broker.body(self.job_id)
            return None if body is None else job_def(body, self.job_id, view.due_time_ms)

    async def result_info(self) -> JobResult | None:
        """Return the result, also of a failed job, with its details; None if there is none yet."""
        async with self._broker("job result") as broker:
            result = await broker.result(self.job_id)
        return None if result is None else job_result(result)

    async def status(self) -> JobStatus:
        """Return where the job is; JobStatus.not_found if there is no such job."""
        async with self._broker() as broker:
            view = await self._view(broker)
        return JobStatus.not_found if view is None else JobStatus(view.status.value)

    async def progress(self) -> JobProgress | None:
        """Return the progress that the function last reported; None if there is none or it is not running."""
        async with self._broker() as broker:
            view = await self._view(broker)
        last = None if view is None else view.progress
        return None if last is None else JobProgress.at(last.time_ms, last.fraction, last.message)

    async def abort(self, *, timeout: float | None = None, poll_delay: float = 0.5) -> bool:
        """Abort the job, whether it is waiting or running, and wait until it has ended.

        Args:
            timeout: Seconds to wait for the end of a running job; None = for ever.
            poll_delay: As in `result`.

        Returns:
            True if the job was aborted. False if it ended otherwise, had ended before, or does not exist.

        Raises:
            TimeoutError: The job did not stop in time.
        """
        async with self._broker() as broker:
            answer = await broker.abort(self.job_id, queue=self._queue_name)
        if answer in (AbortAnswer.ABORTED, AbortAnswer.UNKNOWN):
            return answer is AbortAnswer.ABORTED
        try:
            result = await self._end(timeout, poll_delay)
        except ResultNotFound:  # it was not kept, but for some seconds Redis knows how the job ended
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
        """Wait once more for the result; return None if the job has not ended."""
        before = broker.data_set.known
        result = await watch.wait(budget.left, poll=poll_delay)
        if result is not None:
            return result
        try:
            result = await self._stored(broker)
        except errors.BrokerUnavailable as error:
            if not budget.left:
                raise TimeoutError from error
        except ResultNotFound:
            if broker.data_set.changed_since(before):
                raise errors.DataSetChanged from None
            raise
        if result is None and not budget.left:
            raise TimeoutError
        return result

    async def _stored(self, broker: Broker) -> records.JobResult | None:
        """Return the result, None if the job has not ended; raise ResultNotFound if there is no job."""
        view = await self._view(broker, waits=True)
        if view is None:
            raise ResultNotFound
        if view.is_unreadable:
            return await broker.result(self.job_id)  # raises the DecodeError
        return view.result

    async def _view(self, broker: Broker, *, waits: bool = False) -> JobView | None:
        return await broker.view(self.job_id, queues=[self._queue_name], waits=waits)

    @asynccontextmanager
    async def _broker(self, reading: str = "job") -> AsyncIterator[Broker]:
        """Yield the pool's broker, or one for this call if the pool has none or another deserializer.

        Args:
            reading: As in `translated`.
        """
        lent = getattr(self._redis, "broker", None)
        of_pool = getattr(self._redis, "job_deserializer", None)
        if isinstance(lent, Broker) and self._deserializer in (None, of_pool):
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
