"""Functions as they can be described: without schemas that are none, and without defaults that do not fit."""

from dataclasses import replace
from typing import Any, Final

import jsonschema_rs

from jobgate.broker import NO_DEFAULT, FunctionDocument, Parameter
from jobgate.gateway.arguments import ArgumentValidator

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def sound(document: FunctionDocument) -> FunctionDocument:
    """Return a function whose schemas are valid by the meta-schema, and whose defaults by their schemas.

    A function with another schema is returned without any: it accepts and returns anything.
    """
    parameters = document.parameters or ()
    schemas = [*(one.schema for one in parameters), document.returns, *document.definitions.values()]
    if not _are_schemas(schemas):
        bare = tuple(replace(one, schema=True) for one in parameters)
        document = replace(document, parameters=document.parameters and bare, returns=True, definitions={})
    if document.parameters and any(one.default is not NO_DEFAULT for one in document.parameters):
        return replace(document, parameters=_with_fitting_defaults(document))
    return document


def _are_schemas(schemas: list[Any]) -> bool:
    try:
        return jsonschema_rs.meta.is_valid({"$schema": _DIALECT, "allOf": schemas or [True]})
    except ValueError:
        # Nested too deeply.
        return False


def _with_fitting_defaults(document: FunctionDocument) -> tuple[Parameter, ...]:
    """Return the parameters, without defaults that a hint does not allow, as in `a: int = None`."""
    # What the check of arguments leaves out could keep a validator busy for ever.
    validator = ArgumentValidator(document)
    return tuple(
        one
        if one.default is NO_DEFAULT or validator.accepts({one.name: one.default})
        else replace(one, default=NO_DEFAULT)
        for one in document.parameters or ()
    )
