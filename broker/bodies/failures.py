"""A failure as arq stores it: an exception inside a pickle, read back as plain data.

Stock arq clients load a failure with `pickle.loads` and raise it, so what a pickle names must exist
where arq is installed: arq's own classes, Python's, or the user's; never jobgate's. arq itself is
not needed here to write the names of its classes.
"""

import asyncio
import builtins
import pickle
import re
import struct
import sys
from collections.abc import Mapping
from typing import Any

from jobgate.broker.pickles import clean
from jobgate.broker.records import Failure, FailureCode

#: What arq raises for failures of its own making: module and class.
_ARQ_CLASSES = {
    FailureCode.EXPIRED: ("arq.worker", "JobExecutionFailed"),
    FailureCode.MAX_TRIES: ("arq.worker", "JobExecutionFailed"),
    FailureCode.UNKNOWN_FUNCTION: ("arq.worker", "JobExecutionFailed"),
    FailureCode.LOST_BODY: ("arq.jobs", "DeserializationError"),
}
#: What a function raises to run again, and what fails it where `retry_jobs` is off: arq's names, and ours.
_ARQ_RETRIES = ("Retry", "RetryJob")
#: What arq stores in place of a result that it cannot encode; its clients raise any text they find.
_ARQ_UNSERIALISABLE = "unable to serialize result"

_CODE_OF_TYPE = {
    "TimeoutError": FailureCode.TIMEOUT,
    "CancelledError": FailureCode.ABORTED,
    "DeserializationError": FailureCode.LOST_BODY,
}
_CODE_OF_MESSAGE = (
    (re.compile(r"job expired"), FailureCode.EXPIRED),
    (re.compile(r"function .* not found", re.DOTALL), FailureCode.UNKNOWN_FUNCTION),
    (re.compile(r"max -?\d+ retries exceeded"), FailureCode.MAX_TRIES),
)


def as_mapping(failure: Failure) -> dict[str, Any]:
    """Return the form that JSON and msgpack hold: `type`, `message` and, where known, `traceback`."""
    fields = {"type": clean(failure.type), "message": clean(failure.message)}
    if failure.traceback is not None:
        fields["traceback"] = clean(failure.traceback)
    return fields


def from_stored(value: object, code: FailureCode | None = None) -> Failure:
    """Read what a result holds where a failure belongs.

    Args:
        value: a mapping as `as_mapping` makes it, an exception, or arq's text.
        code: what the result says of itself; None where stock arq wrote it, then it is guessed
            from arq's own classes and texts.
    """
    if isinstance(value, Mapping):
        kind, message = str(value.get("type", "Exception")), str(value.get("message", ""))
        traceback = value.get("traceback")
        traceback = traceback if isinstance(traceback, str) else None
    elif isinstance(value, BaseException):
        kind, message, traceback = type(value).__name__, text_of(value), None
    else:
        kind, message, traceback = "SerializationError", str(value), None
    return Failure(type=kind, message=message, traceback=traceback, code=code or _guess_code(kind, message))


def _guess_code(kind: str, message: str) -> FailureCode:
    if kind == "JobExecutionFailed":
        matches = (code for pattern, code in _CODE_OF_MESSAGE if pattern.fullmatch(message))
        return next(matches, FailureCode.ERROR)
    if kind == "SerializationError" and message == _ARQ_UNSERIALISABLE:
        return FailureCode.UNSERIALISABLE_RESULT
    return _CODE_OF_TYPE.get(kind, FailureCode.ERROR)


def dump_pickle(fields: dict[str, Any], failure: Failure, exception: BaseException | None) -> bytes:
    """Pickle a failed result: `fields`, and under `r` an exception that arq's clients can load.

    Args:
        fields: the result's dict without `r`.
        failure: decides the class where jobgate made the failure.
        exception: what the function raised; kept where it survives pickling.

    Raises:
        Exception: anything, from values in `fields` that cannot be pickled.
    """
    foreign = _pickled_as_arqs(failure, exception)
    if foreign is None:
        return pickle.dumps({**fields, "r": _to_raise(failure, exception)})
    # Protocol 3 has no frames, so that a pickle can be continued: its last byte, STOP, gives way to
    # `dict["r"] = …`.
    item = _pickled_text("r") + foreign + pickle.SETITEM
    return pickle.dumps(fields, protocol=3)[:-1] + item + pickle.STOP


def _pickled_as_arqs(failure: Failure, exception: BaseException | None) -> bytes | None:
    """Return what makes an exception of arq's own in a pickle; None where it is not one of those."""
    if failure.code in _ARQ_CLASSES:
        return _pickled_call(*_ARQ_CLASSES[failure.code], _pickled_text(failure.message) + pickle.TUPLE1)
    name = type(exception).__name__
    if not _is_ours(exception) or name not in _ARQ_RETRIES:
        return None
    made = _pickled_call("arq.worker", name, pickle.EMPTY_TUPLE)
    defer_ms = getattr(exception, "defer_score", None)
    if defer_ms is None:
        return made
    attribute = _pickled_text("defer_score") + pickle.INT + b"%d\n" % defer_ms + pickle.SETITEM
    return made + pickle.EMPTY_DICT + attribute + pickle.BUILD


def _pickled_call(module: str, name: str, arguments: bytes) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode() + arguments + pickle.REDUCE


def _is_ours(exception: BaseException | None) -> bool:
    return type(exception).__module__.partition(".")[0] == "jobgate"


def to_raise(failure: Failure, exception: BaseException | None) -> object:
    """Return what stock arq's clients raise for this failure: an exception of theirs, Python's or the user's.

    Args:
        failure: decides the class where jobgate made the failure; arq's own is taken where arq is imported.
        exception: what the function raised; taken where it survives pickling.
    """
    module, name = _ARQ_CLASSES.get(failure.code, ("", ""))
    foreign = getattr(sys.modules.get(module), name, None) if module else None
    return foreign(failure.message) if foreign else _to_raise(failure, exception)


def _pickled_text(text: str) -> bytes:
    encoded = clean(text).encode()
    return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


def _to_raise(failure: Failure, exception: BaseException | None) -> object:
    if failure.code is FailureCode.UNSERIALISABLE_RESULT:
        return failure.message or _ARQ_UNSERIALISABLE
    if failure.code is FailureCode.ABORTED:
        return asyncio.CancelledError(*_message_of(failure))
    if failure.code is FailureCode.TIMEOUT:
        return TimeoutError(*_message_of(failure))
    # (A CancelledError that is no abort would cancel the task of the client that reads it.)
    if isinstance(exception, asyncio.CancelledError):
        return _builtin_like(failure)
    if exception is not None and _survives_pickling(exception):
        return exception
    return _builtin_like(failure)


def _message_of(failure: Failure) -> tuple[str, ...]:
    return (failure.message,) if failure.message else ()


def _survives_pickling(exception: BaseException) -> bool:
    """Try it: an exception whose class takes two arguments is written, but fails when it is loaded."""
    if _is_ours(exception):
        return False
    try:
        loaded = pickle.loads(pickle.dumps(exception))  # noqa: S301 (our own object, just written)
    except Exception:  # the user's class decides what it raises
        return False
    return isinstance(loaded, BaseException)


def _builtin_like(failure: Failure) -> Exception:
    """Return Python's exception of that name, or a RuntimeError that tells name and message."""
    kind = getattr(builtins, failure.type, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(*_message_of(failure))
        except TypeError:  # UnicodeDecodeError and ExceptionGroup want more than a message
            pass
    return RuntimeError(f"{failure.type}: {failure.message}" if failure.message else failure.type)


def text_of(exception: BaseException) -> str:
    """Return `str(exception)`, or a remark where its own code fails."""
    try:
        return clean(str(exception))
    except Exception:  # the user's __str__ decides what it raises
        return "(its text cannot be shown)"
