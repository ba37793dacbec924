"""The operation of one function in the OpenAPI document: `POST /jobs/<name>` with its own types.

The document describes one way to give each argument, although the gateway accepts all that Python does: by
name where that is possible, else in `args`. With a choice of two bodies, the compilers of callers would say
of a wrong argument that it fits neither, and no longer refuse unknown ones. For the same reason a body is one
flat object that repeats the options, not an `allOf` of options and arguments.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from jobgate.broker import BY_NAME, BY_PLACE, NO_DEFAULT, FunctionDocument, Parameter, ParameterKind
from jobgate.gateway.openapi.schema_writer import SchemaWriter, plain_text

#: Most lengths of a tuple that are described one by one.
_MOST_LENGTHS: Final = 8


def path_of(function: str) -> str:
    """Return the path of a function's operation."""
    return f"/jobs/{quote(function, safe=':')}"


def request_body(
    document: FunctionDocument, writer: SchemaWriter, general: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body of a function's operation.

    Args:
        document: The function; its parameters are known.
        writer: Writes its schemas.
        general: The schema of a request of any function.
    """
    parameters = document.parameters or ()
    takes_more = any(one.kind is ParameterKind.VAR_POSITIONAL for one in parameters)
    by_place = [one for one in parameters if one.kind in (BY_PLACE if takes_more else BY_PLACE[:1])]
    by_name = [one for one in parameters if one.kind in BY_NAME and one not in by_place]
    members = _args(parameters, by_place, writer) | _kwargs(parameters, by_name, writer)
    needs = {"args": any(map(_is_needed, by_place)), "kwargs": any(map(_is_needed, by_name))}
    required = [name for name in members if needs[name]]
    options = {name: one for name, one in general["properties"].items() if name not in {"args", "kwargs"}}
    rules = {name: general[name] for name in ("type", "additionalProperties", "not")}
    schema = rules | {"properties": members | options}
    return {
        "required": bool(required),
        "content": {"application/json": {"schema": schema | ({"required": required} if required else {})}},
    }


def _is_needed(parameter: Parameter) -> bool:
    return parameter.required


def _args(
    parameters: Sequence[Parameter], by_place: Sequence[Parameter], writer: SchemaWriter
) -> dict[str, Any]:
    """Return the member `args`; empty if the function has no parameters that need it."""
    more = [one for one in parameters if one.kind is ParameterKind.VAR_POSITIONAL]
    if not by_place and not more:
        return {}
    least = sum(map(_is_needed, by_place))
    schemas = [writer.write(one.schema) for one in by_place]
    if more or len(by_place) - least >= _MOST_LENGTHS:
        # Generators know no tuple whose end is open.
        items = _any_of([*schemas, *(writer.write(one.schema) for one in more)])
        bounds = {"minItems": least} | ({} if more else {"maxItems": len(by_place)})
        schema = {"type": "array", "items": items} | bounds
    else:
        lengths = range(max(least, 1), len(by_place) + 1)
        schema = _any_of([_tuple(schemas[:length]) for length in lengths])
    return {"args": schema | {"description": _listed([*by_place, *more])}}


def _tuple(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "array", "prefixItems": schemas, "minItems": len(schemas), "maxItems": len(schemas)}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    different = [one for at, one in enumerate(schemas) if one not in schemas[:at]]
    return different[0] if len(different) == 1 else {"anyOf": different}


def _listed(parameters: Sequence[Parameter]) -> str:
    """Return the names of parameters, which a list of values does not show, and what is said of them."""
    said = [(one.name, " ".join(plain_text(one.description).split())) for one in parameters]
    stars = {one.name: "*" for one in parameters if one.kind is ParameterKind.VAR_POSITIONAL}
    return "\n".join(f"- {stars.get(name, '')}{name}{text and ': '}{text}" for name, text in said)


def _kwargs(
    parameters: Sequence[Parameter], by_name: Sequence[Parameter], writer: SchemaWriter
) -> dict[str, Any]:
    """Return the member `kwargs`; empty if nothing can be given by name."""
    more = [one for one in parameters if one.kind is ParameterKind.VAR_KEYWORD]
    if not by_name and not more:
        return {}
    schema: dict[str, Any] = {"type": "object", "additionalProperties": bool(more)}
    if by_name:
        schema["properties"] = {one.name: _parameter(one, writer) for one in by_name}
    elif more[0].schema is not True:
        schema["additionalProperties"] = writer.write(more[0].schema)
    required = [one.name for one in by_name if one.required]
    return {"kwargs": schema | ({"required": required} if required else {})}


def _parameter(parameter: Parameter, writer: SchemaWriter) -> dict[str, Any]:
    written = writer.write(parameter.schema)
    if text := plain_text(parameter.description):
        written["description"] = text
    if parameter.default is not NO_DEFAULT:
        written["default"] = parameter.default
    return written


def succeeded(document: FunctionDocument, writer: SchemaWriter, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of the outcome with a function's return value, after that of any function."""
    result = writer.write(document.returns)
    text = plain_text(document.returns_description)
    function = {"type": "string", "const": document.name}
    result |= {"description": text} if text else {}
    return {**base, "properties": {**base["properties"], "function": function, "result": result}}


def summary_and_description(document: FunctionDocument) -> tuple[str, str]:
    """Return the first line of what a function says of itself, or its name, and the whole text."""
    text = plain_text(document.description)
    first = text.partition("\n")[0].strip()
    return (first[:_LONGEST_SUMMARY] or document.name), text


_LONGEST_SUMMARY: Final = 120
