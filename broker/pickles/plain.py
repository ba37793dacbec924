"""The tree that a pickle describes, written as plain data that JSON can hold.

| in the pickle | becomes |
|---|---|
| None, bool, text, finite float, int of 64 bits | itself |
| larger int, NaN, infinity, Decimal, UUID | text |
| list, tuple, set, frozenset, deque | list |
| dict and its subclasses | dict; a key that is not text becomes its JSON text |
| bytes, bytearray | base64 text |
| datetime, date, time | ISO 8601 text; a zone known only by name follows in brackets |
| timedelta | seconds |
| complex, range, slice, path | text |
| exception | `{"type": …, "message": …}` |
| any other object | `{"__class__": "module.Name"}` and the attributes that the pickle gives it |
| named tuple | the same with `__values__` |
| class, function, anything else | `{"__class__": "module.Name"}` |

A pickle does not say what kind of class it names, so an Enum or a dataclass is any other object here.

The size of the output is bounded, because a small pickle can stand for a huge value: a list that holds
the same list twice, thirty levels deep, has a billion leaves.
"""

import base64
import math
from collections.abc import Iterable
from typing import Any

import orjson

from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles.limits import FULL, Limits
from jobgate.broker.pickles.objects import FORMS, MAPPINGS, Made, Named, attributes, is_exception, pairs_of

#: Levels of nesting in the output; orjson stops at 254.
MAX_DEPTH = 100

_INT_RANGE = range(-(2**63), 2**64)


class Writer:
    """Turns the values of a pickle into plain data, within limits.

    Args:
        limits: Largest output.
        shows_fields: Show the attributes of objects, not only their class.
    """

    def __init__(self, limits: Limits = FULL, *, shows_fields: bool = True) -> None:
        self._limits = limits
        self._shows_fields = shows_fields
        #: Whether the attributes of an object were shown.
        self.has_shown_fields = False
        self._nodes = 0
        self._text = 0

    def write(self, value: Any, depth: int = 0) -> Any:
        """Return as plain data a value that is `depth` levels below the root."""
        self._count(depth)
        kind = type(value)
        if kind is str:
            return self._written(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if value in _INT_RANGE else self._written(_digits(value))
        if kind is float:
            return value if math.isfinite(value) else self._written(_not_finite(value))
        return self._write_object(value, depth)

    def write_raised(self, made: Made, depth: int) -> dict[str, Any]:
        """Return an object that is known to be an exception as `type` and `message`."""
        self._count(depth)
        return {"type": self._written(made.name), "message": self._message(made, depth)}

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if self._nodes > self._limits.values:
            raise self._limits.exceeded(f"{self._limits.values} values")
        if depth > MAX_DEPTH:
            raise DecodeError(f"Stored data are nested deeper than {MAX_DEPTH} levels: flatten them.")

    def _written(self, text: str) -> str:
        self._count_text(len(text))
        cleaned = clean(text)
        self._count_text(len(cleaned) - len(text))
        return cleaned

    def _count_text(self, length: int) -> None:
        self._text += length
        if self._text > self._limits.text:
            raise self._limits.exceeded(f"{self._limits.text} characters")

    def _write_object(self, value: Any, depth: int) -> Any:
        if isinstance(value, list | tuple):
            return [self.write(item, depth + 1) for item in value]
        if isinstance(value, Made):
            return self._write_made(value, depth)
        if isinstance(value, Named):
            return self._write_class(value.path)
        return self._written(base64.b64encode(value).decode())  # nothing else is on the reader's stack

    def _write_pairs(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        return {self._write_key(key, depth + 1): self.write(value, depth + 1) for key, value in pairs}

    def _write_key(self, key: object, depth: int) -> str:
        written = self.write(key, depth)
        return written if isinstance(written, str) else self._written(orjson.dumps(written).decode())

    def _write_class(self, path: str) -> dict[str, str]:
        return {"__class__": self._written(path)}

    def _write_made(self, made: Made, depth: int) -> Any:
        if made.path in MAPPINGS:
            return self._write_pairs(pairs_of(made), depth)
        form = FORMS.get(made.path)
        if form is not None:
            try:
                value = form(made)
            except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError):
                return self._write_class(made.path)  # its arguments do not fit the class that it names
            return self.write(value, depth + 1)
        if is_exception(made):
            return self.write_raised(made, depth)
        return self._write_described(made, depth)

    def _write_described(self, made: Made, depth: int) -> dict[str, Any]:
        """Write the class of an object and the attributes that its pickle holds."""
        written: dict[str, Any] = self._write_class(made.path)
        if not (made.is_object and self._shows_fields):
            return written
        self.has_shown_fields = True
        for key, value in attributes(made.state):
            self._count(depth)  # skipping costs time, too
            if isinstance(key, str) and not key.startswith("__"):
                written[self._written(key)] = self.write(value, depth + 1)
        values = made.state if isinstance(made.state, list) else made.args
        if values:
            written["__values__"] = [self.write(value, depth + 1) for value in values]
        return written

    def _message(self, made: Made, depth: int) -> str:
        written = [self.write(arg, depth + 1) for arg in made.args]
        texts = [item if isinstance(item, str) else orjson.dumps(item).decode() for item in written]
        if made.name.endswith("Error") and len(texts) > 1 and type(written[0]) is int:
            return self._written(f"[Errno {texts[0]}] {': '.join(texts[1:])}")
        return self._written(", ".join(texts))


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # Python's limit is 4,300 digits, because the time grows with their square
        raise DecodeError("Stored data hold a number of thousands of digits: store it as text.") from None


def _not_finite(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def clean(text: str) -> str:
    """Return `text` in a form that UTF-8 can hold: lone surrogates become escapes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
