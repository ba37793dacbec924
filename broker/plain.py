"""Any value as data that JSON can hold, for readers that must show what they cannot load.

| value | becomes |
|---|---|
| None, bool, text, finite float, int of 64 bits | itself |
| larger int, NaN, infinity, Decimal, UUID | text |
| list, tuple, set, frozenset, deque | list |
| dict and its kin | dict; a key that is not text becomes its JSON text |
| bytes, bytearray | base64 text |
| datetime, date, time | ISO 8601 text; a zone known by name only follows in brackets |
| timedelta | seconds |
| complex, range, slice | text |
| Enum, dataclass | its value, its fields |
| exception | `{"type": …, "message": …}` |
| anything else | `{"__class__": "module.Name"}` |

The size of the output is bounded, because a small input can stand for a huge one: a list that holds
the same list twice, thirty levels deep, has a thousand million leaves.
"""

import base64
import dataclasses
import datetime
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from jobgate.broker import failures
from jobgate.broker.errors import DecodeError

#: Values in the output, containers and leaves.
MAX_NODES = 250_000
#: Characters of text in the output, 32 Mi.
MAX_TEXT = 1 << 25
#: Levels of nesting in the output; orjson stops at 254.
MAX_DEPTH = 100

# Arguments may be shared by thousands of calls, and what is not written is not counted: so a form looks
# at few of them, and at short ones.
_FEW = 8
_LONGEST_NUMBER = 4096

_INT_RANGE = range(-(2**63), 2**64)


class Made:
    """What a pickle says of one object: how it was made and filled. Nothing of it has been run."""

    __slots__ = ("args", "items", "pairs", "path", "state")

    def __init__(self, path: str, args: tuple[Any, ...] = ()) -> None:
        #: `module.Name` of what made it.
        self.path = path
        self.args = args
        #: What was appended or added to it; None = nothing (an empty list for each would be a bomb).
        self.items: list[Any] | None = None
        #: Keys and values that were set in it; None = none.
        self.pairs: list[tuple[Any, Any]] | None = None
        self.state: Any = None

    def add_items(self, items: Iterable[Any]) -> None:
        """Append to it."""
        self.items = self.items or []
        self.items.extend(items)

    def add_pairs(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Set keys in it."""
        self.pairs = self.pairs or []
        self.pairs.extend(pairs)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]


@dataclasses.dataclass(frozen=True, slots=True)
class Named:
    """A class or function that a pickle names; it is never looked up."""

    path: str


def plain(value: object) -> Any:
    """Return `value` as data that JSON can hold, by the table at the top of this module.

    Raises:
        DecodeError: it would be too large or too deep.
    """
    return Writer().write(value)


class Writer:
    """Turns values into plain data, and counts what it has written."""

    def __init__(self) -> None:
        self._nodes = 0
        self._text = 0

    def write(self, value: Any, depth: int = 0) -> Any:
        """Return `value`, which stands `depth` levels below the root, as plain data."""
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
        """Return what is known to be an exception as `type` and `message`."""
        self._count(depth)
        return {"type": self._written(made.name), "message": self._message(made, depth)}

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise DecodeError(f"Stored data hold more than {MAX_NODES} values: store less.")
        if depth > MAX_DEPTH:
            raise DecodeError(f"Stored data are nested deeper than {MAX_DEPTH} levels: flatten them.")

    def _written(self, text: str) -> str:
        self._text += len(text)
        if self._text > MAX_TEXT:
            raise DecodeError(f"Stored data hold more than {MAX_TEXT} characters: store less.")
        return failures.clean(text)

    def _write_object(self, value: Any, depth: int) -> Any:
        if isinstance(value, list | tuple):
            return [self.write(item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return self._write_pairs(value.items(), depth)
        if isinstance(value, Made):
            return self._write_made(value, depth)
        if isinstance(value, Named):
            return self._write_class(value.path)
        form = _live_form(value)
        if form is not None:
            return self.write(form(value), depth + 1)
        return self._write_class(f"{type(value).__module__}.{type(value).__qualname__}")

    def _write_pairs(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        return {self._write_key(key, depth + 1): self.write(value, depth + 1) for key, value in pairs}

    def _write_key(self, key: object, depth: int) -> str:
        written = self.write(key, depth)
        return written if isinstance(written, str) else self._written(orjson.dumps(written).decode())

    def _write_class(self, path: str) -> dict[str, str]:
        return {"__class__": self._written(path)}

    def _write_made(self, made: Made, depth: int) -> Any:
        if made.path in _MAPPINGS:
            return self._write_pairs(_pairs_of(made), depth)
        form = _MADE_FORMS.get(made.path)
        if form is not None:
            try:
                value = form(made)
            except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError):
                return self._write_class(made.path)  # it claims a class that its arguments do not fit
            return self.write(value, depth + 1)
        if _is_exception(made):
            return self.write_raised(made, depth)
        return self._write_class(made.path)

    def _message(self, made: Made, depth: int) -> str:
        written = [self.write(arg, depth + 1) for arg in made.args]
        texts = [item if isinstance(item, str) else orjson.dumps(item).decode() for item in written]
        if made.name.endswith("Error") and len(texts) > 1 and type(written[0]) is int:
            return self._written(f"[Errno {texts[0]}] {': '.join(texts[1:])}")
        return self._written(", ".join(texts))


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # Python refuses more than 4,300 digits, because they take quadratic time
        raise DecodeError("Stored data hold a number of thousands of digits: store it as text.") from None


def _not_finite(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _fields_of(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _raised(value: BaseException) -> dict[str, str]:
    return {"type": type(value).__name__, "message": failures.text_of(value)}


#: Kinds of real objects -> a simpler form, written in turn.
_LIVE_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    (str, str),
    (int, int),
    (float, float),
    (set | frozenset | deque, list),
    (bytes | bytearray | memoryview, lambda value: base64.b64encode(value).decode()),
    (datetime.date | datetime.time, lambda value: value.isoformat()),
    (datetime.tzinfo, str),
    (type, lambda value: Named(f"{value.__module__}.{value.__qualname__}")),
    (datetime.timedelta, lambda value: value.total_seconds()),
    (Decimal | UUID | complex, str),
    (range | slice, repr),
    (BaseException, _raised),
)


def _live_form(value: object) -> Callable[[Any], Any] | None:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields_of
    return next((form for kinds, form in _LIVE_FORMS if isinstance(value, kinds)), None)


def _pairs_of(made: Made) -> list[tuple[Any, Any]]:
    """Return what an OrderedDict, a Counter and the like hold: their last argument and what was set."""
    first = made.args[-1] if made.args else None
    inner = first.pairs or () if isinstance(first, Made) and first.path in _MAPPINGS else ()
    return [*inner, *(made.pairs or ())]


def _items_of(made: Made) -> list[Any]:
    inner = made.args[0] if made.args else []
    if not isinstance(inner, list | tuple):
        raise TypeError(made.path)
    return [*inner, *(made.items or ())]


def _octets(made: Made, size: int) -> bytes:
    state = made.args[0]
    if not isinstance(state, str | bytes) or len(state) != size:
        raise ValueError(made.path)
    return state.encode("latin-1") if isinstance(state, str) else state


def _date(made: Made) -> str:
    octets = _octets(made, 4)
    return datetime.date(int.from_bytes(octets[:2]), octets[2], octets[3]).isoformat()


def _time(made: Made) -> str:
    return _with_zone(datetime.time(*_clock(_octets(made, 6))), made.args[1:])


def _datetime(made: Made) -> str:
    octets = _octets(made, 10)
    # The month's top bit says which of two equal wall-clock times it is, at the end of summer time.
    month = octets[2] & 0x7F
    moment = datetime.datetime(int.from_bytes(octets[:2]), month, octets[3], *_clock(octets[4:]))  # noqa: DTZ001
    return _with_zone(moment, made.args[1:])


def _clock(octets: bytes) -> tuple[int, int, int, int]:
    return octets[0] & 0x7F, octets[1], octets[2], int.from_bytes(octets[3:])


def _with_zone(moment: datetime.datetime | datetime.time, rest: tuple[Any, ...]) -> str:
    if not rest or rest[0] is None:
        return moment.isoformat()
    zone = _zone(rest[0])
    return (
        f"{moment.isoformat()}[{zone}]" if isinstance(zone, str) else moment.replace(tzinfo=zone).isoformat()
    )


def _zone(made: Made) -> datetime.tzinfo | str:
    """Return the zone's offset where its pickle tells it, else its name."""
    if made.path == "datetime.timezone":
        return datetime.timezone(_timedelta(made.args[0]))
    if made.path == "pytz._UTC":
        return datetime.UTC
    name = made.args[0] if made.args else made.path
    return name if isinstance(name, str) else made.path


def _timedelta(made: Made) -> datetime.timedelta:
    if made.path != "datetime.timedelta":
        raise ValueError(made.path)
    days, seconds, microseconds = made.args
    if not all(type(number) is int for number in (days, seconds, microseconds)):
        raise TypeError(made.path)
    return datetime.timedelta(days, seconds, microseconds)


def _uuid(made: Made) -> str:
    state = made.state[1] if isinstance(made.state, tuple) else made.state
    if len(state.pairs) > _FEW:
        raise ValueError(made.path)
    number = next((value for key, value in state.pairs if key == "int"), None)
    return str(UUID(int=number))


def _decimal(made: Made) -> str:
    (text,) = made.args
    if not isinstance(text, str) or len(text) > _LONGEST_NUMBER:
        raise ValueError(made.path)
    return str(Decimal(text))


def _call_text(made: Made) -> str:
    if len(made.args) > _FEW:
        raise ValueError(made.path)
    numbers = ", ".join(repr(arg) for arg in made.args if arg is None or type(arg) in {int, float})
    return f"{made.name}({numbers})"


_MAPPINGS = {
    "builtins.dict",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.Counter",
}
#: Paths in pickles -> a simpler form, written in turn. Nothing else that a pickle names is made.
_MADE_FORMS: dict[str, Callable[[Made], Any]] = {
    "builtins.list": _items_of,
    "builtins.tuple": _items_of,
    "builtins.set": _items_of,
    "builtins.frozenset": _items_of,
    "collections.deque": _items_of,
    "builtins.complex": _call_text,
    "builtins.range": _call_text,
    "builtins.xrange": _call_text,
    "builtins.slice": _call_text,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.datetime": _datetime,
    "datetime.timedelta": lambda made: _timedelta(made).total_seconds(),
    "datetime.timezone": lambda made: str(_zone(made)),
    "zoneinfo.ZoneInfo._unpickle": lambda made: str(_zone(made)),
    "decimal.Decimal": _decimal,
    "uuid.UUID": _uuid,
}


def _is_exception(made: Made) -> bool:
    return made.path.startswith("arq.") or made.name.endswith(
        ("Error", "Exception", "Warning", "Exit", "Interrupt")
    )
