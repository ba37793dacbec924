"""Reads stored catalogues. Anybody may have written them, so nothing is taken as it is.

A function that is not described as it should be counts by its name alone, and accepts anything.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from typing import Any, Final

import orjson

from jobgate.broker.catalogue.binding import is_signature
from jobgate.broker.catalogue.documents import (
    LONGEST_CATALOGUE,
    LONGEST_FUNCTION,
    NO_DEFAULT,
    Catalogue,
    FunctionDocument,
    Parameter,
    ParameterKind,
)
from jobgate.broker.catalogue.schema_check import ValueBudget
from jobgate.broker.errors import DecodeError
from jobgate.broker.schedules import Schedule, read_schedules
from jobgate.broker.texts import learn

#: Most functions in a catalogue, parameters and definitions of a function, and characters of a name.
MOST_FUNCTIONS: Final = 2_000
_MOST_PARAMETERS: Final = 256
_MOST_DEFINITIONS: Final = 1_000
_LONGEST_NAME: Final = 128
#: Most values in the schemas and defaults of one function, and of all.
_MOST_VALUES: Final = 20_000
_MOST_VALUES_IN_ALL: Final = 400_000
#: Most schedules of all functions.
_MOST_SCHEDULES: Final = 1_000
#: About how many bytes a function, a schedule and a value in its schemas take in memory.
_FUNCTION_WEIGHT: Final = 2_000
_SCHEDULE_WEIGHT: Final = 4_000
_VALUE_WEIGHT: Final = 100


_KINDS: Final = frozenset(ParameterKind)


def read_catalogue(stored: bytes, digest: str) -> Catalogue:
    """Return a stored catalogue. It may take a second: read a large one in a thread.

    Raises:
        DecodeError: It does not have this digest, or is too long.
    """
    if len(stored) > LONGEST_CATALOGUE or hashlib.sha256(stored).hexdigest() != digest:
        raise DecodeError("the stored functions of a worker are not those that it announced")
    reading = _Reading()
    for line in islice(_lines(stored), MOST_FUNCTIONS):
        reading.add(line)
    learn(reading.functions)
    is_whole = reading.is_whole and stored.count(b"\n") < MOST_FUNCTIONS
    return Catalogue(reading.functions, is_whole=is_whole, weight=len(stored) + reading.weight)


def _lines(stored: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(stored):
        end = stored.find(b"\n", start)
        end = len(stored) if end < 0 else end
        yield stored[start:end]
        start = end + 1


class _Reading:
    """What has been read of a catalogue."""

    def __init__(self) -> None:
        self.functions: dict[str, FunctionDocument] = {}
        #: Whether nothing was left out.
        self.is_whole = True
        self.weight = 0
        self._values = _MOST_VALUES_IN_ALL
        self._schedules = _MOST_SCHEDULES

    def add(self, line: bytes) -> None:
        """Read one function, or leave it out if it does not even have a name."""
        document = self._decoded(line)
        name: Any = document.get("name") if isinstance(document, dict) else None
        if not _is_name(name):
            self.is_whole = False
        elif name in self.functions:  # which of them it is cannot be known
            self.functions[name] = FunctionDocument(name=name)
        else:
            self.functions[name] = self._described(name, document)
            self.weight += _FUNCTION_WEIGHT

    def _scheduled(self, document: dict[str, Any]) -> tuple[Schedule, ...]:
        found = read_schedules(document.get("schedules"), most=self._schedules)
        self._schedules -= len(found)
        self.weight += len(found) * _SCHEDULE_WEIGHT
        return found

    def _decoded(self, line: bytes) -> Any:
        # The decoder blocks all threads until it has read the whole line.
        if len(line) > LONGEST_FUNCTION:
            return None
        try:
            return orjson.loads(line)
        except ValueError:
            return None

    def _described(self, name: str, document: dict[str, Any]) -> FunctionDocument:
        most = min(_MOST_VALUES, self._values)
        budget, schedules = ValueBudget(most), self._scheduled(document)
        try:
            found = _function(name, document, budget, schedules)
            found.digest  # noqa: B018 - it is kept; here it blocks no event loop
        except (DecodeError, TypeError):
            found = FunctionDocument(name=name, schedules=schedules)
        else:
            self.weight += (most - budget.left) * _VALUE_WEIGHT
        self._values -= most - max(budget.left, 0)
        return found


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def _function(
    name: str, document: dict[str, Any], budget: ValueBudget, schedules: tuple[Schedule, ...]
) -> FunctionDocument:
    definitions = _checked(document.get("$defs", {}), dict, most=_MOST_DEFINITIONS)
    for schema in definitions.values():
        budget.check_schema(schema, definitions)
    returns = document.get("returns", True)
    budget.check_schema(returns, definitions)
    return FunctionDocument(
        name=name,
        description=_text(document.get("description")),
        parameters=_parameters(document.get("parameters"), definitions, budget),
        returns=returns,
        returns_description=_text(document.get("returns_description")),
        definitions=definitions,
        timeout=_number(document.get("timeout")),
        max_tries=None if (tries := _number(document.get("max_tries"))) is None else int(tries),
        schedules=schedules,
    )


def _parameters(found: Any, definitions: dict[str, Any], budget: ValueBudget) -> tuple[Parameter, ...] | None:
    if found is None:
        return None
    documents = _checked(found, list, most=_MOST_PARAMETERS)
    parameters = tuple(_parameter(each, definitions, budget) for each in documents)
    if not is_signature(parameters):
        raise DecodeError("these are not parameters of a function")
    return parameters


def _parameter(found: Any, definitions: dict[str, Any], budget: ValueBudget) -> Parameter:
    document = _checked(found, dict, most=_MOST_PARAMETERS)
    name, kind, required = document.get("name"), document.get("kind"), document.get("required")
    schema, default = document.get("schema", True), document.get("default", NO_DEFAULT)
    if not (isinstance(name, str) and name.isidentifier() and isinstance(required, bool)):
        raise DecodeError("this is not a parameter of a function")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise DecodeError("this is not a kind of parameter")
    budget.check_schema(schema, definitions)
    if default is not NO_DEFAULT:
        budget.check_plain(default)
    return Parameter(
        name=name,
        kind=ParameterKind(kind),
        required=required,
        default=default,
        schema=schema,
        description=_text(document.get("description")),
    )


def _checked(value: Any, kind: type[Any], *, most: int) -> Any:
    if not isinstance(value, kind) or len(value) > most:
        raise DecodeError(f"this is not a {kind.__name__} of at most {most} members")
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise DecodeError("a description must be a text")


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise DecodeError("a limit must be a number")
    return value
