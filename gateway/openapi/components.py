"""Gives the definitions of all functions names as components of one OpenAPI document.

Definitions that are equal, with all that they refer to, share a component. Of different ones with the same
name, the first function's keeps it; the others' get the name of their function in front.
"""

from typing import Any

from jobgate.broker import FunctionDocument
from jobgate.gateway.openapi.closures import closures
from jobgate.gateway.openapi.schema_writer import SchemaWriter
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
