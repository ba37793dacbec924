"""The functions that workers offer, as Python can declare them.

Whoever can write to Redis can have written a description. One that makes no sense leaves its function without
a signature; it never ends the command.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.stubs.names import is_identifier
from jobgate.cli.stubs.schemas import is_deeper

if TYPE_CHECKING:
    from jobgate.client import FunctionInfo, FunctionParameter

#: Stands for the default of a parameter that has none.
NO_DEFAULT: Final = inspect.Parameter.empty
#: Most arrays and objects inside each other in what describes a function.
_DEEPEST: Final = 60
_KINDS: Final = {
    "positional_only": inspect.Parameter.POSITIONAL_ONLY,
    "positional_or_keyword": inspect.Parameter.POSITIONAL_OR_KEYWORD,
    "var_positional": inspect.Parameter.VAR_POSITIONAL,
    "keyword_only": inspect.Parameter.KEYWORD_ONLY,
    "var_keyword": inspect.Parameter.VAR_KEYWORD,
}


class StubsError(Exception):
    """The stubs cannot be made; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter of a function."""

    name: str
    #: One of the kinds of `inspect.Parameter`.
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    required: bool = True
    default: Any = NO_DEFAULT
    schema: Any = True
    description: str = ""

    @property
    def is_variadic(self) -> bool:
        """Whether it is `*args` or `**kwargs`."""
        return self.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One function of a worker, as it is published."""

    name: str
    description: str = ""
    #: None = the signature is not known, or is none that Python could have.
    parameters: tuple[Parameter, ...] | None = None
    returns: Any = True
    returns_description: str = ""
    definitions: Mapping[str, Any] = field(default_factory=dict)


def functions_of(found: "Sequence[FunctionInfo]") -> list[Function]:
    """Return what can be declared of functions, sorted by name.

    Raises:
        StubsError: There are none.
    """
    if not found:
        raise StubsError(
            "There are no functions, or none that this key may call: start a worker that has some."
        )
    return sorted(map(_function, found), key=lambda one: one.name)


def _function(found: "FunctionInfo") -> Function:
    parameters = found.parameters or ()
    schemas = [found.returns, found.definitions, *([one.schema, one.default] for one in parameters)]
    if is_deeper(schemas, _DEEPEST):
        return Function(name=found.name)
    return Function(
        name=found.name,
        description=found.description or "",
        parameters=None if found.parameters is None else _parameters(parameters),
        returns=found.returns,
        returns_description=found.returns_description or "",
        definitions=found.definitions,
    )


def _parameters(listed: "Sequence[FunctionParameter]") -> tuple[Parameter, ...] | None:
    """Return the parameters; None if no Python function can have them."""
    if not all(is_identifier(one.name) and one.kind in _KINDS for one in listed):
        return None
    found = tuple(map(_parameter, listed))
    try:
        inspect.Signature([
            inspect.Parameter(one.name, one.kind, default=NO_DEFAULT if one.required else None)
            for one in found
        ])  # fmt: skip
    except ValueError:  # a wrong order, a name that comes twice
        return None
    return found


def _parameter(found: "FunctionParameter") -> Parameter:
    return Parameter(
        name=found.name,
        kind=_KINDS[found.kind],
        required=found.required or found.kind.startswith("var_"),
        default=found.default if found.has_default else NO_DEFAULT,
        schema=found.schema,
        description=found.description or "",
    )
