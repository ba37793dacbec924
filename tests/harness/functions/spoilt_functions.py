"""Functions whose schemas are odd or wrong, as anybody may write them into Redis."""

from typing import Any

from harness.functions.many_functions import DEFINITIONS, INTEGER, function, parameter
from jobgate.broker import FunctionDocument

SPOILT: dict[str, Any] = {
    "no schema": {"type": 5},
    "a keyword with a wrong value": {"properties": [1]},
    "an address": {"$ref": "http://127.0.0.1:1/x"},
    "a reference to nothing": {"$ref": "#/$defs/Nothing"},
    "a reference into a definition": {"$ref": "#/$defs/Item/properties/name"},
    "a reference to the whole": {"$ref": "#"},
    "a reference of another kind": {"$dynamicRef": "#x", "$anchor": "y", "$id": "http://127.0.0.1/z"},
    "unknown keywords": {"type": "string", "x-mine": {"$ref": 5}, "nullable": 7},
    "an enum of another type": {"type": "integer", "enum": ["a"]},
    "an array with members of objects": {"type": "array", "properties": {"a": {}}, "items": False},
    "an object with items": {"type": "object", "items": {}, "required": ["a"]},
    "required members that are not described": {"properties": {"a": True}, "required": ["a", "b"]},
    "a default that does not fit": {"properties": {"a": {"type": "integer", "default": "x"}}},
    "a default with a reference": {"properties": {"a": {"default": {"$ref": "http://127.0.0.1:1/x"}}}},
    "a discriminator to nowhere": {
        "oneOf": [{"$ref": "#/$defs/Item"}],
        "discriminator": {"propertyName": "kind", "mapping": {"a": "http://127.0.0.1:1/x"}},
    },
    "values of several types": {"enum": [1, "a", None, True, 1.5, [1], {"a": 1}, 1, "a"]},
    "values that its type forbids": {"type": ["integer", "null"], "enum": ["a", None]},
    "true and one": {"anyOf": [{"const": True}, {"const": 1}, {"enum": [False, True]}]},
    "a choice of one": {"anyOf": [{"type": "integer"}], "maximum": 5},
    "a choice of anything": {"anyOf": [{"$ref": "#/$defs/Item"}, True], "oneOf": [{}, {"type": "null"}]},
    "a choice of the same": {"anyOf": [{"$ref": "#/$defs/Item"}, {"$ref": "#/$defs/Item"}]},
    "alternatives that overlap": {"oneOf": [{"type": "integer"}, {"type": "number"}], "minimum": 1},
    "a part": {"allOf": [{"type": "integer"}]},
    "parts": {
        "allOf": [{"$ref": "#/$defs/Item"}, True],
        "anyOf": [{"$ref": "#/$defs/Item"}],
        "minProperties": 1,
    },
    "a discriminator of unnamed alternatives": {
        "oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}}}, {"$ref": "#/$defs/Cat"}],
        "discriminator": {"propertyName": "kind"},
    },
    "lists or nothing": {"type": ["array", "null"]},
    "no value": {"const": None},
    "a pattern that cannot be compiled": {"type": "string", "pattern": "(?<a"},
    "control characters": {"description": "\x00\x1b[31m\u2028"},
    "names of members of JavaScript": {"properties": {"__proto__": {"type": "object"}, "constructor": {}}},
}


def spoilt() -> list[FunctionDocument]:
    """Return functions that have each spoilt schema in every place."""
    found = []
    for number, schema in enumerate(SPOILT.values()):
        parameters = parameter("x", schema, default=1), parameter("y", {"items": schema}, optional=True)
        returns = {"$ref": "#/$defs/Bad"}
        found.append(function(f"spoilt_parameters_{number}", *parameters))
        found.append(
            function(f"spoilt_result_{number}", returns=returns, definitions={**DEFINITIONS, "Bad": schema})
        )
    return [*found, function("deep", parameter("x", nested(400)))]


def nested(depth: int) -> Any:
    """Return a schema of lists in lists."""
    return {"type": "array", "items": nested(depth - 1)} if depth else INTEGER
