"""The seam between the client and what carries its requests: HTTP or Redis."""

from dataclasses import dataclass
from typing import Any, Protocol

from jobgate.client.errors import InvalidArguments, JobAborted, JobFailed, JobgateError, UnknownFunction
from jobgate.client.info import JobInfo
from jobgate.client.requests import JobRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a job ended."""

    success: bool
    #: The return value when `success`.
    result: Any = None
    #: Else the failure: the exception's class name, its message and the failure code.
    type: str = ""
    message: str = ""
    code: str = "error"
    #: The function's own exception, where it travelled (pickle only).
    exception: BaseException | None = None

    def value(self) -> Any:
        """Return the result, or raise what the job failed with.

        Raises:
            JobAborted: It was stopped on request.
            UnknownFunction: The worker that took it does not have the function.
            InvalidArguments: They do not fit the function.
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
        """True when it ended because somebody asked to stop it."""
        return not self.success and self.code == "aborted"


class Transport(Protocol):
    """What a client needs of its other side. Every method raises JobgateError and nothing else.

    Timeouts are seconds that the caller is willing to wait, None = for ever.
    """

    async def open(self) -> None:
        """Take what is needed to talk. Called once."""

    async def close(self) -> None:
        """Give it back; calling again does nothing."""

    async def enqueue(self, request: JobRequest) -> str | None:
        """Enqueue and return the name of the queue, None where it is not known.

        Raises:
            JobExists: The caller's own id is taken.
        """

    async def call(self, request: JobRequest, timeout: float | None) -> Outcome:
        """Enqueue and wait for the end.

        Raises:
            ResultTimeout: It was enqueued and did not end in time.
        """

    async def info(self, job_id: str, queue: str | None) -> JobInfo:
        """Look at a job; `queue` is where it may be, for transports that cannot know.

        Raises:
            JobNotFound: There is none.
        """

    async def wait(self, job_id: str, queue: str | None, timeout: float | None) -> Outcome:
        """Wait for the end of a job.

        Raises:
            JobNotFound: There is none.
            ResultTimeout: It did not end in time.
        """

    async def abort(self, job_id: str, queue: str | None, timeout: float | None) -> bool:
        """Ask a job to stop; answer True when it ended so, False when it ended otherwise.

        Raises:
            JobNotFound: There is none.
            ResultTimeout: It still stops.
        """
