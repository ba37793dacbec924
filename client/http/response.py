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
from jobgate.client.info import JobInfo, JobProgress, JobStatus
from jobgate.client.transport import JobEnd

#: orjson reads such integers as floats. Functions may return them where results are pickled.
_BEYOND_64_BITS = re.compile(rb"[0-9]{19}")
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
        except ValueError as error:
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
            if name == "wait" and value.strip('"').replace(".", "", 1).isdigit():
                return float(value.strip('"'))
        return None


def unexpected(response: Response) -> UnexpectedAnswer:
    """Return the error for a response that no gateway of jobgate would send."""
    kind = response.headers.get("Content-Type", "no content type")
    return UnexpectedAnswer(
        f"the answer {response.status} ({kind}) is not jobgate's: check the URL, and the proxies on the way"
    )


def queue_of(response: Response) -> str | None:
    """Return the queue that the response to an enqueue names, None if it names none."""
    document = response.document()
    job = document.get("job", document)
    queue = job.get("queue") if isinstance(job, dict) else None
    return queue if isinstance(queue, str) else None


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
    return JobInfo(
        job_id=job["job_id"],
        function=job["function"],
        queue=job["queue"],
        status=JobStatus(job["status"]),
        success=job.get("success"),
        code=job.get("code"),
        tries=job.get("try") or 0,
        worker=job.get("worker"),
        progress=_progress(job.get("progress")),
        retry_of=job.get("retry_of"),
        retried_as=job.get("retried_as"),
        **times,
    )


def time_in(document: Mapping[str, Any], name: str) -> datetime | None:
    """Return a time of a JSON object; None if it is null or missing."""
    text = document.get(name)
    return None if text is None else datetime.fromisoformat(text)


def _progress(progress: Mapping[str, Any] | None) -> JobProgress | None:
    if progress is None:
        return None
    time = datetime.fromisoformat(progress["time"])
    return JobProgress(fraction=progress["fraction"], message=progress["message"], time=time)


def job_end(response: Response) -> JobEnd:
    """Return how the job ended."""
    document = response.document()
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
