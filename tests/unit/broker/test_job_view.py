"""What a view says of a job, from its body and its result."""

import dataclasses

import pytest

from jobgate.broker import JobBody, JobOptions, JobResult, JobStatus, JobView

BODY = JobBody(function="send", args=(), kwargs={}, enqueue_time_ms=5, options=JobOptions(owner="crm"))
RESULT = JobResult(
    job_id="j", function="send", args=(), kwargs={}, tries=1, success=True, enqueue_time_ms=5,
    start_time_ms=6, finish_time_ms=7, queue="arq:queue", options=JobOptions(owner="shop"),
)  # fmt: skip
WITHOUT_JOB = dataclasses.replace(
    RESULT, function="<unknown>", enqueue_time_ms=0, success=False, options=JobOptions()
)


@pytest.mark.parametrize(
    ("body", "result", "function", "owner"),
    [
        (BODY, None, "send", "crm"),
        (BODY, RESULT, "send", "shop"),
        (None, RESULT, "send", "shop"),
        (None, None, None, None),
        # The result may be that of an earlier job of this id: the owner of the body must not see it.
        (BODY, WITHOUT_JOB, "send", None),
    ],
)
def test_function_and_owner(
    body: JobBody | None, result: JobResult | None, function: str | None, owner: str | None
) -> None:
    status = JobStatus.COMPLETE if result else JobStatus.QUEUED
    view = JobView(job_id="j", status=status, queue=None, body=body, result=result, tries=0, due_time_ms=None)
    assert (view.function, view.owner) == (function, owner)
