"""Walks over JSON Schemas: what they refer to, and what they say together."""

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, Final

Definitions = Mapping[str, Any]
_POINTER: Final = "#/$defs/"
#: What names a schema's alternatives.
UNIONS: Final = ("anyOf", "oneOf")

#: Type of a single value -> the types of a schema that allow it.
_KINDS: Final = {
    bool: ("boolean",),
    float: ("number",),
    int: ("integer", "number"),
    NoneType: ("null",),
    str: ("string",),
}


def target(schema: Mapping[str, Any]) -> str:
    """Return the name of the definition that a schema refers to; empty if there is none."""
    pointer = schema.get("$ref")
    if not isinstance(pointer, str) or not pointer.startswith(_POINTER):
        return ""
    return pointer.removeprefix(_POINTER).replace("~1", "/").replace("~0", "~")


def members(value: object) -> list[Any]:
    """Return the members of an array; of anything else none."""
    return value if isinstance(value, list) else []


def parts(schema: object) -> Iterator[Mapping[str, Any]]:
    """Yield every object inside a schema, itself first."""
    rest = [schema]
    while rest:
        each = rest.pop()
        if isinstance(each, Mapping):
            yield each
            rest += each.values()
        else:
            rest += members(each)


def is_deeper(value: object, limit: int) -> bool:
    """Whether more than `limit` arrays and objects are inside each other."""
    level = [value]
    for _ in range(limit):
        below = [one.values() if isinstance(one, Mapping) else members(one) for one in level]
        level = [each for one in below for each in one if isinstance(each, Mapping | list)]
    return bool(level)


def is_endless(name: str, definitions: Definitions) -> bool:
    """Whether a definition is, without an array or object between, one of its own alternatives."""
    seen: set[str] = set()
    rest = [definitions.get(name)]
    while rest:
        schema = rest.pop()
        if not isinstance(schema, Mapping):
            continue
        rest += [one for key in (*UNIONS, "allOf") for one in members(schema.get(key))]
        if (further := target(schema)) and further not in seen:
            seen.add(further)
            rest.append(definitions.get(further))
    return name in seen


def merged(schema: Mapping[str, Any], definitions: Definitions) -> Mapping[str, Any] | None:
    """Return one schema for all of an `allOf`; None if they are not all objects with properties."""
    every = [schema, *members(schema.get("allOf"))]
    resolved = [definitions.get(target(one), one) if isinstance(one, Mapping) else one for one in every]
    properties: dict[str, Any] = {}
    required: list[Any] = []
    for one in resolved:
        own = one.get("properties", {}) if isinstance(one, Mapping) else None
        if not isinstance(own, Mapping) or (one is not schema and not own):
            return None
        properties |= own
        required += members(one.get("required"))
    rest = {key: value for key, value in schema.items() if key != "allOf"}
    return rest | {"type": "object", "properties": properties, "required": required}


def allows(schema: object, definitions: Definitions, value: str | float | None) -> bool:
    """Whether a schema allows a single value, as far as its type says; its bounds are not looked at."""
    seen: set[str] = set()
    rest = [schema]
    while rest:
        one = rest.pop()
        if isinstance(one, Mapping) and (name := target(one)) and name not in seen:
            seen.add(name)
            rest.append(definitions.get(name))
        elif _allows(one, value):
            return True
        elif isinstance(one, Mapping):
            rest += [each for key in UNIONS for each in members(one.get(key))]
    return False


def _allows(schema: object, value: str | float | None) -> bool:
    """Whether a schema allows a value without a look at its alternatives."""
    if not isinstance(schema, Mapping) or not schema:
        return schema is not False
    if "const" in schema or "enum" in schema:
        allowed = [schema.get("const"), *members(schema.get("enum"))]
        return any(type(one) is type(value) and one == value for one in allowed)
    kinds = schema.get("type")
    return any(kind in _KINDS[type(value)] for kind in (kinds if isinstance(kinds, list) else [kinds]))
