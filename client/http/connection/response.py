"""HTTP responses of the gateway, and what the client reads out of them."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from jobgate.client.errors import UnexpectedAnswer
from jobgate.client.info import ErrorInfo, JobInfo, JobProgress, JobStatus, TryInfo
from jobgate.client.transport import JobEnd
from jobgate.client.values import checked

#: orjson reads such integers as floats. Functions may return them where results are pickled.
_BEYOND_64_BITS = re.compile(rb"[0-9]{19}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]*)?")
#: Times of a job, under the same names in the HTTP API and in JobInfo.
_TIMES = ("enqueue_time", "due_time", "start_time", "finish_time")


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the JSON object in the body; raise UnexpectedAnswer if there is none."""
        try:
            exact = _BEYOND_64_BITS.search(self.body) is None
            document = orjson.loads(self.body) if exact else json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise unexpected(self) from error
        if not isinstance(document, dict):
            raise unexpected(self)
        return document

    def seconds(self, header: str) -> float | None:
        """Return the seconds in a header; None if it is missing or not a number, such as a date."""
        try:
            return max(0.0, float(self.headers.get(header, "")))
        except ValueError:
            return None

    def applied_wait(self) -> float | None:
        """Return the seconds that the gateway was willing to wait (`Preference-Applied`, RFC 7240)."""
        for preference in self.headers.get("Preference-Applied", "").split(","):
            name, _, value = preference.strip().partition("=")
            if name == "wait" and _NUMBER.fullmatch(value.strip('"')):
                return float(value.strip('"'))
        return None


def unexpected(response: Response) -> UnexpectedAnswer:
    """Return the error for a response that no gateway of jobgate would send."""
    kind = response.headers.get("Content-Type", "no content type")
    return UnexpectedAnswer(
        f"the answer {response.status} ({kind}) is not jobgate's: check the URL, and the proxies on the way"
    )


def queue_of(job: Any, job_id: str) -> str | None:
    """Return the queue of a job that was enqueued, None if the answer does not name it.

    Args:
        job: The job in the answer.
        job_id: The id that it must have: another server, or a cache, may answer as well.

    Raises:
        UnexpectedAnswer: It is not this job, so that nothing says that this one was enqueued.
    """
    require_same(job, job_id)
    return queue_in(job)


def queue_in(job: Any) -> str | None:
    """Return the queue that a job in an answer names, None if it names none."""
    queue = job.get("queue") if isinstance(job, dict) else None
    return queue if isinstance(queue, str) else None


def require_same(found: Any, job_id: str) -> None:
    """Raise UnexpectedAnswer if a job or an outcome in an answer is not that of this id."""
    if not isinstance(found, dict) or found.get("job_id") != job_id:
        raise UnexpectedAnswer(
            f"the answer is not about job {job_id}: check the URL, and the proxies on the way"
        )


@contextmanager
def described(response: Response) -> Iterator[dict[str, Any]]:
    """Yield the JSON object in the body; raise UnexpectedAnswer if the block finds something else there."""
    document = response.document()
    try:
        yield document
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        raise unexpected(response) from error


def job_info(response: Response) -> JobInfo:
    """Return the job that the response describes."""
    with described(response) as job:
        return read_job(job)


def read_job(job: Mapping[str, Any]) -> JobInfo:
    """Return a job from its JSON; members of later releases are ignored."""
    times = {name: time_in(job, name) for name in _TIMES}
    info = JobInfo(
        job_id=job["job_id"],
        function=job["function"],
        queue=job["queue"],
        status=JobStatus(job["status"]),
        success=job.get("success"),
        error=_error(job.get("error")),
        tries=job.get("try") or 0,
        worker=job.get("worker"),
        progress=_progress(job.get("progress")),
        retry_of=job.get("retry_of"),
        retried_as=job.get("retried_as"),
        earlier_tries=tuple(map(_try, job.get("earlier_tries") or ())),
        **times,
    )
    return checked(info)


def _try(one: Mapping[str, Any]) -> TryInfo:
    info = TryInfo(
        number=one["try"],
        start_time=time_in(one, "start_time"),
        end_time=time_in(one, "end_time"),
        worker=one["worker"],
        error=_error(one["error"]),
        lost=one["lost"],
    )
    return checked(info)


def time_in(document: Mapping[str, Any], name: str) -> datetime | None:
    """Return a time of a JSON object; None if it is null or missing."""
    text = document.get(name)
    return None if text is None else datetime.fromisoformat(text)


def _progress(progress: Mapping[str, Any] | None) -> JobProgress | None:
    if progress is None:
        return None
    time = datetime.fromisoformat(progress["time"])
    return checked(JobProgress(fraction=progress["fraction"], message=progress["message"], time=time))


def _error(error: Mapping[str, Any] | None) -> ErrorInfo | None:
    if error is None:
        return None
    return checked(ErrorInfo(type=error["type"], message=error["message"], code=error["code"]))


def job_end(response: Response, job_id: str) -> JobEnd:
    """Return how the job with this id ended."""
    document = response.document()
    require_same(document, job_id)
    if document.get("success") is True:
        return JobEnd(success=True, result=document.get("result"))
    error = document.get("error")
    if document.get("success") is not False or not isinstance(error, dict):
        raise unexpected(response)
    return JobEnd(
        success=False,
        type=str(error.get("type", "Error")),
        message=str(error.get("message", "")),
        code=str(error.get("code", "error")),
    )
