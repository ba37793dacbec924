"""Finds what is wrong with arguments that a validator refuses, and says it in sentences.

jsonschema-rs' own list of errors is not used: it makes all errors before it returns the first, which takes
seconds for a long list of wrong items, and for nested unions longer than anyone waits. Here schema and value
are walked side by side, for a bounded time. Keywords without schemas inside are checked by jsonschema-rs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from time import thread_time
from typing import Any, Final

from jobgate.broker import MOST_MISFITS, ArgumentPath, KnownPattern, Schema, definition_of, did_you_mean
from jobgate.gateway.arguments.checkable_schema import PLAIN
from jobgate.gateway.arguments.schema_phrases import is_known_pattern, quoted, sentence, type_phrase
from jobgate.gateway.arguments.union_errors import Error, nearest

#: Whether a value meets a schema.
Meets = Callable[[Any], bool]

#: Seconds of the event loop for one call.
MOST_TIME: Final = 0.04
_UNKNOWN_ERROR: Final = "It does not fit the function's schema."
#: Arrays and objects with more values are searched by the validator, so many items at a time.
_FEW: Final = 16
_MANY: Final = 64
#: Characters of a decimal number whose bounds are shown.
_LONGEST_DECIMAL: Final = 256
#: Keywords that are checked together with others.
_TOGETHER: Final = {"if": ("if", "then", "else"), "contains": ("contains", "minContains", "maxContains")}
_WALKED: Final = frozenset({"type", "enum", "const", "required", "minContains", "maxContains"})
_OTHER: Final = ("not", "if", "contains", "dependentSchemas")


class _OutOfTime(Exception):
    """The search is given up."""


class ErrorSearch:
    """One search for errors.

    Args:
        definitions: What schemas refer to.
        compiled: Returns the check by jsonschema-rs of a part of the schemas.
        seconds: How long it may take.
    """

    def __init__(
        self,
        definitions: Mapping[str, Schema],
        compiled: Callable[[Mapping[str, Any]], Meets],
        seconds: float = MOST_TIME,
    ) -> None:
        self._definitions = definitions
        self._compiled = compiled
        self._until = thread_time() + seconds

    def find(self, properties: Mapping[str, Schema], bound: Mapping[str, Any]) -> list[Error]:
        """Return the first errors of bound arguments; at least one, because a validator has refused them."""
        found: list[Error] = []
        with suppress(_OutOfTime, RecursionError):
            for name, value in bound.items():
                if name in properties:
                    found += islice(self._errors(properties[name], value, (name,)), MOST_MISFITS - len(found))
        return found or [((self._refused(properties, bound),), _UNKNOWN_ERROR)]

    def _refused(self, properties: Mapping[str, Schema], bound: Mapping[str, Any]) -> str:
        """Return the name of an argument that is not accepted, found without a search inside."""
        names = [name for name in bound if name in properties]
        wrong = (one for one in names if not self._meets({"properties": {one: properties[one]}}, bound))
        return next(wrong, names[0])

    def _meets(self, schema: Mapping[str, Any], value: Any) -> bool:
        return self._compiled(schema)(value)

    def _resolved(self, schema: Schema) -> Schema:
        """Return the schema that a schema refers to, if it does nothing else."""
        while isinstance(schema, Mapping) and schema.keys() == {"$ref"}:
            schema = self._definitions[definition_of(schema["$ref"]) or ""]
        return schema

    def _errors(self, schema: Schema, value: Any, path: ArgumentPath) -> Iterator[Error]:
        """Yield what is wrong with a value."""
        self._require_time()
        if isinstance(schema, bool):
            if not schema:
                yield path, "Nothing is accepted here."
            return
        if wrong := self._wrong_kind(schema, value):
            yield path, wrong
            return
        for keyword in schema:
            if (
                keyword in PLAIN
                and keyword not in _WALKED
                and not self._meets({keyword: schema[keyword]}, value)
            ):
                yield path, sentence(keyword, schema[keyword])
                if is_known_pattern(keyword, schema):
                    return  # bounds for another type say nothing about this value
        if isinstance(value, dict):
            yield from self._members(schema, value, path)
        elif isinstance(value, list):
            yield from self._items(schema, value, path)
        yield from self._in_place(schema, value, path)

    def _require_time(self) -> None:
        if thread_time() > self._until:
            raise _OutOfTime

    def _wrong_kind(self, schema: Mapping[str, Any], value: Any) -> str | None:
        """Return what is wrong with the type of a value, or with the value as a whole."""
        if "type" in schema and not self._meets({"type": schema["type"]}, value):
            return f"It must be {type_phrase(schema['type'], schema)}."
        for keyword in ("const", "enum"):
            if keyword in schema and not self._meets({keyword: schema[keyword]}, value):
                return sentence(keyword, schema[keyword])
        return None

    def _in_place(self, schema: Mapping[str, Any], value: Any, path: ArgumentPath) -> Iterator[Error]:
        if "$ref" in schema:
            yield from self._errors(self._definitions[definition_of(schema["$ref"]) or ""], value, path)
        for one in schema.get("allOf", ()):
            yield from self._errors(one, value, path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                yield from self._union(keyword, schema[keyword], value, path)
        for keyword in _OTHER:
            together = {one: schema[one] for one in _TOGETHER.get(keyword, (keyword,)) if one in schema}
            if keyword in schema and not self._meets(together, value):
                yield path, sentence(keyword, schema[keyword])

    def _union(self, keyword: str, branches: list[Schema], value: Any, path: ArgumentPath) -> Iterator[Error]:
        found = [list(islice(self._errors(one, value, path), MOST_MISFITS)) for one in branches]
        fitting = found.count([])
        if not fitting:
            resolved = [self._resolved(one) for one in branches]
            yield from self._decimal(resolved, value, path) or nearest(resolved, found, value, path)
        elif fitting > 1 and keyword == "oneOf":
            yield path, "It fits more than one of the forms that the function accepts: only one may fit."

    def _decimal(self, branches: list[Schema], value: Any, path: ArgumentPath) -> list[Error]:
        """Return what is wrong with a decimal number that is written as text, as if it were a JSON number.

        As text its bounds are regular expressions, which say nothing to a reader.
        """
        objects = [one for one in branches if isinstance(one, Mapping)]
        if not isinstance(value, str) or len(value) > _LONGEST_DECIMAL:
            return []
        if all(one.get("pattern") != KnownPattern.PLAIN_DECIMAL for one in objects):
            return []
        if not self._meets({"pattern": KnownPattern.PLAIN_DECIMAL.value}, value):
            return []
        numbers = [one for one in objects if one.get("type") == "number"]
        return [error for one in numbers for error in self._errors(one, float(value), path)][:MOST_MISFITS]

    def _members(
        self, schema: Mapping[str, Any], value: Mapping[str, Any], path: ArgumentPath
    ) -> Iterator[Error]:
        for name in schema.get("required", ()):
            if name not in value:
                yield path, f"The required member {quoted(name)} is missing."
        known = schema.get("properties", {})
        patterns = schema.get("patternProperties", {})
        others = schema.get("additionalProperties", True)
        skips = self._skips(others, value)
        for name, one in value.items():
            self._require_time()  # each name costs a comparison with expressions, or with all known names
            inside = [known[name]] if name in known else []
            inside += [patterns[each] for each in patterns if self._meets({"pattern": each}, name)]
            if not inside and others is False:
                hint = did_you_mean(name, known)
                yield (*path, name), f"There is no member of this name{hint or '.'}"
            elif not inside and not skips(one):
                inside = [others]
            for each in inside:
                yield from self._errors(each, one, (*path, name))
            if "propertyNames" in schema:
                for _, wrong in self._errors(schema["propertyNames"], name, ()):
                    yield (*path, name), f"The name does not fit: {wrong}"

    def _items(self, schema: Mapping[str, Any], value: list[Any], path: ArgumentPath) -> Iterator[Error]:
        first = schema.get("prefixItems", [])
        for place, (one, its_schema) in enumerate(zip(value, first, strict=False)):
            yield from self._errors(its_schema, one, (*path, place))
        others = schema.get("items", True)
        if others is False and len(value) > len(first):
            yield (*path, len(first)), f"The array has more items than the {len(first)} that are accepted."
        elif not isinstance(others, bool):
            for place in self._refused_places(others, value, len(first)):
                yield from self._errors(others, value[place], (*path, place))

    def _refused_places(self, schema: Mapping[str, Any], items: list[Any], start: int) -> Iterator[int]:
        """Yield where items may be refused. The validator looks at many of them at once."""
        meet = self._compiled({"items": schema})
        for place in range(start, len(items), _MANY):
            self._require_time()
            some = items[place : place + _MANY]
            if len(items) <= _FEW or not meet(some):
                yield from range(place, place + len(some))

    def _skips(self, schema: Schema, values: Mapping[str, Any]) -> Callable[[Any], bool]:
        """Return what recognises values that need no search: accepted ones, in a large object."""
        if isinstance(schema, bool):
            return lambda _: schema
        if len(values) <= _FEW:
            return lambda _: False

        meets = self._compiled(schema)

        def check(value: Any) -> bool:
            self._require_time()
            return meets(value)

        return check
