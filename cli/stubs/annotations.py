"""The Python type of a JSON Schema, as the text of an annotation."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from types import NoneType
from typing import Any, Final, Protocol

from jobgate.cli.stubs.schemas import UNIONS, Definitions, is_endless, members, merged, target
from jobgate.cli.stubs.texts import quoted


class Way(Enum):
    """Which way a value goes: the client also takes real dates and the like, and returns what JSON brings."""

    ARGUMENT = "argument"
    RESULT = "result"


#: Name in an annotation -> the module that it is imported from.
IMPORTS: Final = {
    "Any": "typing",
    "Literal": "typing",
    "Never": "typing",
    "NotRequired": "typing",
    "TypeAlias": "typing",
    "TypedDict": "typing",
    "Decimal": "decimal",
    "date": "datetime",
    "datetime": "datetime",
    "time": "datetime",
    "timedelta": "datetime",
    "UUID": "uuid",
}
_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_TYPES: Final = {str: "str", int: "int", float: "float", bool: "bool", NoneType: "None"}
#: Builtins that annotations use.
BUILTINS: Final = frozenset({"bytes", "dict", "list", "set", "tuple", *_SCALARS.values()})
#: Format of a string -> what the client turns into such a string.
_FORMATS: Final = {
    "date": "date",
    "date-time": "datetime",
    "duration": "timedelta",
    "time": "time",
    "uuid": "UUID",
}


class Models(Protocol):
    """Gives names to types that need one."""

    def name_of(self, schema: Any, wanted: str, definitions: Definitions, way: Way) -> str:
        """Return the name of the type that the module has for a schema."""


def depends_on_way(schema: Mapping[str, Any]) -> bool:
    """Whether this part of a schema has another type as an argument than as a result."""
    return bool("prefixItems" in schema or schema.get("uniqueItems") or _real(schema) or _is_decimal(schema))


def _real(schema: Mapping[str, Any]) -> str | None:
    """Return what the client turns into such a string; None if nothing."""
    is_base64 = schema.get("contentEncoding") == "base64"
    return "bytes" if is_base64 else _FORMATS.get(str(schema.get("format")))


def _is_decimal(schema: Mapping[str, Any]) -> bool:
    """Whether a schema allows a number or its digits, as a worker describes a Decimal."""
    either = [one for one in members(schema.get("anyOf")) if isinstance(one, Mapping)]
    is_number = any(one.get("type") == "number" for one in either)
    return is_number and any(one.get("type") == "string" and "pattern" in one for one in either)


class Annotator:
    """Writes the annotations of one function, for one way.

    Args:
        models: Names objects with properties, and definitions.
        definitions: Those to which the function's schemas refer.
        way: Which way the values go.
    """

    def __init__(self, models: Models, definitions: Definitions, way: Way) -> None:
        self._models = models
        self._definitions = definitions
        self._way = way

    def type_of(self, schema: object, wanted: str) -> str:
        """Return the type of a schema; `wanted` is a name for it, should it need one."""
        return self._union([schema], wanted)

    def _union(self, schemas: Iterable[object], wanted: str) -> str:
        """Return the union of types, `None` last; for no types, the type that no value has."""
        single = dict.fromkeys(one for schema in schemas for one in self._alternatives(schema, wanted))
        if "Any" in single:
            return "Any"
        return " | ".join(sorted(single, key=lambda name: name == "None")) or "Never"

    def _alternatives(self, schema: object, wanted: str) -> Iterator[str]:
        """Yield the types that a schema allows."""
        if not isinstance(schema, Mapping):
            yield from () if schema is False else ("Any",)
        elif "$ref" in schema:
            yield self._reference(target(schema))
        elif "const" in schema or isinstance(schema.get("enum"), list):
            yield from _literals([schema["const"]] if "const" in schema else schema["enum"])
        elif several := [one for key in UNIONS for one in members(schema.get(key))]:
            if _is_decimal(schema) and self._way is Way.ARGUMENT:
                yield "Decimal"
            for one in several:
                yield from self._alternatives(one, wanted)
        elif "allOf" in schema:
            yield from self._all_of(schema, wanted)
        else:
            for kind in kinds if isinstance(kinds := schema.get("type"), list) else [kinds]:
                yield from self._typed(kind, schema, wanted)

    def _reference(self, name: str) -> str:
        if name not in self._definitions or is_endless(name, self._definitions):
            return "Any"
        return self._models.name_of(self._definitions[name], name, self._definitions, self._way)

    def _all_of(self, schema: Mapping[str, Any], wanted: str) -> Iterator[str]:
        every = members(schema["allOf"])
        alone = every[0] if len(every) == 1 and "properties" not in schema else None
        return self._alternatives(alone or merged(schema, self._definitions), wanted)

    def _typed(self, kind: object, schema: Mapping[str, Any], wanted: str) -> Iterator[str]:
        match kind:
            case "string":
                real = _real(schema)
                yield from (real, "str") if real and self._way is Way.ARGUMENT else ("str",)
            case "array":
                yield from self._array(schema, f"{wanted} Item")
            case "object":
                yield self._object(schema, wanted)
            case None if schema.get("properties"):
                yield self._object(schema, wanted)
            case _:
                yield _SCALARS.get(str(kind), "Any")

    def _array(self, schema: Mapping[str, Any], wanted: str) -> Iterator[str]:
        first = members(schema.get("prefixItems"))
        is_fixed = bool(first) and (schema.get("items") is False or schema.get("maxItems") == len(first))
        if is_fixed and self._way is Way.ARGUMENT and schema.get("minItems") == len(first):
            yield f"tuple[{', '.join(self.type_of(one, wanted) for one in first)}]"
            return
        items = self._union([*first, *([] if is_fixed else [schema.get("items", True)])], wanted)
        yield f"list[{items}]"
        if schema.get("uniqueItems") is True and self._way is Way.ARGUMENT:
            yield f"set[{items}]"

    def _object(self, schema: Mapping[str, Any], wanted: str) -> str:
        if has_properties(schema):
            title = schema.get("title")
            name = title if isinstance(title, str) else wanted
            return self._models.name_of(schema, name, self._definitions, self._way)
        patterns = schema.get("patternProperties")
        values = list(patterns.values()) if isinstance(patterns, Mapping) else []
        values.append(schema.get("additionalProperties", not values))
        return f"dict[str, {self._union(values, f'{wanted} Value')}]"


def has_properties(schema: object) -> bool:
    """Whether a schema names the members of an object, and is nothing else."""
    return (
        isinstance(schema, Mapping)
        and isinstance(schema.get("properties"), Mapping)
        and bool(schema["properties"])
        and not {"$ref", "const", "enum", "allOf", *UNIONS} & schema.keys()
        and schema.get("type", "object") == "object"
    )


def _literals(values: list[Any]) -> Iterator[str]:
    """Yield `Literal[…]` where it can hold all values, else their types."""
    if all(value is None or isinstance(value, str | int) for value in values):
        named = dict.fromkeys(quoted(one) if isinstance(one, str) else repr(one) for one in values)
        without_none = [name for name in named if name != "None"]
        if without_none:
            yield f"Literal[{', '.join(without_none)}]"
        yield from ("None",) if "None" in named else ()
    else:
        for value in values:
            yield _TYPES.get(type(value), "Any")
