"""Turns the JSON of a request into the broker's `JobRequest`: a 422 lists all errors at once."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import orjson

from jobgate.broker import (
    MOST_MISFITS,
    OPTION_FORMS,
    CallerLimits,
    IdempotencyKey,
    JobOptions,
    JobRequest,
    OptionForm,
    OptionKind,
    did_you_mean,
)
from jobgate.gateway.arguments import json_pointer
from jobgate.gateway.functions import QueueNames, why_not_new_id
from jobgate.gateway.http import Problem, field_errors, moment_ms, why_not_moment

#: Longest duration of an option, in seconds: ten years.
MAX_SECONDS = 315_360_000
MAX_TRIES = 1000

_ARGUMENTS = frozenset({"args", "kwargs"})
#: The options that are stored with the job as one record.
_OPTIONS = {name: form for name, form in OPTION_FORMS.items() if form.in_http}
_COUNTS = [name for name, form in _OPTIONS.items() if form.kind is OptionKind.COUNT]
_NO_SUCH_MEMBER = "No such member: arguments go into args and kwargs."
_KEY_IS_ELSEWHERE = (
    "No such member: a single job has the header Idempotency-Key, "
    "a job of a batch the member idempotency_key."
)

Errors = list[tuple[str, str]]


def job_request(
    function: str,
    document: Any,
    queues: QueueNames,
    *,
    job_id: str | None = None,
    owner: str | None = None,
    limits: CallerLimits | None = None,
    idempotency_key: str | None = None,
    waits: bool = False,
) -> JobRequest:
    """Return the job that a `POST /jobs/{function}` asks for.

    Args:
        function: Name of the function.
        document: The parsed body. Options are never mixed with arguments, so an unknown member is an error.
        queues: The queues that it may name.
        job_id: The id of a job that names none. It is made by the gateway, not by the broker, so that a
            request whose outcome is unknown can be repeated with the same id.
        owner: Name of the caller.
        limits: The limits of its key.
        idempotency_key: The `Idempotency-Key` header.
        waits: Whether the caller waits for the outcome.

    Raises:
        Problem: 422 with all errors.
    """
    if not isinstance(document, dict):
        raise field_errors("invalid-request", [("#", "It must be an object with args, kwargs and options.")])
    errors: Errors = []
    args, kwargs = _arguments(document, errors)
    given, options = ({}, {}) if document.keys() <= _ARGUMENTS else _given(document, queues, errors)
    if errors:
        raise field_errors("invalid-request", errors)
    if "job_id" not in given:
        given["job_id"], given["id_is_made"] = job_id, True
    if idempotency_key is not None:
        given["idempotency"] = idempotency(idempotency_key, owner, function, document)
    queue = options.pop("queue", queues.default)
    asked = JobOptions(queue, owner=owner, wants_outcome=waits, **options)
    return JobRequest(function=function, args=args, kwargs=kwargs, options=asked, limits=limits, **given)


def _arguments(document: dict[str, Any], errors: Errors) -> tuple[list[Any], dict[str, Any]]:
    args = document.get("args", [])
    kwargs = document.get("kwargs", {})
    if not isinstance(args, list):
        errors.append(("#/args", "It must be an array."))
    if not isinstance(kwargs, dict):
        errors.append(("#/kwargs", "It must be an object."))
    return args, kwargs


def _given(
    document: dict[str, Any], queues: QueueNames, errors: Errors
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what else the body gives: fields of `JobRequest`, and those of `JobOptions`."""
    given: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for name, value in document.items():
        if len(errors) >= MOST_MISFITS:
            break
        if name in _ARGUMENTS:
            continue
        if name not in _MEMBERS:
            errors.append((json_pointer((name,)), _no_such_member(name)))
        elif value is not None:
            wrong = (
                queues.why_not(value) if name == "queue" and isinstance(value, str) else _CHECKS[name](value)
            )
            if wrong:
                errors.append((f"#/{name}", wrong))
            elif name in _OPTIONS:
                options[name] = int(value) if name in _COUNTS else value
            else:
                given[name] = value
    errors.sort()
    if (until := given.pop("defer_until", None)) is not None:
        if "defer_by" in given:
            errors.append(("#/defer_until", "Give defer_by or defer_until, not both."))
        given["defer_until_ms"] = moment_ms(until)
    return given, options


def _no_such_member(name: str) -> str:
    if re.sub("[-_ ]", "", name).lower() == "idempotencykey":
        return _KEY_IS_ELSEWHERE
    hint = did_you_mean(name, sorted(_MEMBERS))
    return f"No such member{hint} Arguments go into args and kwargs." if hint else _NO_SUCH_MEMBER


def _seconds(low: float) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and low <= value <= MAX_SECONDS:
            return None
        return f"It must be a number of seconds from {low:g} to {MAX_SECONDS}."

    return check


def _tries(value: Any) -> str | None:
    # JSON has one type of number: 3.0 is an integer.
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 1 <= value <= MAX_TRIES
        and value % 1 == 0
    ):
        return None
    return f"It must be an integer from 1 to {MAX_TRIES}."


def _moment(value: Any) -> str | None:
    return why_not_moment(value if isinstance(value, str) else "")


def _id(value: Any) -> str | None:
    return why_not_new_id(value) if isinstance(value, str) else "It must be a string."


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "It must be a string."


def _check_of(form: OptionForm) -> Callable[[Any], str | None]:
    if form.kind is OptionKind.SECONDS:
        return _seconds(form.least)
    return {OptionKind.TEXT: _text, OptionKind.COUNT: _tries}[form.kind]  # no flag is given over HTTP


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "job_id": _id,
    "defer_by": _seconds(0),
    "defer_until": _moment,
    "expires": _seconds(0.001),
    **{name: _check_of(form) for name, form in _OPTIONS.items()},
}
_MEMBERS = _ARGUMENTS | _CHECKS.keys()


def idempotency(key: str, owner: str | None, function: str, document: dict[str, Any]) -> IdempotencyKey:
    """Return the key as the broker stores it. The caller is part of the digest: two callers share no key."""
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Problem("invalid-request", "An Idempotency-Key must be 1 to 255 printable ASCII characters.")
    # Without the id: a request whose outcome is unknown is repeated with the id from the answer.
    content = {name: value for name, value in document.items() if name != "job_id"}
    request = orjson.dumps([function, content], option=orjson.OPT_SORT_KEYS)
    return IdempotencyKey(
        digest=hashlib.sha256(f"{owner or ''}\n{key}".encode()).hexdigest(),
        request_digest=hashlib.sha256(request).hexdigest(),
        job_id=document.get("job_id"),
    )
