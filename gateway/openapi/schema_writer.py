"""Turns the JSON Schemas of functions into schemas of an OpenAPI document.

The schemas come from Redis, where anybody may have written them, and the result is read by generators that
stop at what they do not expect. So only keywords of JSON Schema 2020-12 are kept, references lead to named
components only, and three things are said in another way:

- Boolean schemas become objects: openapi-python-client reads no others.
- `title` is left out: openapi-python-client names classes after it, and two classes would have one name.
- A `default` within a model becomes part of its description: openapi-typescript takes a member with a default
  for one that must be given.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from jobgate.broker import Schema, definition_of
from jobgate.gateway.arguments import LISTED, NAMED, ONE, PLAIN
from jobgate.gateway.openapi.schema_forms import is_pattern, straightened

#: Deepest nesting that is described; what lies deeper is described as anything.
_DEEPEST: Final = 20
#: Longest text of a default that is shown in a description.
_LONGEST_DEFAULT: Final = 80
#: Keywords without schemas. Their values are as the meta-schema says, which is checked before.
_PLAIN: Final = PLAIN | {"contentEncoding", "contentMediaType", "deprecated", "readOnly", "writeOnly"}
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def references(schema: Any, depth: int = 0) -> Iterator[str]:
    """Yield the names of the definitions that a schema refers to."""
    if depth > _DEEPEST:
        return
    if isinstance(schema, Mapping):
        name = definition_of(schema.get("$ref"))
        if name is not None:
            yield name
        for value in schema.values():
            if isinstance(value, Mapping | list):
                yield from references(value, depth + 1)
    elif isinstance(schema, list):
        for value in schema:
            if isinstance(value, Mapping | list):
                yield from references(value, depth + 1)


def plain_text(text: Any) -> str:
    """Return a text without control characters; empty if it is not a text.

    The end of a comment in TypeScript, and of a docstring in Python, is broken up: generators write
    descriptions into such places.
    """
    if not isinstance(text, str):
        return ""
    return _CONTROLS.sub(" ", text).replace("*/", "* /").replace('"""', "'''").strip()


class SchemaWriter:
    """Writes the schemas of one function as parts of an OpenAPI document.

    Args:
        components: Name of a definition -> name of the component that stands for it.
    """

    def __init__(self, components: Mapping[str, str]) -> None:
        self._components = components

    def write(self, schema: Schema, depth: int = 0) -> dict[str, Any]:
        """Return a schema, which must be valid by the meta-schema, for an OpenAPI document."""
        if schema is False:
            return {"not": {}}
        if schema is True or depth > _DEEPEST:
            return {}
        if "$ref" in schema:
            return self._reference(schema)
        found = ((keyword, self._value(keyword, value, depth)) for keyword, value in schema.items())
        written = {keyword: value for keyword, value in found if value is not None or keyword == "const"}
        if text := plain_text(schema.get("description")):
            written["description"] = text
        if discriminator := self._discriminator(schema):
            written["discriminator"] = discriminator
        return straightened(written)

    def _value(self, keyword: str, value: Any, depth: int) -> Any:
        """Return the value of a keyword; None = it is left out."""
        if keyword in _PLAIN or (keyword == "additionalProperties" and isinstance(value, bool)):
            return value
        if keyword in ONE:
            return self.write(value, depth + 1)
        if keyword in LISTED:
            return [self.write(one, depth + 1) for one in value]
        if keyword in NAMED:
            are_patterns = keyword == "patternProperties"
            return {
                name: self._member(one, depth)
                for name, one in value.items()
                if not are_patterns or is_pattern(name)
            }
        return None

    def _reference(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        component = self._components.get(definition_of(schema["$ref"]) or "")
        written = {} if component is None else {"$ref": f"#/components/schemas/{component}"}
        text = plain_text(schema.get("description"))
        return written | ({"description": text} if text else {})

    def _member(self, schema: Schema, depth: int) -> dict[str, Any]:
        written = self.write(schema, depth + 1)
        if isinstance(schema, Mapping) and "default" in schema:
            default = orjson.dumps(schema["default"]).decode()
            if len(default) <= _LONGEST_DEFAULT:
                said = [written.get("description", ""), plain_text(f"Default: {default}.")]
                written["description"] = "\n\n".join(filter(None, said))
        return written

    def _discriminator(self, schema: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what tells the alternatives apart, if it leads to components only."""
        found = schema.get("discriminator")
        if not isinstance(found, Mapping) or not isinstance(found.get("propertyName"), str):
            return None
        mapping = found.get("mapping")
        targets = dict(mapping) if isinstance(mapping, Mapping) else {}
        leads = {
            value: self._components.get(definition_of(target) or "") for value, target in targets.items()
        }
        if None in leads.values():
            return None
        led = {value: f"#/components/schemas/{component}" for value, component in leads.items()}
        return {"propertyName": found["propertyName"]} | ({"mapping": led} if led else {})
