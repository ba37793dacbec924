"""What the gateway answers, read: jobs, outcomes and problems (http-api.md)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from jobgate.client.errors import UnexpectedAnswer
from jobgate.client.info import JobInfo, JobProgress, JobStatus
from jobgate.client.transport import Outcome

#: orjson reads such integers as floats, without a word; functions may return them where bodies are pickled.
_BEYOND_64_BITS = re.compile(rb"[0-9]{19}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> dict[str, Any]:
        """Return the body, a JSON object; raises UnexpectedAnswer when it is none."""
        try:
            exact = _BEYOND_64_BITS.search(self.body) is None
            document = orjson.loads(self.body) if exact else json.loads(self.body)
        except ValueError as error:
            raise unexpected(self) from error
        if not isinstance(document, dict):
            raise unexpected(self)
        return document

    def seconds(self, header: str) -> float | None:
        """Return a header's number of seconds; None where there is none, or a date."""
        try:
            return max(0.0, float(self.headers.get(header, "")))
        except ValueError:
            return None

    def applied_wait(self) -> float | None:
        """Return how long the gateway was willing to wait (`Preference-Applied`, RFC 7240)."""
        for preference in self.headers.get("Preference-Applied", "").split(","):
            name, _, value = preference.strip().partition("=")
            if name == "wait" and value.strip('"').replace(".", "", 1).isdigit():
                return float(value.strip('"'))
        return None


def unexpected(answer: Answer) -> UnexpectedAnswer:
    """Describe an answer that jobgate's gateway would not give."""
    kind = answer.headers.get("Content-Type", "no content type")
    return UnexpectedAnswer(
        f"the answer {answer.status} ({kind}) is not jobgate's: check the URL and what stands between"
    )


def queue_of(answer: Answer) -> str | None:
    """Return the queue in an answer to an enqueue, None where it names none."""
    document = answer.document()
    job = document.get("job", document)
    queue = job.get("queue") if isinstance(job, dict) else None
    return queue if isinstance(queue, str) else None


def job_info(answer: Answer) -> JobInfo:
    """Read a job."""
    job = answer.document()
    try:
        return JobInfo(
            job_id=job["job_id"],
            function=job["function"],
            queue=job["queue"],
            status=JobStatus(job["status"]),
            success=job.get("success"),
            tries=job.get("try") or 0,
            enqueue_time=_time(job, "enqueue_time"),
            due_time=_time(job, "due_time"),
            start_time=_time(job, "start_time"),
            finish_time=_time(job, "finish_time"),
            worker=job.get("worker"),
            progress=_progress(job.get("progress")),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise unexpected(answer) from error


def _progress(progress: Mapping[str, Any] | None) -> JobProgress | None:
    if progress is None:
        return None
    time = datetime.fromisoformat(progress["time"])
    return JobProgress(fraction=progress["fraction"], message=progress["message"], time=time)


def _time(job: Mapping[str, Any], name: str) -> datetime | None:
    text = job.get(name)
    return None if text is None else datetime.fromisoformat(text)


def outcome(answer: Answer) -> Outcome:
    """Read how a job ended."""
    document = answer.document()
    if document.get("success") is True:
        return Outcome(success=True, result=document.get("result"))
    error = document.get("error")
    if document.get("success") is not False or not isinstance(error, dict):
        raise unexpected(answer)
    return Outcome(
        success=False,
        type=str(error.get("type", "Error")),
        message=str(error.get("message", "")),
        code=str(error.get("code", "error")),
    )
