"""A handle on one job, for blocking callers."""

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

from jobgate.client.blocking.iteration import iterate
from jobgate.client.blocking.portal import Portal
from jobgate.client.callers import JobHandle, R_co
from jobgate.client.errors import JobgateError
from jobgate.client.info import JobEvent, JobInfo, JobProgress, JobStatus
from jobgate.client.requests import Default, Timeout

T = TypeVar("T")


class BlockingJobHandle(Generic[R_co]):
    """One job; `BlockingClient.enqueue` and `BlockingClient.job` return it.

    Its methods are those of `JobHandle`, with the same errors, and wait for their result.
    """

    def __init__(self, portal: Portal, job: JobHandle[R_co]) -> None:
        """Refer to a job; nothing is sent.

        Args:
            portal: Runs the requests.
            job: The handle that makes them.
        """
        self.id = job.id
        self.queue = job.queue
        self._portal = portal
        self._job = job

    def __repr__(self) -> str:
        return f"BlockingJobHandle({self.id!r})"

    def info(self) -> JobInfo:
        """Return all that is known of the job, in one consistent view."""
        return self._run(self._job.info())

    def status(self) -> JobStatus:
        """Return the status of the job."""
        return self._run(self._job.status())

    def progress(self) -> JobProgress | None:
        """Return the progress that the function last reported; None if there is none or it is not running."""
        return self._run(self._job.progress())

    def events(self) -> Generator[JobEvent, None, None]:
        """Yield the states of the job as they change, from the current one to the end.

        See `JobHandle.events`. Leaving the loop early closes the connection.
        """
        return iterate(self._run, self._job.events())

    def result(self, timeout: Timeout = Default.TIMEOUT) -> R_co:
        """Wait for the end of the job and return its result; the errors are those of `JobHandle.result`.

        Args:
            timeout: Seconds or a timedelta, 0 = do not wait, None = for ever; by default the client's
                `timeout`.
        """
        return self._run(self._job.result(timeout))

    def abort(self, timeout: Timeout = Default.TIMEOUT) -> bool:
        """Abort the job and wait until it has ended.

        Args:
            timeout: As in `result`; 0 = do not wait.

        Returns:
            True if it ended as aborted, False if it ended otherwise, or had ended before.
        """
        return self._run(self._job.abort(timeout))

    def retry(self) -> "BlockingJobHandle[R_co]":
        """Run the job again, after its end, as a new job with the same arguments; return that job.

        A job is retried once: a repeated call returns the same new job. The errors are those of
        `JobHandle.retry`.
        """
        return BlockingJobHandle(self._portal, self._run(self._job.retry()))

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return self._portal.run(coroutine)
        except JobgateError as error:
            error.job = self
            raise


def run(portal: Portal, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of a client; its errors get a blocking handle on their job."""
    try:
        return portal.run(coroutine)
    except JobgateError as error:
        error.job = blocking(portal, error.job)
        raise


def blocking(portal: Portal, value: Any) -> Any:
    """Return a job handle as a blocking one, an error with such a handle, and all else as it is."""
    if isinstance(value, JobHandle):
        return BlockingJobHandle(portal, value)
    if isinstance(value, JobgateError):
        value.job = blocking(portal, value.job)
    return value
