"""The part of a published schema that is checked.

Schemas come from Redis, so nothing of them reaches the validator that is not known here: no `$id`, no
`$schema`, no reference to another place than `#/$defs/<name>`. Annotations are left out. A keyword that could
not be left out without a change of meaning makes the whole schema uncheckable.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jobgate.broker import Schema, definition_of

#: JSON values in the schemas of one function, and characters of their strings.
MOST_VALUES: Final = 20_000
MOST_TEXT: Final = 65_536
#: Levels of nesting in one schema, references not counted.
DEEPEST: Final = 48


#: Keywords whose value is a schema.
ONE: Final = frozenset(
    {"additionalProperties", "propertyNames", "items", "contains", "not", "if", "then", "else"}
)
#: Keywords whose value is a list of schemas.
LISTED: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
#: Keywords whose value is an object of schemas.
NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
#: Keywords without schemas.
PLAIN: Final = frozenset(
    {"type", "enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
     "minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minContains",
     "maxContains", "minProperties", "maxProperties", "required", "dependentRequired"}
)  # fmt: skip
#: Types of their values, where they are read before the validator has checked them.
_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "type": (str, list),
    "enum": list,
    "required": list,
    "pattern": str,
    "format": str,
}
#: They change what a schema means, and are not checked.
_FOREIGN: Final = frozenset(
    {"$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor", "$vocabulary",
     "unevaluatedItems", "unevaluatedProperties", "dependencies", "additionalItems"}
)  # fmt: skip


class Uncheckable(Exception):
    """A schema that is not checked, and why."""


def schemas_in(schema: Schema) -> Iterator[Mapping[str, Any]]:
    """Yield a trimmed schema and all schemas inside it, without following references."""
    if isinstance(schema, bool):
        return
    yield schema
    for keyword, value in schema.items():
        inside = [value] if keyword in ONE else value if keyword in LISTED else ()
        for one in value.values() if keyword in NAMED else inside:
            yield from schemas_in(one)


class Trimmer:
    """Copies the schemas of one function, without what is not checked.

    Args:
        definitions: What the schemas refer to.
    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        #: JSON values that were read.
        self.values = 0
        self._text = 0
        #: Names of used definitions that are to be trimmed.
        self._pending: list[str] = []
        #: The definitions that were referred to so far.
        self.used: dict[str, Schema] = {}

    def trim(self, schema: Schema) -> Schema:
        """Return the checked part of a schema; what it refers to joins `used`.

        Raises:
            Uncheckable: It is too large, or not a schema that is checked here.
        """
        self._pending.clear()
        trimmed = self._trim(schema, DEEPEST)
        while self._pending:
            name = self._pending.pop()
            self.used[name] = self._trim(self._definitions[name], DEEPEST)
        return trimmed

    def _trim(self, schema: Any, levels: int) -> Schema:
        self._spend(schema)
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict) or not levels:
            raise Uncheckable("a schema is not an object, or is nested too deep")
        return dict(self._keywords(schema, levels - 1))

    def _keywords(self, schema: dict[str, Any], levels: int) -> Iterator[tuple[str, Any]]:
        for keyword, value in schema.items():
            if keyword in PLAIN:
                self._spend_all(_typed(value, _TYPES.get(keyword, object)), levels)
                yield keyword, value
            elif keyword in ONE:
                yield keyword, self._trim(value, levels)
            elif keyword in LISTED:
                yield keyword, [self._trim(one, levels) for one in _typed(value, list)]
            elif keyword in NAMED:
                named = _typed(value, dict).items()
                yield keyword, {self._string(name): self._trim(one, levels) for name, one in named}
            elif keyword == "$ref":
                yield keyword, self._reference(value)
            elif keyword in _FOREIGN:
                raise Uncheckable(f"schemas with {keyword} are not checked")

    def _reference(self, value: Any) -> str:
        reference = self._string(value)
        name = definition_of(reference)
        if name is None or "%" in name or name not in self._definitions:
            raise Uncheckable("a $ref leads to another place than the function's own $defs")
        if name not in self.used:
            self.used[name] = True
            self._pending.append(name)
        return reference

    def _spend_all(self, value: Any, levels: int) -> None:
        """Count all values inside a value that is copied as it is."""
        self._spend(value)
        if isinstance(value, list | dict) and not levels:
            raise Uncheckable("a schema is nested too deep")
        for one in value if isinstance(value, list) else ():
            self._spend_all(one, levels - 1)
        for name, one in value.items() if isinstance(value, dict) else ():
            self._spend_all(name, levels - 1)
            self._spend_all(one, levels - 1)

    def _spend(self, value: Any) -> None:
        self.values += 1
        self._text += len(value) if isinstance(value, str) else 0
        if self.values > MOST_VALUES or self._text > MOST_TEXT:
            raise Uncheckable("its schemas are too large")

    def _string(self, value: Any) -> str:
        self._spend(value)
        return str(_typed(value, str))


def _typed(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise Uncheckable("a keyword of a schema has a value of another type")
    return value
