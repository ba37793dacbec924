"""The live OpenAPI document: `openapi.yaml`, and an operation for each function that live workers offer."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from jobgate.broker import FunctionDocument
from jobgate.gateway.functions import why_not_function
from jobgate.gateway.openapi.components import Components
from jobgate.gateway.openapi.operations import (
    path_of,
    request_body,
    succeeded,
    summary_and_description,
)
from jobgate.gateway.openapi.sound_documents import sound
from jobgate.gateway.openapi.unique_names import UniqueNames, class_name, operation_id

#: Endings of the names that generators make for schemas without a name, after that of the operation.
_INLINE: Final = ("Body", "BodyKwargs", "Data", "Error", "Errors", "Response", "Responses")


_REFERENCES: Final = re.compile(rb'"\$ref":"#/components/schemas/([A-Za-z0-9_]+)"')


@dataclass(frozen=True, slots=True)
class _Operation:
    """The names of a function's operation."""

    id: str
    #: Of the component that describes the outcome with a return value.
    succeeded: str


def live_document(base: Mapping[str, Any], functions: Iterable[FunctionDocument]) -> dict[str, Any]:
    """Return the OpenAPI document of a gateway, the same for the same functions.

    Args:
        base: The parsed `openapi.yaml`; it is not changed.
        functions: The functions that the caller may see, each once, in any order.
    """
    known = [one for one in functions if why_not_function(one.name) is None]
    writer = _Writer(base)
    # First the names that follow from those of functions, so that they do not depend on anybody's models.
    operations = [(writer.operation(one), one) for one in sorted(known, key=lambda one: one.name)]
    paths = {path_of(one.name): writer.path(operation, sound(one)) for operation, one in operations}
    components = base["components"]
    schemas = {**components["schemas"], **_used(writer.components.schemas, paths)}
    return {
        **base,
        "paths": {**base["paths"], **paths},
        "components": {**components, "schemas": schemas},
    }


def _used(schemas: Mapping[str, Any], paths: Mapping[str, Any]) -> dict[str, Any]:
    """Return the components that the paths refer to. What a choice of anything left out needs none."""
    used, new = set(), _referred(paths)
    while new:
        used |= new
        new = {name for one in new for name in _referred(schemas.get(one, {}))} - used
    return {name: schema for name, schema in schemas.items() if name in used}


def _referred(document: Mapping[str, Any]) -> set[str]:
    return {name.decode() for name in _REFERENCES.findall(orjson.dumps(document))}


class _Writer:
    """Writes the paths of functions after the example of `POST /jobs/{function}`."""

    def __init__(self, base: Mapping[str, Any]) -> None:
        schemas, paths = base["components"]["schemas"], base["paths"]
        self._enqueue = paths["/jobs/{function}"]["post"]
        self._succeeded = schemas["Succeeded"]
        self._request = schemas["JobRequest"]
        operations = (one for item in paths.values() for one in item.values() if "operationId" in one)
        self._ids = UniqueNames(one["operationId"] for one in operations)
        self._classes = UniqueNames(schemas)
        self.components = Components(self._classes)

    def operation(self, document: FunctionDocument) -> _Operation:
        """Return the names of a function's operation."""
        name = operation_id(self._ids, document.name)
        for ending in _INLINE:
            self._classes.take(f"{class_name(name)}{ending}")
        return _Operation(name, self._classes.take(f"{class_name(name)}Succeeded"))

    def path(self, operation: _Operation, document: FunctionDocument) -> dict[str, Any]:
        """Return the path of a function. Its own schemas become components."""
        summary, description = summary_and_description(document)
        writer = self.components.writer(document, class_name(operation.id))
        body = self._enqueue["requestBody"]
        if document.parameters is not None:
            body = request_body(document, writer, self._request)
        responses = self._enqueue["responses"]
        if document.returns is not True:
            outcome = succeeded(document, writer, self._succeeded)
            self.components.schemas[operation.succeeded] = outcome
            responses = responses | {"200": _either(responses["200"], operation.succeeded, "Failed")}
        described = {
            "operationId": operation.id,
            "tags": ["functions"],
            "summary": summary,
            "description": description,
            "parameters": self._enqueue["parameters"],
            "requestBody": body,
            "responses": responses,
        }
        return {"post": {name: value for name, value in described.items() if value}}


def _either(response: Mapping[str, Any], *components: str) -> dict[str, Any]:
    schemas = [{"$ref": f"#/components/schemas/{name}"} for name in components]
    return {**response, "content": {"application/json": {"schema": {"oneOf": schemas}}}}
