"""A handle on one job, to ask for its status and result, or to abort it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jobgate.client.errors import JobgateError, JobLost, JobNotFound, ResultGone
from jobgate.client.info import JobInfo, JobProgress, JobStatus
from jobgate.client.requests import Default, Timeout, waiting_time
from jobgate.client.transport import Transport


class JobHandle:
    """One job; `Client.enqueue` and `Client.job` return it.

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
    ) -> None:
        """Refer to a job; nothing is sent.

        Args:
            transport: Sends the requests.
            job_id: Id of the job.
            queue: Its queue; None = not known.
            timeout: How long `result` and `abort` wait by default, in seconds; None = for ever.
            acknowledged: Whether it is known to have been enqueued.
        """
        self.id = job_id
        self.queue = queue
        self._transport = transport
        self._timeout = timeout
        self._acknowledged = acknowledged

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

    async def result(self, timeout: Timeout = Default.TIMEOUT) -> Any:
        """Wait for the end of the job and return its result.

        Args:
            timeout: Seconds or a timedelta, 0 = do not wait, None = for ever; by default the client's
                `timeout`.

        Raises:
            JobFailed: The job failed for good; JobAborted if it was aborted.
            ResultTimeout: It has not ended in time, and keeps running.
            ResultGone: It has ended and its result was not kept.
            UnknownFunction: Its worker does not have the function.
            InvalidArguments: Its worker found that the arguments do not fit the function.
        """
        wait = waiting_time("timeout", timeout, self._timeout)
        with self.named_in_errors():
            end = await self._transport.wait(self.id, self.queue, wait)
            return end.value()

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
