"""Arguments as plain data: null, booleans, numbers, text, lists, and dicts with text as keys.

What each type becomes:

| argument | plain |
|---|---|
| dataclass, pydantic model | its fields; of a model, what `model_dump(mode="json", by_alias=True)` returns |
| datetime, date, time, timedelta | ISO 8601 text |
| UUID, Decimal, path | text |
| Enum | its value |
| bytes, bytearray, memoryview | base64 text |
| tuple, set, frozenset, deque | list |
| key of a dict: whole number, Enum and what becomes text | text |

A worker that knows the type of its parameter turns all of them back.
"""

import base64
import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import PurePath
from types import NoneType
from typing import Any, Final
from uuid import UUID

import orjson

from jobgate.client.errors import ArgumentError, InvalidArguments

#: The range of integers that orjson, msgpack and jobgate's gateway read.
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1
#: orjson writes no deeper data.
_DEEPEST: Final = 250
#: Errors that are listed; there may be one for each element of a long list.
_MOST_ERRORS: Final = 20


class _NotPlain(Exception):
    """A value that cannot be plain data. The argument says why, as the end of a sentence."""


class _Enough(Exception):
    """No more errors are listed. Data that holds itself twice has no end of them."""


class _Errors(list[ArgumentError]):
    def add(self, pointer: str, reason: _NotPlain) -> None:
        """Add an error. Raises _Enough when there are enough."""
        self.append(ArgumentError(pointer, str(reason)))
        if len(self) == _MOST_ERRORS:
            raise _Enough


class PlainData:
    """Turns the arguments of a job into plain data, for one serializer.

    Args:
        keeps: Types that the serializer keeps as they are.
        any_float: Whether it keeps NaN and infinities.
        any_key: Whether it keeps keys of dicts that are not text.
    """

    def __init__(
        self, *, keeps: tuple[type, ...] = (), any_float: bool = False, any_key: bool = False
    ) -> None:
        self._keeps = keeps
        self._any_float = any_float
        self._any_key = any_key

    def of(
        self, function: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments as plain data.

        Raises:
            InvalidArguments: One cannot be sent; `errors` says which, and why.
        """
        if _needs_nothing(args, kwargs):
            return list(args), dict(kwargs)
        errors = _Errors()
        try:
            plain_args = self._plain(list(args), "#/args", 0, errors)
            plain_kwargs = self._plain(dict(kwargs), "#/kwargs", 0, errors)
        except _Enough:
            pass
        if errors:
            first = errors[0]
            place = first.pointer.removeprefix("#/")
            raise InvalidArguments(
                f"the argument {place} of {function!r} cannot be sent: {first.detail}",
                errors=errors,
            )
        return plain_args, plain_kwargs

    def _plain(self, value: Any, pointer: str, depth: int, errors: _Errors) -> Any:
        try:
            value = self._checked(value, depth)
        except _NotPlain as reason:
            errors.add(pointer, reason)
            return None
        if type(value) is list:
            members = enumerate(value)
            return [self._plain(one, f"{pointer}/{index}", depth + 1, errors) for index, one in members]
        return self._dict(value, pointer, depth, errors) if type(value) is dict else value

    def _checked(self, value: Any, depth: int) -> Any:
        """Return a value as a type of JSON; its members are as they were."""
        value = self._reduced(value)
        kind = type(value)
        if kind is str:
            return _text(value)
        if kind is int and not _SMALLEST <= value <= _LARGEST:
            raise _NotPlain("an integer beyond 64 bits does not fit: pass it as text.")
        if kind is float and not self._any_float and not isfinite(value):
            raise _NotPlain("NaN and infinities do not exist in JSON: pass None or text.")
        if (kind is list or kind is dict) and depth > _DEEPEST:
            raise _NotPlain(f"it is nested deeper than {_DEEPEST} levels, or holds itself: flatten it.")
        return value

    def _reduced(self, value: Any) -> Any:
        for _ in range(_DEEPEST):
            if type(value) in _KINDS or isinstance(value, self._keeps):
                return value
            try:
                value = one_step(value)
            except Exception as error:  # a model's own serializers may raise anything
                raise _NotPlain(f"{error}: pass text, numbers, lists or dicts.") from error
        raise _NotPlain(f"{type(value).__name__} has no plain form: pass text, numbers, lists or dicts.")

    def _dict(self, value: dict[Any, Any], pointer: str, depth: int, errors: _Errors) -> dict[Any, Any]:
        plain: dict[Any, Any] = {}
        for name, member in value.items():
            try:
                key = name if self._any_key else _key(name)
                if key in plain:
                    raise _NotPlain("two keys of the dict become the same text: make them differ.")
            except _NotPlain as reason:
                errors.add(pointer, reason)
                continue
            escaped = str(key).replace("~", "~0").replace("/", "~1")
            plain[key] = self._plain(member, f"{pointer}/{escaped}", depth + 1, errors)
        return plain


def _needs_nothing(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether each serializer takes the arguments as they are, which orjson finds out quickly."""
    try:
        written = orjson.dumps((list(args), dict(kwargs)), option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError:
        return False
    return b"null" not in written  # it may have been a NaN


def one_step(value: object) -> object:
    """Return a value one step nearer to plain data, for orjson's `default`.

    Raises:
        TypeError: There is no plain form of it.
    """
    if callable(dump := getattr(type(value), "model_dump", None)):
        return dump(value, mode="json", by_alias=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # orjson's own way would add whatever else the instance holds, such as cached properties.
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    for kinds, form in _FORMS:
        if isinstance(value, kinds):
            return form(value)
    raise TypeError(f"{type(value).__name__} is not plain data")


def _duration(value: timedelta) -> str:
    """Return a duration as ISO 8601 text, without years and months, which have no fixed length."""
    sign, size = ("-", -value) if value < timedelta(0) else ("", value)
    minutes, seconds = divmod(size.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{size.microseconds:06d}" if size.microseconds else ""
    return f"{sign}P{size.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def _base64(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode()


#: Types -> their form one step nearer to plain data; a type stands before its base.
_FORMS: Final[tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...]] = (
    (Enum, lambda value: value.value),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, _duration),
    ((UUID, Decimal, PurePath), str),
    ((bytes, bytearray, memoryview), _base64),
    ((tuple, set, frozenset, deque), list),
    (Mapping, dict),
    # Subclasses, such as numpy's float64.
    (float, float),
    (int, int),
    (str, str.__str__),
    (list, list),
)

#: What JSON holds.
_KINDS: Final = frozenset({NoneType, bool, int, float, str, list, dict})


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _NotPlain("text with lone surrogates is not Unicode: clean the text first.") from None
    return value


def _key(name: object) -> str:
    """Return the key of a dict as text."""
    name = name.value if isinstance(name, Enum) else name
    if isinstance(name, int) and not isinstance(name, bool):
        return str(int(name))
    if not isinstance(name, str) and isinstance(name, _TEXTS):
        name = one_step(name)
    if isinstance(name, str):
        return _text(str(name))
    raise _NotPlain(f"{type(name).__name__} cannot be a key of a dict here: turn the keys into text.")


#: Types whose plain form is text.
_TEXTS: Final = (date, time, timedelta, UUID, Decimal, PurePath)
#: What JSON holds.
JSON: Final = PlainData()
#: What msgpack holds.
MSGPACK: Final = PlainData(keeps=(bytes, bytearray, memoryview, datetime), any_float=True, any_key=True)
