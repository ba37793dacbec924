"""The broker's records as the JSON of the HTTP API: the job, and its outcome."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from jobgate.broker import (
    UNKNOWN_FAILURE,
    EarlierTry,
    Enqueued,
    Failure,
    JobResult,
    JobStatus,
    JobView,
    Progress,
)
from jobgate.gateway.http import Problem

#: The header of an answer that names the job of an earlier request.
REPLAYED: Final = {"Idempotent-Replayed": "true"}
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")

_PLAIN = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


def moment(unix_ms: int | None) -> str | None:
    """Return a time of Redis as RFC 3339 in UTC, with milliseconds; None outside the years 1 to 9999."""
    if unix_ms is None:
        return None
    second, ms = divmod(unix_ms, 1000)
    try:
        return f"{_second(second)}.{ms:03d}Z"
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


#: Jobs that are enqueued now share few moments.
_recent_moment = lru_cache(maxsize=16)(moment)


def job_of_enqueued(function: str, enqueued: Enqueued, status: JobStatus) -> dict[str, Any]:
    """Return the JSON of a job that was just enqueued."""
    return {
        "job_id": enqueued.job_id,
        "function": function,
        "queue": enqueued.queue,
        "status": status.value,
        "success": None,
        "error": None,
        "try": 0,
        "enqueue_time": _recent_moment(enqueued.enqueue_time_ms),
        "due_time": _recent_moment(enqueued.due_time_ms),
        "start_time": None,
        "finish_time": None,
        "worker": None,
        "progress": None,
        "retry_of": None,
        "retried_as": None,
    }


def job_of_view(view: JobView, *, inspects: bool) -> dict[str, Any]:
    """Return the JSON of a job; with `inspects` also its arguments."""
    source = view.source
    job: dict[str, Any] = {
        "job_id": shown(view.job_id),
        "function": shown(view.function),
        "queue": shown(view.queue),
        "status": view.status.value,
        "success": view.success,
        "error": _short_error(view.failure),
        "try": view.tries,
        "enqueue_time": moment(view.enqueue_time_ms),
        "due_time": moment(view.due_time_ms),
        "start_time": moment(view.start_time_ms),
        "finish_time": moment(view.finish_time_ms),
        "worker": shown(view.worker),
        "progress": _progress(view.progress),
        "retry_of": shown(view.retry_of),
        "retried_as": shown(view.retried_as),
    }
    if view.earlier_tries:
        job["earlier_tries"] = list(map(_earlier_try, view.earlier_tries))
    if inspects and source:
        job |= {"args": source.args, "kwargs": source.kwargs}
    return job


def _earlier_try(one: EarlierTry) -> dict[str, Any]:
    return {
        "try": one.number,
        "start_time": moment(one.start_time_ms),
        "end_time": moment(one.end_time_ms),
        "worker": shown(one.worker),
        "error": _short_error(one.failure),
        "lost": one.is_lost,
    }


def shown(text: str | None) -> str | None:
    """Return a name that every JSON parser accepts: many reject a document with a lone surrogate.

    Lone surrogates, and bytes that are not UTF-8 (`surrogateescape`), become U+FFFD.
    """
    return text if text is None or text.isascii() else _LONE_SURROGATES.sub("\ufffd", text)


def _progress(progress: Progress | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    message = shown(progress.message)
    return {"fraction": progress.fraction, "message": message, "time": moment(progress.time_ms)}


def _short_error(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    short = failure.in_short()
    return {"type": shown(short.type), "message": shown(short.message), "code": short.code.value}


def outcome(result: JobResult, *, inspects: bool) -> dict[str, Any]:
    """Return the JSON of an outcome; with `inspects` also the traceback of a failure."""
    document: dict[str, Any] = {
        "job_id": shown(result.job_id),
        "function": shown(result.function),
        "status": "complete",
        "success": result.success,
    }
    if result.success:
        document["result"] = result.result
    else:
        document["error"] = _error(result.failure or UNKNOWN_FAILURE, inspects=inspects)
    return document


def _error(failure: Failure, *, inspects: bool) -> dict[str, Any]:
    error: dict[str, Any] = {"type": failure.type, "message": failure.message, "code": failure.code.value}
    if inspects:
        error["traceback"] = failure.traceback
    return error


def to_json(document: Any, *, limit: int | None = None) -> bytes:
    """Return a document as JSON, including any arguments and results in it.

    msgpack and pickle have more types than JSON: bytes become base64, sets become arrays, integers keep their
    digits, and other values become their `str()`.

    Args:
        document: The document.
        limit: Its largest size in bytes; None = any.

    Raises:
        Problem: 410 if it is larger, or cannot be written as JSON.
    """
    try:
        encoded = _encode(document)
    except (TypeError, ValueError, RecursionError):
        raise Problem("unreadable-result", "It cannot be written as JSON.") from None
    if limit is not None and len(encoded) > limit:
        raise Problem("unreadable-result", f"It has more than {limit} bytes.")
    return encoded


def _encode(document: Any) -> bytes:
    try:
        return orjson.dumps(document, default=_plain, option=_PLAIN)
    except orjson.JSONEncodeError:
        # orjson rejects integers beyond 64 bits, more than 254 levels and lone surrogates; `json` does not.
        return json.dumps(_with_text_keys(document), default=_plain, allow_nan=False).encode()


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else str(key): _with_text_keys(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_with_text_keys(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, set | frozenset | Sequence):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
