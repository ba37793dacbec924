"""The body of an enqueue request."""

from dataclasses import fields
from typing import Any

import orjson

from jobgate.client.errors import InvalidArguments
from jobgate.client.requests import NewJob, Options
from jobgate.client.values import JSON, one_step

#: Seconds; a result that is kept for less may have expired before a lost response is noticed.
SHORT_KEEP = 60.0


def encode(job: NewJob) -> bytes:
    """Return the JSON body of an enqueue request.

    Raises:
        InvalidArguments: An argument cannot be made plain data, such as a NaN or a huge integer.
    """
    options = {name: getattr(job.options, name) for name in _NAMES}
    body: dict[str, Any] = {"args": list(job.args), "kwargs": dict(job.kwargs), "job_id": job.job_id}
    body |= {name: value for name, value in options.items() if value is not None}
    try:
        encoded = orjson.dumps(body, default=one_step, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError:
        return _encode_slowly(job, body)
    # orjson writes NaN and infinities as null: only a body with a null needs the slow check.
    return _encode_slowly(job, body) if b"null" in encoded else encoded


def needs_idempotency_key(job: NewJob) -> bool:
    """Whether the id alone cannot distinguish a retry from a request for another job, or one now gone."""
    keep = job.options.keep_result
    return not job.owns_id or (keep is not None and keep < SHORT_KEEP)


#: The gateway has the same names for options.
_NAMES = tuple(field.name for field in fields(Options))


def _encode_slowly(job: NewJob, body: dict[str, Any]) -> bytes:
    """Encode the body after a look at each value: it finds what orjson refuses, and names it."""
    body["args"], body["kwargs"] = JSON.of(job.function, job.args, job.kwargs)
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidArguments(f"JSON cannot express an argument of {job.function!r}: {error}") from None
