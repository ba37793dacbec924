"""Records that were read from JSON: their values have the types that the records promise."""

from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Record = TypeVar("Record")
_Check = Callable[[Any], bool]


def checked(record: Record) -> Record:
    """Return the record; raise TypeError if a value of it has another type than its class says."""
    kind: Any = type(record)
    for name, fits in _checks(kind):
        if not fits(getattr(record, name)):
            raise TypeError(f"{name} of {type(record).__name__} has a wrong type")
    return record


@cache
def _checks(kind: Any) -> tuple[tuple[str, _Check], ...]:
    return tuple((name, _check(hint)) for name, hint in get_type_hints(kind).items())


def _check(hint: Any) -> _Check:
    """Return a function that says whether a value fits a type hint; a record is checked by itself."""
    plain, deep = _parts(hint)
    if not deep:
        return lambda value: isinstance(value, plain)
    return lambda value: isinstance(value, plain) or any(fits(value) for fits in deep)


def _parts(hint: Any) -> tuple[tuple[type, ...], tuple[_Check, ...]]:
    """Return the types of which a value is one, and checks of the other values."""
    if isinstance(hint, UnionType):
        parts = list(map(_parts, get_args(hint)))
        return sum((plain for plain, _ in parts), ()), sum((deep for _, deep in parts), ())
    if hint is Any:
        return (object,), ()
    if hint is float:
        return (float, int), ()
    if get_origin(hint) is tuple:
        return (), (_tuple_of(_check(get_args(hint)[0])),)
    if get_origin(hint) is Mapping:
        return (), (_mapping_of(*map(_check, get_args(hint))),)
    return (hint,), ()


def _tuple_of(fits: _Check) -> _Check:
    return lambda value: isinstance(value, tuple) and all(map(fits, value))


def _mapping_of(fits_name: _Check, fits: _Check) -> _Check:
    return lambda value: (
        isinstance(value, dict) and all(map(fits_name, value)) and all(map(fits, value.values()))
    )
