"""A handle on one job."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jobgate.client.errors import JobgateError, JobLost, JobNotFound, ResultGone
from jobgate.client.info import JobInfo, JobProgress, JobStatus
from jobgate.client.requests import Default, Timeout, waiting_time
from jobgate.client.transport import Transport


class JobHandle:
    """One job of one client; made by `Client.enqueue` and `Client.job`.

    Every method raises GatewayUnavailable when the other side cannot answer, and JobNotFound when there is
    no such job. The errors carry this handle as `job`.
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
        """Refer to a job; nothing is asked.

        Args:
            transport: Carries the requests.
            job_id: The job's id.
            queue: Where it was enqueued; None = not known.
            timeout: How long `result` and `abort` wait by default, in seconds; None = for ever.
            acknowledged: It is known to have been enqueued.
        """
        self.id = job_id
        self.queue = queue
        self._transport = transport
        self._timeout = timeout
        self._acknowledged = acknowledged

    def __repr__(self) -> str:
        return f"JobHandle({self.id!r})"

    async def info(self) -> JobInfo:
        """Return all that is known of the job, in one consistent look."""
        with self.named_in_errors():
            return await self._transport.info(self.id, self.queue)

    async def status(self) -> JobStatus:
        """Return where the job is."""
        return (await self.info()).status

    async def progress(self) -> JobProgress | None:
        """Return what the function last said of its progress; None when it has not, or does not run."""
        return (await self.info()).progress

    async def result(self, timeout: Timeout = Default.TIMEOUT) -> Any:
        """Wait for the end of the job and return its result.

        Args:
            timeout: Seconds or a timedelta, 0 = look once, None = for ever; default: the client's `timeout`.

        Raises:
            JobFailed: The job failed for good; JobAborted when it was stopped on request.
            ResultTimeout: It has not ended in time; it goes on.
            ResultGone: It has ended and its result was not kept.
            UnknownFunction: The worker that took it does not have the function.
            InvalidArguments: The worker found that they do not fit the function.
        """
        wait = waiting_time("timeout", timeout, self._timeout)
        with self.named_in_errors():
            outcome = await self._transport.wait(self.id, self.queue, wait)
            return outcome.value()

    async def abort(self, timeout: Timeout = Default.TIMEOUT) -> bool:
        """Ask the job to stop, wherever it is, and wait until it has.

        Args:
            timeout: As in `result`; 0 = only ask.

        Returns:
            True when it ended as aborted, False when it ended otherwise, or had ended before.

        Raises:
            ResultTimeout: It was told and has not stopped in time.
        """
        wait = waiting_time("timeout", timeout, self._timeout)
        with self.named_in_errors():
            return await self._transport.abort(self.id, self.queue, wait)

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Put this handle on every error that leaves the block, and tell gone from unknown."""
        try:
            yield
        except JobNotFound as error:
            says_why = isinstance(error, ResultGone | JobLost)
            gone = ResultGone() if self._acknowledged and not says_why else error
            gone.job = self
            raise gone from error.__cause__
        except JobgateError as error:
            error.job = self
            raise
