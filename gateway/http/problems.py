"""Errors as callers see them: RFC 9457 problem details, and the table of all codes with their statuses.

A module raises `Problem` with a code, and the door answers with it. Retryable problems get `Retry-After`
here; the answer for an unfinished job gets it in jobs/result.py. 422 is raised by strict_json.py (JSON
that cannot be stored), jobs/job_request.py (members and options of the body, `Idempotency-Key`),
functions/names.py (a function's name), arguments/argument_check.py (arguments), query.py (parameters and
waits), jobs/broker_problems.py (what the broker refuses), jobs/enqueue.py and job_list.py (a queue
whose key holds another type of value).
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What problems with the same code have in common."""

    status: int
    title: str
    #: The same request may succeed later.
    retryable: bool = False
    #: The connection cannot be used afterwards.
    closes: bool = False


#: All problems, by code. `openapi.yaml` lists the same codes.
KINDS = {
    "malformed-request": ProblemKind(400, "The request is not valid HTTP", closes=True),
    "malformed-json": ProblemKind(400, "The body is not valid JSON"),
    "unauthorized": ProblemKind(401, "A valid API key is needed"),
    "forbidden": ProblemKind(403, "The key does not allow this"),
    "cross-site": ProblemKind(403, "Cross-site requests are refused"),
    "not-found": ProblemKind(404, "There is nothing at this path"),
    "job-not-found": ProblemKind(404, "No such job"),
    "data-set-changed": ProblemKind(404, "Redis has lost its data, including this job"),
    "worker-not-found": ProblemKind(404, "No such live worker"),
    "unknown-function": ProblemKind(404, "No live worker offers this function"),
    "method-not-allowed": ProblemKind(405, "The path does not support this method"),
    "body-timeout": ProblemKind(408, "The body arrived too slowly", retryable=True, closes=True),
    "job-exists": ProblemKind(409, "The job id is in use"),
    "already-finished": ProblemKind(409, "The job has already finished"),
    "not-finished": ProblemKind(409, "The job has not finished"),
    "result-not-kept": ProblemKind(410, "The job has finished and its result was not kept"),
    "unreadable-result": ProblemKind(410, "The job has finished and its result cannot be shown"),
    "arguments-gone": ProblemKind(410, "The job has finished and its arguments are gone"),
    "body-too-large": ProblemKind(413, "The body is too large", closes=True),
    "url-too-long": ProblemKind(414, "The URL is too long", closes=True),
    "unsupported-media-type": ProblemKind(415, "The body must be JSON in UTF-8, not compressed"),
    "expectation-failed": ProblemKind(417, "The only supported expectation is 100-continue", closes=True),
    "misdirected": ProblemKind(421, "This gateway does not serve that host"),
    "invalid-request": ProblemKind(422, "The request does not have the right shape"),
    "invalid-json": ProblemKind(422, "The JSON cannot be stored exactly"),
    "invalid-arguments": ProblemKind(422, "The arguments are not accepted"),
    "idempotency-key-reused": ProblemKind(422, "The idempotency key was used for another request"),
    "too-many-bad-keys": ProblemKind(429, "Too many wrong keys came from this address", retryable=True),
    "rate-limited": ProblemKind(429, "The key enqueues more jobs a second than it may", retryable=True),
    "too-many-pending": ProblemKind(429, "The key has too many unfinished jobs", retryable=True),
    "too-many-waits": ProblemKind(429, "Too many requests are waiting", retryable=True),
    "too-many-streams": ProblemKind(429, "Too many event streams are open", retryable=True),
    "header-too-large": ProblemKind(431, "The headers are too large", closes=True),
    "internal-error": ProblemKind(500, "The gateway failed"),
    "unavailable": ProblemKind(503, "Redis is not available", retryable=True),
    "outcome-unknown": ProblemKind(503, "It is not known whether the request took effect", retryable=True),
    "queue-full": ProblemKind(503, "Redis has no room for more jobs", retryable=True),
    "misconfigured": ProblemKind(503, "The gateway cannot use its Redis"),
    "answers-unread": ProblemKind(503, "Too many large answers are being sent", retryable=True),
    "no-worker": ProblemKind(503, "No live worker offers this function", retryable=True),
    "keys-unavailable": ProblemKind(503, "The gateway cannot check keys at the moment", retryable=True),
    "shutting-down": ProblemKind(503, "The gateway is shutting down", retryable=True),
    "not-ready": ProblemKind(503, "The gateway is not ready", retryable=True),
    "http-version": ProblemKind(505, "Only HTTP/1.0 and HTTP/1.1 are supported", closes=True),
}


#: Seconds after which a request that failed for a transient reason may be retried.
_RETRY_AFTER = "1"


class Problem(Exception):
    """A request that cannot be served; it is answered as `application/problem+json`.

    Args:
        code: One of `KINDS`.
        detail: One sentence for the caller, without unchecked input, text of Redis, or paths.
        headers: Further headers; `Retry-After` is added for what is retryable on the same connection.
        members: Further members of the JSON document.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        headers: dict[str, str] | None = None,
        members: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.kind = kind = KINDS[code]
        self.detail = detail
        self.headers = headers or {}
        if kind.retryable and not kind.closes:
            self.headers = {"Retry-After": _RETRY_AFTER, **self.headers}
        self.members = members

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the JSON document of RFC 9457."""
        kind = self.kind
        document: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail or f"{kind.title}.",
            "instance": request_id,
            "code": self.code,
            "retryable": kind.retryable,
        }
        return document | self.members if self.members else document


def field_errors(code: str, errors: list[tuple[str, str]]) -> Problem:
    """Return a problem with a list of `(pointer, what is wrong)`; `#/…` is in the body, `?…` in the query."""
    listed = [{"pointer": pointer, "detail": detail} for pointer, detail in errors]
    pointer, detail = errors[0]
    more = f" ({len(errors) - 1} more in errors.)" if len(errors) > 1 else ""
    text = f"{pointer.removeprefix('#/') or 'The body'}: {detail}{more}"
    return Problem(code, text, members={"errors": listed})
