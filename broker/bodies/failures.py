"""How a failure is stored and read: as plain data, or with pickle as an exception, as in arq.

Stock arq clients load a failure with `pickle.loads` and raise it. So a pickle may name only classes that
exist where arq is installed: arq's, Python's or the user's, never jobgate's. arq need not be installed here
to write the names of its classes.
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

#: Module and class of the exceptions that arq raises for failures of its own.
_ARQ_CLASSES = {
    FailureCode.EXPIRED: ("arq.worker", "JobExecutionFailed"),
    FailureCode.MAX_TRIES: ("arq.worker", "JobExecutionFailed"),
    FailureCode.UNKNOWN_FUNCTION: ("arq.worker", "JobExecutionFailed"),
    FailureCode.LOST_BODY: ("arq.jobs", "DeserializationError"),
}
#: Exceptions that ask for another try, or fail the job if `retry_jobs` is off. Ours have arq's names.
_ARQ_RETRIES = ("Retry", "RetryJob")
#: Text that arq stores instead of a result that it cannot encode; its clients raise any stored text.
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
    """Return a failure as JSON and msgpack hold it: `type`, `message` and, if known, `traceback`."""
    fields = {"type": clean(failure.type), "message": clean(failure.message)}
    if failure.traceback is not None:
        fields["traceback"] = clean(failure.traceback)
    return fields


def from_stored(value: object, code: FailureCode | None = None) -> Failure:
    """Return the failure in a stored result.

    Args:
        value: A mapping as `as_mapping` returns it, an exception, or arq's text.
        code: Code in the result; None = stock arq wrote it, so guess from arq's classes and texts.
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
    """Return a failed result as a pickle with an exception under `r` that arq's clients can load.

    Args:
        fields: The result's dict without `r`.
        failure: Decides the class if the failure is jobgate's own.
        exception: The exception that the function raised; kept if it survives pickling.

    Raises:
        Exception: Of any class, from values in `fields` that cannot be pickled.
    """
    foreign = _pickled_arq_error(failure, exception)
    if foreign is None:
        return pickle.dumps({**fields, "r": _to_raise(failure, exception)})
    # Protocol 3 has no frames, so a pickle can be continued: `dict["r"] = …` replaces its last byte, STOP.
    item = _pickled_text("r") + foreign + pickle.SETITEM
    return pickle.dumps(fields, protocol=3)[:-1] + item + pickle.STOP


def _pickled_arq_error(failure: Failure, exception: BaseException | None) -> bytes | None:
    """Return the opcodes that create one of arq's own exceptions; None if arq has none for this failure."""
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
    """Return what stock arq's clients raise for a failure: an exception of arq, Python or the user.

    Args:
        failure: Decides the class if the failure is jobgate's own; arq's class is used if arq is imported.
        exception: The exception that the function raised; used if it survives pickling.
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
    # A CancelledError that is not an abort would cancel the asyncio task of the client that reads it.
    if isinstance(exception, asyncio.CancelledError):
        return _builtin_like(failure)
    if exception is not None and _survives_pickling(exception):
        return exception
    return _builtin_like(failure)


def _message_of(failure: Failure) -> tuple[str, ...]:
    return (failure.message,) if failure.message else ()


def _survives_pickling(exception: BaseException) -> bool:
    """Whether it can be loaded again; an exception whose class takes two arguments cannot."""
    if _is_ours(exception):
        return False
    try:
        loaded = pickle.loads(pickle.dumps(exception))  # noqa: S301 (our own object, just written)
    except Exception:  # the user's class may raise anything
        return False
    return isinstance(loaded, BaseException)


def _builtin_like(failure: Failure) -> Exception:
    """Return Python's exception of that name, or a RuntimeError with name and message."""
    kind = getattr(builtins, failure.type, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(*_message_of(failure))
        except TypeError:  # UnicodeDecodeError and ExceptionGroup take more than a message
            pass
    return RuntimeError(f"{failure.type}: {failure.message}" if failure.message else failure.type)


def text_of(exception: BaseException) -> str:
    """Return `str(exception)`, or a placeholder if its `__str__` fails."""
    try:
        return clean(str(exception))
    except Exception:  # the user's __str__ may raise anything
        return "(its text cannot be shown)"
