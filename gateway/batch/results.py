"""What a batch answers for each of its jobs: the status of a single request, with the job or a problem."""

from functools import lru_cache
from typing import Any

import orjson

from jobgate.broker import Enqueued, JobRequest, JobStatus
from jobgate.gateway.context import Call
from jobgate.gateway.http import Problem
from jobgate.gateway.jobs import job_of_enqueued, moment, status_of_new

#: A result as JSON.
Result = bytes

#: They stand in a form for what differs from job to job; no name of a function or a queue contains them.
_ID, _ENQUEUED, _DUE = "\x01", "\x02", "\x03"


def enqueued_result(request: JobRequest, enqueued: Enqueued) -> Result:
    """Return the result of a job that was just enqueued.

    Only the id and the times differ between most jobs of a batch: all else is made once.
    """
    form = _form(request.function, enqueued.queue, status_of_new(request, enqueued))
    times = _moment(enqueued.enqueue_time_ms), _moment(enqueued.due_time_ms)
    return form % (enqueued.job_id.encode(), *times)


@lru_cache(maxsize=256)
def _form(function: str, queue: str, status: JobStatus) -> bytes:
    sample = Enqueued(job_id=_ID, queue=queue, created=True, enqueue_time_ms=0, due_time_ms=0)
    job = job_of_enqueued(function, sample, status) | {"enqueue_time": _ENQUEUED, "due_time": _DUE}
    form = orjson.dumps({"status": 202, "job": job}).replace(b"%", b"%%")
    for mark, place in ((_ID, b'"%b"'), (_ENQUEUED, b"%b"), (_DUE, b"%b")):
        form = form.replace(orjson.dumps(mark), place)
    return form


@lru_cache(maxsize=256)
def _moment(unix_ms: int) -> bytes:
    return orjson.dumps(moment(unix_ms))


def replayed_result(job: dict[str, Any]) -> Result:
    """Return the result of a job that an earlier, equal request made."""
    return orjson.dumps({"status": 202, "replayed": True, "job": job})


def problem_result(call: Call, problem: Problem, **members: Any) -> Result:
    """Return the result of a job that was not enqueued, or perhaps was.

    Args:
        call: The request of the whole batch, whose id is that of all its problems.
        problem: What is wrong.
        members: Further members of the problem.
    """
    document = problem.document(call.request_id) | members
    if (pause := problem.headers.get("Retry-After")) is not None:
        document["retry_after"] = int(pause)
    return orjson.dumps({"status": problem.kind.status, "problem": document})
