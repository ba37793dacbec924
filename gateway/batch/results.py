"""What a batch answers for each of its jobs: the status of a single request, with the job or a problem."""

from typing import Any

from jobgate.broker import Enqueued, JobRequest
from jobgate.gateway.context import Call
from jobgate.gateway.handlers import new_job
from jobgate.gateway.http import Problem

Result = dict[str, Any]


def enqueued_result(request: JobRequest, enqueued: Enqueued) -> Result:
    """Return the result of a job that was just enqueued."""
    return {"status": 202, "job": new_job(request, enqueued)}


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
    return {"status": problem.kind.status, "problem": document}
