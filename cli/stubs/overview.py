"""One function in one line, for people: its parameters, their types and their defaults."""

from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.stubs.annotations import Annotator, Way
from jobgate.cli.stubs.schemas import Definitions, is_deeper

if TYPE_CHECKING:
    from jobgate.client import FunctionInfo, FunctionParameter

#: Most arrays and objects inside each other in a schema that is shown.
_DEEPEST: Final = 60
_STARS: Final = {"var_positional": "*", "var_keyword": "**"}


class _Names:
    """Names types as their schemas do."""

    def name_of(self, schema: Any, wanted: str, definitions: Definitions, way: Way) -> str:
        """Return the last word of the wanted name."""
        return wanted.rpartition(".")[2]


def signature_of(function: "FunctionInfo") -> str:
    """Return a line such as `add(a: int, b: int = 1) -> int`; of an unknown signature `add(…)`."""
    if function.parameters is None:
        return f"{function.name}(…)"
    written = ", ".join(_written(one, function) for one in function.parameters)
    return f"{function.name}({written}) -> {type_of(function.returns, function)}"


def type_of(schema: object, function: "FunctionInfo") -> str:
    """Return the type of a value of a function, as Python writes the type of its JSON."""
    if is_deeper(schema, _DEEPEST) or is_deeper(function.definitions, _DEEPEST):
        return "Any"
    return Annotator(_Names(), function.definitions, Way.RESULT).type_of(schema, "dict")


def default_of(parameter: "FunctionParameter") -> str:
    """Return the default of a parameter; `…` where it has one that JSON cannot hold."""
    return repr(parameter.default) if parameter.has_default else "…"


def _written(parameter: "FunctionParameter", function: "FunctionInfo") -> str:
    stars = _STARS.get(parameter.kind, "")
    text = f"{stars}{parameter.name}: {type_of(parameter.schema, function)}"
    return text if parameter.required or stars else f"{text} = {default_of(parameter)}"
