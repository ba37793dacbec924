"""From a request's JSON to the broker's `JobRequest`: every member checked, all errors told at once."""

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from jobgate.broker import IdempotencyKey, JobRequest, did_you_mean
from jobgate.gateway.functions import QueueNames, why_not_new_id
from jobgate.gateway.http import Problem, field_errors

#: Longest duration that an option may name, in seconds: ten years.
MAX_SECONDS = 315_360_000
MAX_TRIES = 1000
#: Errors of one body that are told: an answer must not outgrow its request.
MAX_ERRORS = 20

_MEMBERS = frozenset(
    {
        "args",
        "kwargs",
        "job_id",
        "queue",
        "defer_by",
        "defer_until",
        "expires",
        "timeout",
        "max_tries",
        "keep_result",
    }
)
_ARGUMENTS = frozenset({"args", "kwargs"})
_NO_SUCH_MEMBER = "No such member: arguments go into args and kwargs."

_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)

Errors = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """What a request says beside its body."""

    #: Name of the caller's key.
    owner: str | None = None
    #: The `Idempotency-Key` header.
    idempotency_key: str | None = None
    #: The id of a job that names none. The gateway makes it, and not the broker, so that an answer which
    #: was lost can be asked for again under the same id.
    job_id: str | None = None


def job_request(function: str, document: Any, sender: Sender, queues: QueueNames) -> JobRequest:
    """The job that the body of a `POST /jobs/{function}` asks for; raises `Problem` 422.

    `document` is the parsed body. Options never mix with the function's own arguments, so a member that
    is not known is an error.
    """
    if not isinstance(document, dict):
        raise field_errors("invalid-request", [("#", "It must be an object with args, kwargs and options.")])
    errors: Errors = []
    args, kwargs = _arguments(document, errors)
    options = _options(document, queues, errors) if document.keys() - _ARGUMENTS else {}
    if errors:
        raise field_errors("invalid-request", errors)
    if "job_id" not in options:
        options |= {"job_id": sender.job_id, "id_is_made": True}
    options.setdefault("queue", queues.default)
    if sender.idempotency_key is not None:
        options["idempotency"] = _idempotency(sender, function, document)
    return JobRequest(function=function, args=args, kwargs=kwargs, owner=sender.owner, **options)


def _arguments(document: dict[str, Any], errors: Errors) -> tuple[list[Any], dict[str, Any]]:
    args = document.get("args", [])
    kwargs = document.get("kwargs", {})
    if not isinstance(args, list):
        errors.append(("#/args", "It must be an array."))
    if not isinstance(kwargs, dict):
        errors.append(("#/kwargs", "It must be an object."))
    return args, kwargs


def _options(document: dict[str, Any], queues: QueueNames, errors: Errors) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in document.items():
        if len(errors) >= MAX_ERRORS:
            break
        if name in _ARGUMENTS:
            continue
        if name not in _MEMBERS:
            errors.append((f"#/{_pointer(name)}", _no_such_member(name)))
        elif value is not None:
            wrong = (
                queues.why_not(value) if name == "queue" and isinstance(value, str) else _CHECKS[name](value)
            )
            if wrong:
                errors.append((f"#/{name}", wrong))
            else:
                options[name] = value
    errors.sort()
    return _as_records_have_it(options, errors)


def _as_records_have_it(options: dict[str, Any], errors: Errors) -> dict[str, Any]:
    if "max_tries" in options:
        options["max_tries"] = int(options["max_tries"])
    until = options.pop("defer_until", None)
    if until is not None:
        if "defer_by" in options:
            errors.append(("#/defer_until", "Give defer_by or defer_until, not both."))
        options["defer_until_ms"] = math.ceil(datetime.fromisoformat(until.upper()).timestamp() * 1000)
    return options


def _no_such_member(name: str) -> str:
    hint = did_you_mean(name, sorted(_MEMBERS))
    return f"No such member{hint} Arguments go into args and kwargs." if hint else _NO_SUCH_MEMBER


def _pointer(name: str) -> str:
    # The name is the caller's own text: whatever could be markup or a control character goes.
    return "".join(c if c.isalnum() or c in "_-." else "?" for c in name[:64])


def _seconds(low: float) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and low <= value <= MAX_SECONDS:
            return None
        return f"It must be a number of seconds from {low:g} to {MAX_SECONDS}."

    return check


def _tries(value: Any) -> str | None:
    # JSON knows one kind of number: 3.0 is an integer.
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 1 <= value <= MAX_TRIES
        and value % 1 == 0
    ):
        return None
    return f"It must be an integer from 1 to {MAX_TRIES}."


def _moment(value: Any) -> str | None:
    wrong = "It must be a date-time of RFC 3339 with an offset, within the years 2000 to 2199."
    if not isinstance(value, str) or _DATE_TIME.fullmatch(value) is None:
        return wrong
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        return wrong
    return None if 2000 <= moment.year < 2200 else wrong


def _id(value: Any) -> str | None:
    return why_not_new_id(value) if isinstance(value, str) else "It must be a string."


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "job_id": _id,
    "queue": lambda _: "It must be a string.",
    "defer_by": _seconds(0),
    "defer_until": _moment,
    "expires": _seconds(0.001),
    "timeout": _seconds(0.001),
    "max_tries": _tries,
    "keep_result": _seconds(0),
}


def _idempotency(sender: Sender, function: str, document: dict[str, Any]) -> IdempotencyKey:
    """What the broker is told of the key. Its digest holds the caller: two callers never share one."""
    key = sender.idempotency_key or ""
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Problem("invalid-request", "An Idempotency-Key must be 1 to 255 printable ASCII characters.")
    # Without the id: a request whose outcome is unknown comes again with the id that it was told.
    content = {name: value for name, value in document.items() if name != "job_id"}
    request = orjson.dumps([function, content], option=orjson.OPT_SORT_KEYS)
    return IdempotencyKey(
        digest=hashlib.sha256(f"{sender.owner or ''}\n{key}".encode()).hexdigest(),
        request_digest=hashlib.sha256(request).hexdigest(),
        job_id=document.get("job_id"),
    )
