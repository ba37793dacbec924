"""A function as it is published, before the gateway's check and the worker's conversion: do they agree?"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Flag
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import orjson
from pydantic import BaseModel, HttpUrl

from jobgate.broker import ArgumentBinder
from jobgate.gateway.arguments.argument_check import ArgumentCheck
from jobgate.worker import Settings, func
from jobgate.worker.functions import ResolvedFunction

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
P = inspect.Parameter


def function_of(parameters: Sequence[P], returns: Any = None) -> ResolvedFunction:
    """Return a function with these parameters after `ctx`."""

    async def call(*args: Any, **kwargs: Any) -> None: ...

    first = P("ctx", P.POSITIONAL_ONLY)
    vars(call)["__signature__"] = inspect.Signature([first, *parameters], return_annotation=returns)
    [resolved] = Settings.of([func(call, name="call")]).resolved().values()
    return resolved


def taking(hint: Any) -> ResolvedFunction:
    """Return a function that takes and returns one value of a type."""
    return function_of([P("a", P.POSITIONAL_OR_KEYWORD, annotation=hint)], hint)


class Door:
    """The gateway's check and the worker's conversion of one function."""

    def __init__(self, function: ResolvedFunction) -> None:
        self.function = function
        self._check = ArgumentCheck()
        self._document = function.document

    def accepts(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> bool:
        """Whether the gateway would enqueue a job with these arguments."""
        return not self._check.errors([self._document], args, kwargs or {})

    def converted(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Arguments | None:
        """Return the arguments that the function gets; None = the worker refuses them."""
        with suppress(Exception):  # a type's own code may raise anything
            return self.function.arguments(args, kwargs or {}, is_plain=True)
        return None

    def side_by_side(self, given: Arguments, got: Arguments) -> tuple[list[Any], list[Any]]:
        """Return the values of all parameters, as they were given and as the function gets them."""
        binder = ArgumentBinder(self._document.parameters or ())
        some, others = binder.bind(*given), binder.bind(*got)
        assert some is not None
        assert others is not None
        return [some[name] for name in some], [others[name] for name in some]


def is_left_to_worker(hint: Any, value: Any) -> bool:
    """Whether the gateway accepts a value that the worker may refuse."""
    return "multiple_of=0.05" in repr(hint) and '"' in str(orjson.dumps(value))


def sent(value: Any) -> Any:
    """Return plain data as a worker receives it."""
    return orjson.loads(orjson.dumps(value))


#: What the gateway refuses although pydantic takes it: docs/typed-functions.md lists the same.
_TEMPORAL = (date, time, timedelta)
_ADDRESSES = (IPv4Address, IPv4Network, IPv6Address, IPv6Network)
_NUMBERS = (int, float, Decimal, Fraction, complex)


#: Name of a rule -> whether it explains that the gateway refuses `given`, of which pydantic makes `got`.
RULES: dict[str, Callable[[Any, Any], bool]] = {
    "truth values as numbers or words": lambda given, got: isinstance(given, bool) != isinstance(got, bool),
    "whole numbers beyond signed 64 bits": lambda given, got: (
        isinstance(given, int | float) and not -(2**63) <= given < 2**63
    ),
    "dates, times and durations as numbers": lambda given, got: (
        isinstance(given, int | float | str) and isinstance(got, _TEMPORAL) and _is_number(given)
    ),
    "numbers as text, and unusual numerals": lambda given, got: (
        isinstance(given, str) and isinstance(got, _NUMBERS)
    ),
    "large numbers as complex ones": lambda given, got: (
        isinstance(given, int | float) and isinstance(got, complex) and abs(given) > 2**53
    ),
    "a fraction as a number, with max_digits alone": lambda given, got: (
        isinstance(given, float) and isinstance(got, Decimal)
    ),
    "a Fraction as a number, before pydantic 2.14": lambda given, got: (
        isinstance(given, int | float) and isinstance(got, Fraction)
    ),
    "spaces around text that has a pattern": lambda given, got: (
        isinstance(given, str) and isinstance(got, str) and given != got == given.strip()
    ),
    "addresses as numbers": lambda given, got: isinstance(given, int | float) and isinstance(got, _ADDRESSES),
    "duplicates in a set": lambda given, got: (
        isinstance(given, list) and isinstance(got, set | frozenset) and _repeats(given)
    ),
    "a named tuple as an object": lambda given, got: isinstance(given, dict) and isinstance(got, tuple),
    "bits that a Flag does not have, which early releases of Python 3.11 drop": lambda given, got: (
        isinstance(got, Flag) and given != got.value
    ),
    "an unusual URL": lambda given, got: isinstance(given, str) and isinstance(got, HttpUrl),
}


def why_stricter(given: Any, got: Any) -> str | None:
    """Return the rule by which the gateway refuses a value that pydantic takes; None = there is none."""
    for name, explains in RULES.items():
        if explains(given, got):
            return name
    return next(filter(None, (why_stricter(one, other) for one, other in _inside(given, got))), None)


def _is_number(given: Any) -> bool:
    with suppress(ValueError):
        return float(given) is not None
    return False


def _repeats(given: list[Any]) -> bool:
    texts = [orjson.dumps(float(one) if type(one) is int else one) for one in given]
    return len(set(texts)) < len(texts)


def _inside(given: Any, got: Any) -> Iterable[tuple[Any, Any]]:
    """Yield what stands at the same place of both."""
    if isinstance(given, list) and isinstance(got, Iterable):
        # Of a set, nobody knows which element came from which.
        yield from (
            zip(given, got, strict=False)
            if not isinstance(got, set | frozenset)
            else ((one, other) for one in given for other in got)
        )
    elif isinstance(given, dict) and isinstance(got, Mapping):
        yield from zip(given.values(), got.values(), strict=False)
        yield from zip(given, got, strict=False)
    elif isinstance(given, dict):
        members = got.__dict__ if isinstance(got, BaseModel) else vars(got)
        yield from ((given[name], members[name]) for name in given.keys() & members.keys())
