"""Conversion by type hints: of a job's arguments into what they say, and of a result into plain data.

Like hint_adapters.py, importing it imports pydantic.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import orjson
from pydantic import ValidationError
from pydantic_core import SchemaValidator

from jobgate.broker import (
    BY_PLACE,
    MOST_MISFITS,
    ArgumentBinder,
    ArgumentPath,
    Parameter,
    ParameterKind,
    printable,
)
from jobgate.worker.hints.arguments import Arguments, ArgumentsRefused
from jobgate.worker.hints.hint_adapters import HintAdapter, validator_of_all

_LEFT_OUT: Final = object()
#: Floats below it are whole numbers of 64 bits.
_MOST_INTEGER = 2.0**63
_PLAIN = frozenset((str, int, bool, type(None)))
#: Objects are not plain data, even where orjson could write them.
_NO_OBJECTS = (
    orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)


class ArgumentConverter:
    """Validates and converts the arguments of one function.

    Args:
        parameters: Its parameters.
        adapters: Name of a parameter -> what pydantic made of its hint.
    """

    def __init__(self, parameters: Sequence[Parameter], adapters: Mapping[str, HintAdapter]) -> None:
        self._binder = ArgumentBinder(parameters)
        known = {
            one.name: _PART_OF.get(one.kind, _Part)(one.name, adapters[one.name])
            for one in parameters
            if one.name in adapters
        }
        self._parts = list(known.values())
        by_place = [one for one in parameters if one.kind in BY_PLACE]
        #: What validates each argument that has a place; None = nothing.
        self._places = [known.get(one.name) for one in by_place]
        self._adapters = [adapters.get(one.name) for one in by_place]
        #: Fewest arguments that can be given by their places alone.
        self._least = sum(one.required for one in by_place)
        if any(one.required for one in parameters if one.kind is ParameterKind.KEYWORD_ONLY):
            self._least = len(by_place) + 1

    def misfits(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        """Return why arguments cannot be bound to the parameters; None = they can."""
        found = self._binder.misfits(args, kwargs)
        return " ".join(one.text for one in found) or None

    def convert(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, is_plain: bool) -> Arguments | None:
        """Return the arguments as the hints say; None where they cannot be bound.

        Plain data is taken as JSON. Anything else passes where it is of the type already.

        Args:
            args: Positional arguments.
            kwargs: Keyword arguments.
            is_plain: The arguments are known to be plain data, because they came as JSON.

        Raises:
            ArgumentsRefused: They are not of these types.
        """
        if not kwargs and self._least <= len(args) <= len(self._places):
            return self._converted_by_place(args, is_plain=is_plain), kwargs
        bound = self._binder.bind(args, kwargs)
        if bound is None:
            return None
        wrong = _Misfits()
        for part in self._parts:
            if (value := bound.get(part.name, _LEFT_OUT)) is _LEFT_OUT:
                continue
            try:
                bound[part.name] = part.valid(value, is_plain=is_plain)
            except ValidationError as error:
                wrong.add(error, part, value)
        if wrong.count:
            raise ArgumentsRefused(self._text(wrong, args, kwargs), by_hints=True)
        return self._binder.unbind(bound)

    @cached_property
    def _validator_of_all(self) -> SchemaValidator | None:
        return validator_of_all(self._adapters)

    def _converted_by_place(self, args: Sequence[Any], *, is_plain: bool) -> Sequence[Any]:
        """Return positional arguments as the hints say: the common case, without binding."""
        if is_plain and len(args) == len(self._places) and self._validator_of_all is not None:
            try:
                return list(self._validator_of_all.validate_json(orjson.dumps(args)))
            except (TypeError, ValidationError):
                pass  # they are looked at closely
        return self._converted_one_by_one(args, is_plain=is_plain)

    def _converted_one_by_one(self, args: Sequence[Any], *, is_plain: bool) -> Sequence[Any]:
        converted = list(args)
        wrong = _Misfits()
        for place, (value, part) in enumerate(zip(args, self._places, strict=False)):
            if part is None:
                continue
            try:
                converted[place] = part.valid(value, is_plain=is_plain)
            except ValidationError as error:
                wrong.add(error, part, value)
        if wrong.count:
            raise ArgumentsRefused(self._text(wrong, args, {}), by_hints=True)
        return converted

    def _text(self, wrong: "_Misfits", args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Return the misfits in one line, without the values."""
        shown = [
            f"{printable(_place(self._binder.path(path, args, kwargs)))}: {printable(reason)}"
            for path, reason in wrong.first
        ]
        more = wrong.count - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")


class _Misfits:
    """What is wrong with the arguments of one job."""

    def __init__(self) -> None:
        #: Paths and reasons, the first of all.
        self.first: list[tuple[ArgumentPath, str]] = []
        self.count = 0

    def add(self, error: ValidationError, part: "_Part", value: Any) -> None:
        """Add what pydantic says of the argument of one parameter."""
        self.count += error.error_count()
        room = MOST_MISFITS - len(self.first)
        if room > 0:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            self.first += [(part.path(value, one["loc"]), _reason(one)) for one in found[:room]]


class _Part:
    """Validates the argument of one parameter. pydantic gets values in a list."""

    def __init__(self, name: str, adapter: HintAdapter) -> None:
        self.name = name
        self._exact = adapter.exact
        self._validate_json = adapter.validator.validate_json
        self._validate_python = adapter.validator.validate_python

    def valid(self, value: Any, *, is_plain: bool) -> Any:
        """Return the value as the hint says; raises ValidationError."""
        if type(value) is self._exact:
            return value
        if is_plain:
            try:
                return self._validate_json(orjson.dumps([value]))[0]
            except (TypeError, ValidationError):
                pass  # it is looked at closely
        return self._all_valid([value], is_plain=is_plain)[0]

    def path(self, value: Any, path: ArgumentPath) -> ArgumentPath:
        """Return a path that pydantic has found in the list, from the parameter."""
        return (self.name, *path[1:])

    def _all_valid(self, values: list[Any], *, is_plain: bool) -> list[Any]:
        text = _as_json(values, is_plain=is_plain)
        if text is None:
            return self._validate_python(values)  # type: ignore[no-any-return]
        try:
            return self._validate_json(text)  # type: ignore[no-any-return]
        except ValidationError:
            # 1.0 is an integer to JSON Schema, and so to the gateway, but not to all types of pydantic.
            if (again := orjson.dumps(_with_integers(values))) == text:
                raise
        return self._validate_json(again)  # type: ignore[no-any-return]


class _PositionalPart(_Part):
    """Validates the elements of `*args`."""

    def valid(self, value: Any, *, is_plain: bool) -> Any:
        return self._all_valid(value, is_plain=is_plain)

    def path(self, value: Any, path: ArgumentPath) -> ArgumentPath:
        return (self.name, *path)


class _KeywordPart(_Part):
    """Validates the values of `**kwargs`."""

    def valid(self, value: Any, *, is_plain: bool) -> Any:
        return dict(zip(value, self._all_valid(list(value.values()), is_plain=is_plain), strict=True))

    def path(self, value: Any, path: ArgumentPath) -> ArgumentPath:
        return (self.name, list(value)[int(path[0])], *path[1:]) if path else (self.name,)


_PART_OF = {ParameterKind.VAR_POSITIONAL: _PositionalPart, ParameterKind.VAR_KEYWORD: _KeywordPart}


class ResultConverter:
    """Turns the return values of one function into plain data."""

    def __init__(self, adapter: HintAdapter) -> None:
        self._dump = adapter.serializer.to_python

    def convert(self, value: Any, *, strict: bool = True) -> Any:
        """Return a value as plain data.

        Args:
            value: What the function has returned.
            strict: Raise where it is not of the type that the hint says.

        Raises:
            Exception: It is not of this type, or code of its type failed.
        """
        return self._dump([value], mode="json", by_alias=True, warnings="error" if strict else "none")[0]


def _as_json(values: list[Any], *, is_plain: bool) -> bytes | None:
    """Return plain data as JSON; None where it is not plain."""
    try:
        text = orjson.dumps(values, option=None if is_plain else _NO_OBJECTS)
    except TypeError:
        return None
    return text if is_plain or _is_plain(values) else None


def _is_plain(values: object) -> bool:
    """Whether data that orjson has written is what it would read again: no tuples, UUIDs or NaN."""
    pending = [values]
    while pending:
        one = pending.pop()
        kind = type(one)
        if kind in _PLAIN:
            continue
        if isinstance(one, dict) and kind is dict:
            pending += one.values()
        elif isinstance(one, list) and kind is list:
            pending += one
        elif not (isinstance(one, float) and -float("inf") < one < float("inf")):
            return False
    return True


def _with_integers(value: Any) -> Any:
    """Return plain data with whole numbers as int."""
    if isinstance(value, dict):
        return {name: _with_integers(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_with_integers(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _MOST_INTEGER:
        return int(value)
    return value


def _place(path: ArgumentPath) -> str:
    """Return a path as it is written in Python: `args[1].count`."""
    first, *rest = path
    return str(first) + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in rest)


def _reason(error: Mapping[str, Any]) -> str:
    """Return pydantic's message, unless it repeats what the caller sent."""
    if error["type"] == "union_tag_invalid":
        return "Input should have one of the expected tags"
    return str(error["msg"])
