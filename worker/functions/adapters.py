"""pydantic's side of a typed function: what validates its arguments, and what describes them.

Importing it imports pydantic, which takes a while: only for workers whose functions have hints.
"""

from collections import abc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, NotRequired, get_args, get_origin

from pydantic import ConfigDict, EncodedBytes, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
from pydantic_core import CoreConfig, SchemaSerializer
from typing_extensions import TypedDict

from jobgate.worker.functions.schema_generator import SchemaGenerator

_CONFIG = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
_REFERENCE = "#/$defs/"


@dataclass(frozen=True, slots=True)
class TypedValue:
    """A parameter or a return value with a hint."""

    name: str
    hint: Any
    #: Whether it is always there.
    required: bool = True


@dataclass(slots=True)
class Adapters:
    """What pydantic made of the hints of one function."""

    #: Validates a dict of arguments; None = no argument is to be validated.
    arguments: TypeAdapter[Any] | None = None
    #: Turns `{name: value}` into plain data; None = there is nothing to turn.
    returns: SchemaSerializer | None = None
    #: Name of a parameter, or `RETURN` -> its schema.
    schemas: dict[str, Any] = field(default_factory=dict)
    #: Name -> the schemas that these refer to.
    definitions: dict[str, Any] = field(default_factory=dict)
    #: Name -> why its hint is not used, for people.
    unusable: dict[str, str] = field(default_factory=dict)


def adapters_of(arguments: Iterable[TypedValue], returns: TypedValue | None) -> Adapters:
    """Return the adapters of a function.

    A hint that pydantic cannot use accepts anything. Where nothing is to be done about that, as for a class
    that is no data, it is not reported.
    """
    values = [_usable(one) for one in arguments]
    returns = None if returns is None else _usable(returns)
    try:
        return _adapters(values, returns)
    except _Unusable:
        pass
    made = Adapters()
    good = [one for one in values if _is_good(made, [one], None)]
    good_return = returns if returns is not None and _is_good(made, [], returns) else None
    return _with(_adapters(good, good_return), made.unusable)


class _Unusable(Exception):
    """pydantic cannot use a hint. Its text is for people; empty = nothing is to be done about it."""


def _is_good(made: Adapters, arguments: list[TypedValue], returns: TypedValue | None) -> bool:
    try:
        _adapters(arguments, returns)
    except _Unusable as error:
        if text := str(error):
            made.unusable[returns.name if returns else arguments[0].name] = text
        return False
    return True


def _with(made: Adapters, unusable: dict[str, str]) -> Adapters:
    made.unusable = unusable
    return made


def _adapters(arguments: list[TypedValue], returns: TypedValue | None) -> Adapters:
    taken = _adapter("Arguments", arguments) if arguments else None
    returned = _adapter("Returned", [returns]) if returns is not None else None
    try:
        schemas, definitions = _schemas(taken, returned)
        # The settings of its dict alone would not reach it.
        serializer = returned and SchemaSerializer(returned.core_schema, CoreConfig(ser_json_bytes="base64"))
    except _Unusable:
        raise
    except Exception as error:  # a type's own code
        raise _Unusable(f"{type(error).__name__}: {error}") from error
    return Adapters(arguments=taken, returns=serializer, schemas=schemas, definitions=definitions)


def _adapter(name: str, values: list[TypedValue]) -> TypeAdapter[Any]:
    members = {one.name: one.hint if one.required else NotRequired[one.hint] for one in values}
    try:
        make: Any = TypedDict  # whose members type checkers want to know beforehand
        typed = make(name, members)
        typed.__pydantic_config__ = _CONFIG
        return TypeAdapter(typed)
    except PydanticSchemaGenerationError as error:  # a class that is no data
        raise _Unusable from error
    except PydanticUserError as error:
        raise _Unusable(error.message) from error
    except Exception as error:  # pydantic's other errors, and those of a type's own code
        raise _Unusable(f"{type(error).__name__}: {error}") from error


def _schemas(
    arguments: TypeAdapter[Any] | None, returns: TypeAdapter[Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas of all values by name, and the definitions that they refer to."""
    generator = SchemaGenerator()
    inputs: list[Any] = [("validation", arguments.core_schema)] if arguments else []
    inputs += [("serialization", returns.core_schema)] if returns else []
    made, definitions = generator.schemas(inputs)
    if generator.met_unknown:
        raise _Unusable
    schemas: dict[str, Any] = {}
    for schema in made:
        whole = definitions[schema["$ref"].removeprefix(_REFERENCE)] if "$ref" in schema else schema
        schemas |= whole["properties"]
    return schemas, _reachable(schemas, definitions)


def _reachable(schemas: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definitions that the schemas refer to, and those that these refer to."""
    found: dict[str, Any] = {}
    pending = list(_references(schemas))
    while pending:
        name = pending.pop().removeprefix(_REFERENCE)
        if name not in found:
            found[name] = definitions[name]
            pending += _references(definitions[name])
    return found


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for one in schema.values():
            yield from _references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def _usable(one: TypedValue) -> TypedValue:
    """Return a value with a hint that pydantic takes as it is meant."""
    if get_origin(one.hint) is abc.Iterable:
        # pydantic would check the elements of others than lists as the function runs.
        return replace(one, hint=list[get_args(one.hint)])  # type: ignore[misc]
    if get_origin(one.hint) is Annotated:
        # It decodes base64, which is done here already.
        kept = [each for each in get_args(one.hint) if not isinstance(each, EncodedBytes)]
        return replace(one, hint=Annotated[tuple(kept)] if len(kept) > 1 else kept[0])
    return one
