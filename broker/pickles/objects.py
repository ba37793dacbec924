"""Objects as a pickle describes them, and the plain form of the few classes that are known.

A form reads only what the pickle holds, and only a little of it: thousands of calls may share the same
arguments, and only output is counted against the limits.
"""

import builtins
import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

#: Most arguments, parts of a path, bits, digits and characters that a form reads.
_FEW = 8
_MOST_PARTS = 64
_MOST_BITS = 64
_LONGEST_NUMBER = 1024
_LONGEST_PATH = 4096


class Made:
    """How a pickle creates and fills one object. None of it is executed."""

    __slots__ = ("args", "is_object", "items", "pairs", "path", "state")

    def __init__(self, path: str, args: tuple[Any, ...] = (), *, is_object: bool = False) -> None:
        #: `module.Name` of what made it.
        self.path = path
        self.args = args
        #: Made by its class's `__new__`, like most objects; False = by a call of any function.
        self.is_object = is_object
        #: Items that were appended or added; None = none. A list for each object would take too much memory.
        self.items: list[Any] | None = None
        #: Keys and values that were set; None = none.
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


@dataclass(frozen=True, slots=True)
class Named:
    """A class or function named in a pickle. It is never imported."""

    path: str


def pairs_of(made: Made) -> list[tuple[Any, Any]]:
    """Return the pairs of an OrderedDict, a Counter and the like: their last argument and what was set."""
    first = made.args[-1] if made.args else None
    inner = first.pairs or () if isinstance(first, Made) and first.path in MAPPINGS else ()
    return [*inner, *(made.pairs or ())]


def attributes(state: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the attributes from `__dict__` and `__slots__`. Models of pydantic keep them one level deeper."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    for part in parts:
        if isinstance(part, Made) and part.path == "builtins.dict" and part.pairs:
            key, inner = part.pairs[0]
            deeper = key == "__dict__" and isinstance(inner, Made) and inner.path == "builtins.dict"
            yield from (inner.pairs or ()) if deeper else part.pairs


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
    # The month's top bit is the fold: which of two equal wall-clock times at the end of summer time is meant.
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
    """Return the offset of a zone if its pickle holds it, else its name."""
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
    if not all(map(_is_short, made.args)):
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


def _is_short(value: Any) -> bool:
    """Whether it is an int small enough to compute with."""
    return type(value) is int and value.bit_length() <= _MOST_BITS


def _path(made: Made) -> str:
    parts = made.args
    if len(parts) > _MOST_PARTS or not all(isinstance(part, str) for part in parts):
        raise ValueError(made.path)
    if sum(map(len, parts)) > _LONGEST_PATH:
        raise ValueError(made.path)
    return "/".join(parts).replace("//", "/", 1) if parts else "."


def _call_text(made: Made) -> str:
    if len(made.args) > _FEW:
        raise ValueError(made.path)
    if not all(arg is None or type(arg) is float or _is_short(arg) for arg in made.args):
        raise TypeError(made.path)
    return f"{made.name}({', '.join(map(repr, made.args))})"


#: Classes that are written as a dict.
MAPPINGS = {
    "builtins.dict",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.Counter",
}
#: Class -> function that returns its plain form. No other class is interpreted.
FORMS: dict[str, Callable[[Made], Any]] = {
    "builtins.list": _items_of,
    "builtins.tuple": _items_of,
    "builtins.set": _items_of,
    "builtins.frozenset": _items_of,
    "collections.deque": _items_of,
    "builtins.complex": _call_text,
    "builtins.range": _call_text,
    "builtins.slice": _call_text,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.datetime": _datetime,
    "datetime.timedelta": lambda made: _timedelta(made).total_seconds(),
    "datetime.timezone": lambda made: str(_zone(made)),
    "zoneinfo.ZoneInfo._unpickle": lambda made: str(_zone(made)),
    "decimal.Decimal": _decimal,
    "uuid.UUID": _uuid,
    # Python 3.13 has a separate module for its paths.
    **{
        f"{module}.{name}": _path
        for module in ("pathlib", "pathlib._local")
        for name in ("PurePosixPath", "PosixPath")
    },
}
_PYTHONS_EXCEPTIONS = {
    f"builtins.{name}"
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}


#: Endings of the names of exceptions.
EXCEPTION_ENDINGS = ("Error", "Exception", "Warning", "Exit", "Interrupt")


def is_exception(made: Made) -> bool:
    """Whether it has the name of an exception."""
    return (
        made.path in _PYTHONS_EXCEPTIONS
        or made.path.startswith("arq.")
        or made.name.endswith(EXCEPTION_ENDINGS)
    )
