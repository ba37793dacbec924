"""Requests as JSON bytes, and what in them JSON cannot say."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import orjson

from jobgate.client.errors import ArgumentError, InvalidArguments
from jobgate.client.requests import JobRequest, Options


def encode(request: JobRequest) -> bytes:
    """Return the body of the enqueue request (http-api.md, "Enqueue").

    orjson writes dataclasses, datetimes, UUIDs and enums too; tuples become arrays.

    Raises:
        InvalidArguments: An argument that JSON cannot carry, such as a set, a NaN or a huge integer.
    """
    body = {"args": list(request.args), "kwargs": dict(request.kwargs), "job_id": request.job_id}
    body.update(_members(request.options))
    try:
        encoded = orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidArguments(f"an argument of {request.function!r} is not for JSON: {error}") from None
    # orjson writes NaN and infinities as null without a word; only bodies with a null need the careful look.
    if b"null" in encoded:
        _refuse_lost_floats(request)
    return encoded


def _members(options: Options) -> Mapping[str, Any]:
    members = {
        "queue": options.queue,
        "defer_by": options.defer_by,
        "defer_until": options.defer_until,
        "expires": options.expires,
        "timeout": options.run_timeout,
        "max_tries": options.max_tries,
        "keep_result": options.keep_result,
    }
    return {name: value for name, value in members.items() if value is not None}


def _refuse_lost_floats(request: JobRequest) -> None:
    lost = [*_lost_floats(request.args, "#/args"), *_lost_floats(request.kwargs, "#/kwargs")]
    if lost:
        errors = [ArgumentError(pointer, "NaN and infinities do not exist in JSON") for pointer in lost]
        raise InvalidArguments(f"an argument of {request.function!r} is NaN or infinite", errors=errors)


def _lost_floats(value: object, pointer: str) -> Iterator[str]:
    """Yield the JSON pointer of each float that JSON cannot say."""
    if isinstance(value, float):
        if not isfinite(value):
            yield pointer
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _lost_floats(member, f"{pointer}/{_escaped(str(name))}")
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from _lost_floats(member, f"{pointer}/{index}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
