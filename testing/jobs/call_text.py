"""Calls as text, for messages."""

from collections.abc import Mapping, Sequence
from reprlib import Repr
from typing import Any

from jobgate.broker import printable

_REPR = Repr()
_REPR.maxstring = _REPR.maxother = 120
_REPR.maxlist = _REPR.maxdict = _REPR.maxtuple = 12


def call_text(function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return a call as it is written in Python, shortened where it is long."""
    parts = [*map(value_text, args), *(f"{name}={value_text(value)}" for name, value in kwargs.items())]
    return printable(f"{function}({', '.join(parts)})")


def value_text(value: object) -> str:
    """Return a value as it is written in Python, shortened where it is long."""
    return printable(_REPR.repr(value))
