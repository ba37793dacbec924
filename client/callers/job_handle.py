"""A handle on one job, to ask for its status and result, or to abort it."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, Generic

from jobgate.client.errors import JobgateError, JobLost, JobNotFound, ResultGone
from jobgate.client.info import JobEvent, JobInfo, JobProgress, JobStatus
from jobgate.client.requests import Default, Timeout, waiting_time
from jobgate.client.transport import JobEnd, Transport
from jobgate.client.values import ReadResult

# Type checkers have typing_extensions of their own: `JobHandle` without brackets is `JobHandle[Any]`.
if TYPE_CHECKING:
    from typing_extensions import TypeVar

    R_co = TypeVar("R_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    R_co = TypeVar("R_co", covariant=True)


class JobHandle(Generic[R_co]):
    """One job; `Client.enqueue` and `Client.job` return it.

    It is a `JobHandle[T]`, with the type of the result, where the function itself was passed to `enqueue`.

    Every method raises GatewayUnavailable when the other side cannot answer, and JobNotFound when there is no
    such job. The errors have this handle as `job`.
    """

    def __init__(
        self,
        transport: Transport,
        job_id: str,
        *,
        queue: str | None = None,
        timeout: float | None = None,
        acknowledged: bool = False,
        read: ReadResult | None = None,
    ) -> None:
        """Refer to a job; nothing is sent.

        Args:
            transport: Sends the requests.
            job_id: Id of the job.
            queue: Its queue; None = not known.
            timeout: How long `result` and `abort` wait by default, in seconds; None = for ever.
            acknowledged: Whether it is known to have been enqueued.
            read: Converts its result; None = it stays as it is.
        """
        self.id = job_id
        self.queue = queue
        self._transport = transport
        self._timeout = timeout
        self._acknowledged = acknowledged
        self._read = read

    def __repr__(self) -> str:
        return f"JobHandle({self.id!r})"

    async def info(self) -> JobInfo:
        """Return all that is known of the job, in one consistent view."""
        with self.named_in_errors():
            return await self._transport.info(self.id, self.queue)

    async def status(self) -> JobStatus:
        """Return the status of the job."""
        return (await self.info()).status

    async def progress(self) -> JobProgress | None:
        """Return the progress that the function last reported; None if there is none or it is not running."""
        return (await self.info()).progress

    async def events(self) -> AsyncGenerator[JobEvent, None]:
        """Yield the states of the job as they change, the current one first; ends after `finished`.

        States that follow each other very fast may be left out, but never the last one. A connection that is
        lost is replaced, and nothing is repeated.

        ```python
        async for event in job.events():
            print(event.kind, event.job.status, event.job.progress)
        ```

        Raises:
            ResultGone: It has ended and its result was not kept; JobLost if Redis lost its data.
            GatewayUnavailable: The other side was unavailable for longer than `request_timeout`.
        """
        with self.named_in_errors():
            async with aclosing(self._transport.events(self.id, self.queue)) as events:
                async for event in events:
                    yield event

    async def result(self, timeout: Timeout = Default.TIMEOUT) -> R_co:
        """Wait for the end of the job and return its result.

        Args:
            timeout: Seconds or a timedelta, 0 = do not wait, None = for ever; by default the client's
                `timeout`.

        Raises:
            JobFailed: The job failed for good; JobAborted if it was aborted.
            ResultTimeout: It has not ended in time, and keeps running.
            ResultGone: It has ended and its result was not kept.
            ResultMismatch: Its result has not the type of the function's return hint.
            UnknownFunction: Its worker does not have the function.
            InvalidArguments: Its worker found that the arguments do not fit the function.
        """
        wait = waiting_time("timeout", timeout, self._timeout)
        with self.named_in_errors():
            return self.value_of(await self._transport.wait(self.id, self.queue, wait))

    def value_of(self, end: JobEnd) -> R_co:
        """Return the result of an end of this job in its type; raise its failure, as `result`."""
        value: R_co = end.value()
        return value if self._read is None else self._read(value)

    async def abort(self, timeout: Timeout = Default.TIMEOUT) -> bool:
        """Abort the job, whether it is waiting or running, and wait until it has ended.

        Args:
            timeout: As in `result`; 0 = do not wait.

        Returns:
            True if it ended as aborted, False if it ended otherwise, or had ended before.

        Raises:
            ResultTimeout: It has not stopped in time.
        """
        wait = waiting_time("timeout", timeout, self._timeout)
        with self.named_in_errors():
            return await self._transport.abort(self.id, self.queue, wait)

    async def retry(self) -> "JobHandle[R_co]":
        """Run the job again, after its end, as a new job with the same arguments; return that job.

        A job is retried once: a repeated call returns the same new job.

        Raises:
            NotFinished: It has not ended.
            ArgumentsGone: Its arguments are gone. Those of a failed job are kept as long as its result.
            UnknownFunction: No worker offers its function any more.
        """
        with self.named_in_errors():
            job_id, queue = await self._transport.retry(self.id, self.queue)
        return JobHandle(
            self._transport, job_id, queue=queue, timeout=self._timeout, acknowledged=True, read=self._read
        )

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Set `job` on every error that leaves the block, and raise ResultGone where the job did exist."""
        try:
            yield
        except JobNotFound as error:
            is_plain = not isinstance(error, ResultGone | JobLost)
            raised = ResultGone() if self._acknowledged and is_plain else error
            raised.job = self
            raise raised from error.__cause__
        except JobgateError as error:
            error.job = self
            raise
