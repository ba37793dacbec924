"""The single jobs of a batch: what each of them asks for, or what is wrong with it."""

import re
from typing import Any, Final

from jobgate.broker import JobRequest
from jobgate.gateway.context import Call
from jobgate.gateway.functions import function_name
from jobgate.gateway.http import Line, Problem, field_errors, read_json
from jobgate.gateway.jobs import request_of

#: A job that may be enqueued, or why it may not.
Item = JobRequest | Problem

#: As the value of a header, which has no spaces around it.
_KEY: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


def item_of(call: Call, document: Any) -> Item:
    """Return the job that a member of an array describes."""
    try:
        return _request(call, document)
    except Problem as problem:
        return problem


def item_of_line(call: Call, line: Line) -> Item:
    """Return the job that a line describes."""
    try:
        if line is None:
            limit = call.max_body
            raise Problem("body-too-large", f"A line may have at most {limit} bytes.")
        return _request(call, read_json(line))
    except Problem as problem:
        return problem


def _request(call: Call, document: Any) -> JobRequest:
    if not isinstance(document, dict):
        detail = "It must be an object with function, args, kwargs and options."
        raise field_errors("invalid-request", [("#", detail)])
    function, key = document.pop("function", None), document.pop("idempotency_key", None)
    if not isinstance(function, str):
        raise field_errors("invalid-request", [("#/function", "It must be the name of a function.")])
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        detail = "It must be 1 to 255 printable ASCII characters, with no space at its ends."
        raise field_errors("invalid-request", [("#/idempotency_key", detail)])
    call.caller.require_function(function_name(function))
    return request_of(call, function, document, key)
