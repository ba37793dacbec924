"""Conversion by type hints: of a job's arguments into what they say, and of a result into plain data.

Like adapters.py, importing it imports pydantic.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaSerializer

from jobgate.broker import ArgumentBinder, ArgumentPath, Parameter, printable
from jobgate.worker.functions.arguments import Arguments, ArgumentsRefused
from jobgate.worker.functions.hints import RETURN

#: Misfits that a message lists, and characters of each.
_MOST_MISFITS, _LONGEST_MISFIT = 20, 300
#: Floats below it are whole numbers of 64 bits.
_MOST_INTEGER = 2.0**63
_PLAIN = frozenset((str, int, bool, type(None)))
#: Objects are no plain data, even where orjson could write them.
_NO_OBJECTS = (
    orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)


class ArgumentConverter:
    """Validates and converts the arguments of one function.

    Args:
        parameters: Its parameters.
        adapter: Validates a dict of those that have hints.
        names: The names of these.
    """

    def __init__(
        self, parameters: Sequence[Parameter], adapter: TypeAdapter[Any], names: Sequence[str]
    ) -> None:
        self._binder = ArgumentBinder(parameters)
        self._validate_json = adapter.validator.validate_json
        self._validate_python = adapter.validator.validate_python
        self._names = names
        self._all_have_hints = len(names) == len(parameters)

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
        bound = self._binder.bind(args, kwargs)
        if bound is None:
            return None
        values = bound if self._all_have_hints else {key: bound[key] for key in self._names if key in bound}
        try:
            valid = self._valid(values, is_plain=is_plain)
        except ValidationError as error:
            raise ArgumentsRefused(self._text(error, args, kwargs), by_hints=True) from None
        return self._binder.unbind(bound | valid)

    def _valid(self, values: Mapping[str, Any], *, is_plain: bool) -> Any:
        text = _as_json(values, is_plain=is_plain)
        if text is None:
            return self._validate_python(values)
        try:
            return self._validate_json(text)
        except ValidationError:
            # 1.0 is an integer to JSON Schema, and so to the gateway, but not to all types of pydantic.
            if (again := orjson.dumps(_with_integers(values))) == text:
                raise
        return self._validate_json(again)

    def _text(self, error: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Return all misfits in one line, without the values."""
        found = error.errors(include_url=False, include_context=False, include_input=False)
        texts = []
        for one in found[:_MOST_MISFITS]:
            place = _place(self._binder.path(one["loc"], args, kwargs)) if one["loc"] else "arguments"
            texts.append(printable(f"{place}: {_reason(one)}")[:_LONGEST_MISFIT])
        more = len(found) - len(texts)
        return "; ".join(texts) + (f"; and {more} more" if more else "")


class ResultConverter:
    """Turns the return values of one function into plain data."""

    def __init__(self, serializer: SchemaSerializer) -> None:
        self._dump = serializer.to_python

    def convert(self, value: Any, *, strict: bool = True) -> Any:
        """Return a value as plain data.

        Args:
            value: What the function has returned.
            strict: Raise where it is not of the type that the hint says.

        Raises:
            Exception: It is not of this type, or code of its type failed.
        """
        dumped = self._dump(
            {RETURN: value}, mode="json", by_alias=True, warnings="error" if strict else False
        )
        return dumped[RETURN]


def _as_json(values: Mapping[str, Any], *, is_plain: bool) -> bytes | None:
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
