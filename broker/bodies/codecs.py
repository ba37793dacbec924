"""Codecs, which turn jobs and results into bytes: JSON, msgpack, pickle, or your own two functions.

What each codec keeps:

| value | json | msgpack | pickle |
|---|---|---|---|
| None, bool, str, list, dict with text keys | as it is | as it is | as it is |
| int | 64 bits | 64 bits | any |
| float | finite only | any | any |
| tuple | list | list | tuple |
| bytes | refused | bytes | bytes |
| aware datetime | RFC 3339 text | timestamp, read back in UTC | as it is |
| naive datetime, date, time | ISO 8601 text | ISO 8601 text | as it is |
| UUID, Decimal | text | text | as it is |
| Enum, dataclass | its value, its fields | the same | as it is |
| pydantic model | its fields, by their aliases | the same | as it is |
| set and everything else | refused | refused | as it is, if it can be pickled |

A naive datetime is written without an offset, because any offset would be a guess. A Decimal is written as
text, because most readers of JSON would lose digits of a number.
"""

import dataclasses
import datetime
import pickle
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from jobgate.broker.errors import DecodeError, EncodeError
from jobgate.broker.pickles import load_trusted
from jobgate.broker.requirements import how

Dumps = Callable[[dict[str, Any]], bytes]
Loads = Callable[[bytes], dict[str, Any]]

#: The codecs that can be chosen by name.
CODEC_NAMES = ("json", "msgpack", "pickle")

#: Part of orjson's message -> ours.
_JSON_REFUSALS = {
    "64-bit range": "JSON cannot hold an integer beyond 64 bits: pass it as text.",
    "key must be str": "JSON cannot hold a dict key that is not text: turn the keys into text.",
    "surrogates": "JSON cannot hold text with lone surrogates: clean the text first.",
    "recursion": "JSON cannot hold data nested deeper than 254 levels: flatten it.",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Codec:
    """A way to turn the dict of a job or a result into bytes and back."""

    #: `json`, `msgpack`, `pickle`, or `custom`.
    name: str
    #: Raises EncodeError; a custom function may raise anything.
    dumps: Dumps
    #: Raises DecodeError; a custom function may raise anything.
    loads: Loads
    #: Largest encoded result in bytes; None = no limit.
    result_limit: int | None = None


def codec_named(name: str) -> Codec:
    """Return the codec `json`, `msgpack` or `pickle`.

    Raises:
        ValueError: There is no codec of that name, or its package is not installed.
    """
    if name == "json":
        return Codec("json", _dump_json, _load_json)
    if name == "msgpack":
        return _msgpack_codec()
    if name == "pickle":
        return Codec("pickle", _dump_pickle, load_trusted)
    raise ValueError(f"Unknown codec {name!r}: choose one of {', '.join(CODEC_NAMES)}.")


def custom_codec(dumps: Dumps, loads: Loads) -> Codec:
    """Return a codec made of two functions, like arq's `job_serializer` and `job_deserializer`."""
    return Codec("custom", dumps, loads)


def _dump_json(fields: dict[str, Any]) -> bytes:
    try:
        blob = orjson.dumps(fields, default=_as_plain)
    except TypeError as error:
        raise EncodeError(_json_refusal(str(error))) from error
    # orjson silently writes NaN as null. Each NaN is one null more than the dict's own, so the slow search
    # of all values is needed only if there are more nulls.
    nulls = list(fields.values()).count(None)
    if blob.count(b"null") > nulls and _holds_non_finite(fields):
        raise EncodeError("JSON cannot hold NaN or infinity: pass None or text.")
    return blob


def _json_refusal(text: str) -> str:
    for sign, sentence in _JSON_REFUSALS.items():
        if sign in text.lower():
            return sentence
    return f"JSON cannot hold this value ({text}): pass plain data or choose another codec."


def _holds_non_finite(value: object) -> bool:
    """Whether a value that orjson has accepted holds a NaN or an infinity."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, float):
            if not -float("inf") < item < float("inf"):
                return True
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, Enum) or _is_dataclass(item):
            pending.append(_as_plain(item))
    return False


def _load_json(blob: bytes) -> dict[str, Any]:
    try:
        return orjson.loads(blob)  # type: ignore[no-any-return]
    except ValueError as error:
        raise DecodeError(f"Stored bytes are not JSON ({error}): use the producer's codec.") from error


def _msgpack_codec() -> Codec:
    try:
        import msgpack  # noqa: PLC0415 (an option of the user's)
    except ImportError as error:
        raise ValueError(
            "The codec msgpack needs its package: install jobgate with its extra [msgpack], "
            f"{how('[msgpack]')}."
        ) from error

    def dumps(fields: dict[str, Any]) -> bytes:
        try:
            return msgpack.packb(fields, datetime=True, default=_as_plain)  # type: ignore[no-any-return]
        except (TypeError, ValueError, OverflowError) as error:
            text = f"msgpack cannot hold this value ({error}): pass plain data or choose another codec."
            raise EncodeError(text) from error

    def loads(blob: bytes) -> dict[str, Any]:
        try:
            return msgpack.unpackb(blob, timestamp=3, strict_map_key=False)  # type: ignore[no-any-return]
        except Exception as error:  # the package's own errors, ValueError, TypeError, OverflowError
            text = f"Stored bytes are not msgpack ({error}): use the producer's codec."
            raise DecodeError(text) from error

    return Codec("msgpack", dumps, loads)


def _as_plain(value: object) -> object:
    """Return a value in a form that JSON and msgpack can hold; raises TypeError if there is none."""
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if hasattr(type(value), "__pydantic_serializer__") and hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if _is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
        return {name: getattr(value, name) for name in names}
    raise TypeError(f"{type(value).__name__} is not plain data")


def _is_dataclass(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _dump_pickle(fields: dict[str, Any]) -> bytes:
    try:
        return pickle.dumps(fields)
    except Exception as error:  # __reduce__ of any class may run, and raise anything
        text = f"pickle cannot hold this value ({error}): pass data that can be pickled."
        raise EncodeError(text) from error
