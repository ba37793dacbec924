"""The result of the job of a bulk operation."""

from typing import Any

from jobgate.client.errors import UnexpectedAnswer
from jobgate.client.operate.records import BulkError, BulkResult
from jobgate.client.values import checked


def bulk_result(result: Any) -> BulkResult:
    """Return what an operation has done, from the result of its job.

    Raises:
        UnexpectedAnswer: It is the result of another job.
    """
    try:
        read = BulkResult(
            matched=result["matched"],
            done=result["retried"] if "retried" in result else result["aborted"],
            skipped=result["skipped"],
            errors=tuple(
                checked(BulkError(job_id=one["job_id"], detail=one["detail"])) for one in result["errors"]
            ),
            limit_reached=result["limit_reached"],
        )
        return checked(read)
    except (KeyError, TypeError):
        raise UnexpectedAnswer("the result is not that of a bulk operation") from None
