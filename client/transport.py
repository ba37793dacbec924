"""The interface of a client to its other side, the same for HTTP and for Redis."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jobgate.client.errors import InvalidArguments, JobAborted, JobFailed, JobgateError, UnknownFunction
from jobgate.client.info import JobEvent, JobInfo, QueueEvent
from jobgate.client.requests import NewJob


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEnd:
    """How a job ended."""

    success: bool
    #: What the function returned, if `success`.
    result: Any = None
    #: Otherwise the failure: class name and message of the exception, and the failure code.
    type: str = ""
    message: str = ""
    code: str = "error"
    #: The function's own exception; only pickle can carry it.
    exception: BaseException | None = None

    def value(self) -> Any:
        """Return the result of the job, or raise its failure.

        Raises:
            JobAborted: The job was aborted.
            UnknownFunction: Its worker does not have the function.
            InvalidArguments: The arguments do not fit the function.
            JobFailed: Any other failure.
        """
        if self.success:
            return self.result
        raise self._error() from self.exception

    def _error(self) -> JobgateError:
        if self.code == "unknown-function":
            return UnknownFunction(
                f"The worker that took the job cannot run it: {self.message or self.type}."
            )
        if self.code == "invalid-arguments":
            return InvalidArguments(f"The arguments do not fit the function: {self.message or self.type}.")
        kind = JobAborted if self.aborted else JobFailed
        return kind(self.type, self.message, self.code)

    @property
    def aborted(self) -> bool:
        """Whether the job ended because it was aborted."""
        return not self.success and self.code == "aborted"


class Transport(Protocol):
    """The other side of a client. Every method raises JobgateError and nothing else.

    Timeouts are the seconds that the caller is willing to wait; None = for ever.
    """

    async def open(self) -> None:
        """Allow requests."""

    async def leave(self) -> None:
        """Take back one `open` in this loop; the last one closes the loop's connections."""

    async def close(self) -> None:
        """Allow no requests, and close the connections of this loop. Safe to call twice."""

    async def enqueue(self, job: NewJob) -> str | None:
        """Enqueue a job and return the name of its queue, None where that is not known.

        Raises:
            JobExists: The id that the caller chose is taken.
        """

    async def enqueue_many(self, jobs: Sequence[NewJob]) -> Sequence[str | JobgateError | None]:
        """Enqueue jobs; return in order what `enqueue` returns, or the error that it would raise."""

    async def call(self, job: NewJob, timeout: float | None) -> JobEnd:
        """Enqueue a job and wait for its end.

        Raises:
            ResultTimeout: It was enqueued and has not ended in time.
        """

    async def info(self, job_id: str, queue: str | None) -> JobInfo:
        """Return what is known of a job.

        Args:
            job_id: Id of the job.
            queue: Where it may be, for transports that cannot find out.

        Raises:
            JobNotFound: There is no such job.
        """

    async def wait(self, job_id: str, queue: str | None, timeout: float | None) -> JobEnd:
        """Wait for the end of a job.

        Raises:
            JobNotFound: There is no such job.
            ResultTimeout: It has not ended in time.
        """

    async def abort(self, job_id: str, queue: str | None, timeout: float | None) -> bool:
        """Ask a job to stop and wait for its end; return whether it ended as aborted.

        Raises:
            JobNotFound: There is no such job.
            ResultTimeout: It has not stopped in time.
        """

    def events(self, job_id: str, queue: str | None) -> AsyncGenerator[JobEvent, None]:
        """Yield the states of a job, the current one first, until it has ended.

        Raises:
            JobNotFound: There is no such job, or none any more.
        """

    async def retry(self, job_id: str, queue: str | None) -> tuple[str, str | None]:
        """Run a finished job again; return id and queue of the new job, the same if it was retried before.

        Raises:
            JobNotFound: There is no such job.
            NotFinished: It has not ended.
            ArgumentsGone: Its arguments are gone.
        """

    def feed(self, queue: str | None, function: str | None) -> AsyncGenerator[QueueEvent, None]:
        """Yield what happens to all jobs, or to those of one queue or function; it has no end."""
