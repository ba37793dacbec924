"""Gives the definitions of all functions names as components of one OpenAPI document.

Definitions that are equal, with all that they refer to, share a component. Of different ones with the same
name, the first function's keeps it; the others' get the name of their function in front.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from jobgate.broker import FunctionDocument
from jobgate.gateway.openapi.schema_writer import SchemaWriter, references
from jobgate.gateway.openapi.unique_names import UniqueNames, class_name


class Components:
    """The named schemas of a document.

    Args:
        names: Gives out their names.
    """

    def __init__(self, names: UniqueNames) -> None:
        self._names = names
        self._given: dict[str, str] = {}
        #: All that were added, by name.
        self.schemas: dict[str, dict[str, Any]] = {}

    def writer(self, document: FunctionDocument, prefix: str) -> SchemaWriter:
        """Add the definitions that a function uses, and return what writes its schemas.

        Args:
            document: The function.
            prefix: What its definitions have in front whose name is another component's.
        """
        given, new = {}, []
        for name, digest in closures(document).items():
            if digest not in self._given:
                self._given[digest] = self._name(name, prefix)
                new.append(name)
            given[name] = self._given[digest]
        writer = SchemaWriter(given)
        for name in new:
            self.schemas[given[name]] = writer.write(document.definitions[name])
        return writer

    def _name(self, definition: str, prefix: str) -> str:
        name = class_name(definition) or "Model"
        if name[0].isdigit():
            name = f"Model{name}"
        return self._names.take(name, f"{prefix}{name}")


def closures(document: FunctionDocument) -> dict[str, str]:
    """Return the definitions that a function uses, each with a digest of it and of all that it refers to."""
    definitions = document.definitions
    direct = {name: {*references(schema)} & definitions.keys() for name, schema in definitions.items()}
    used = {name for parameter in document.parameters or () for name in references(parameter.schema)}
    used |= {*references(document.returns)}
    found = sorted(_reachable(used & definitions.keys(), direct))
    return {name: _digest(name, sorted(_reachable({name}, direct)), definitions) for name in found}


def _reachable(names: set[str], direct: Mapping[str, set[str]]) -> set[str]:
    found, new = set(names), set(names)
    while new:
        new = set().union(*(direct[name] for name in new)) - found
        found |= new
    return found


def _digest(name: str, closure: list[str], definitions: Mapping[str, Any]) -> str:
    text = orjson.dumps([name, [[each, definitions[each]] for each in closure]], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()
