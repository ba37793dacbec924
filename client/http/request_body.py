"""The body of an enqueue request, and the check that JSON can express its arguments."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from math import isfinite

import orjson

from jobgate.client.errors import ArgumentError, InvalidArguments
from jobgate.client.requests import NewJob, Options


def encode(job: NewJob) -> bytes:
    """Return the JSON body of an enqueue request.

    Dataclasses, datetimes, UUIDs and enums are written as orjson writes them, tuples as arrays.

    Raises:
        InvalidArguments: JSON cannot express an argument, such as a set, a NaN or a huge integer.
    """
    options = {name: getattr(job.options, name) for name in _NAMES}
    given = {name: value for name, value in options.items() if value is not None}
    body = {"args": list(job.args), "kwargs": dict(job.kwargs), "job_id": job.job_id, **given}
    try:
        encoded = orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise InvalidArguments(f"JSON cannot express an argument of {job.function!r}: {error}") from None
    # orjson writes NaN and infinities as null: only a body with a null needs the slow check.
    if b"null" in encoded:
        lost = [*_lost_floats(job.args, "#/args"), *_lost_floats(job.kwargs, "#/kwargs")]
        errors = [ArgumentError(pointer, "NaN and infinities do not exist in JSON") for pointer in lost]
        if errors:
            raise InvalidArguments(f"an argument of {job.function!r} is NaN or infinite", errors=errors)
    return encoded


#: The gateway has the same names for options.
_NAMES = tuple(field.name for field in fields(Options))


def _lost_floats(value: object, pointer: str) -> Iterator[str]:
    """Yield the JSON pointer of each float that JSON cannot express."""
    if isinstance(value, float):
        if not isfinite(value):
            yield pointer
    elif isinstance(value, Mapping):
        for name, member in value.items():
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _lost_floats(member, f"{pointer}/{escaped}")
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from _lost_floats(member, f"{pointer}/{index}")
