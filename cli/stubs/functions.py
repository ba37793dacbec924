"""The functions that a gateway describes, read from its JSON.

Whoever can write to Redis can have written a description. One that makes no sense leaves its function without
a signature; it never ends the command.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jobgate.cli.stubs.errors import StubsError
from jobgate.cli.stubs.names import is_identifier
from jobgate.cli.stubs.schemas import is_deeper

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
    """One function of a worker, as its gateway describes it."""

    name: str
    description: str = ""
    #: None = the signature is not known, or is none that Python could have.
    parameters: tuple[Parameter, ...] | None = None
    returns: Any = True
    returns_description: str = ""
    definitions: Mapping[str, Any] = field(default_factory=dict)


def read_functions(document: object) -> list[Function]:
    """Return the functions of the gateway's answer to `GET /functions`, sorted by name.

    Raises:
        StubsError: It is not such an answer, or names no function.
    """
    listed = document.get("functions") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise StubsError("the answer to GET /functions lists no functions: is this a jobgate gateway?")
    found = {one.name: one for one in map(_function, listed) if one is not None}
    if not found:
        raise StubsError(
            "the gateway knows no functions, or none that this key may call: start a worker that has some."
        )
    return [found[name] for name in sorted(found)]


def _function(document: object) -> Function | None:
    if not isinstance(document, Mapping) or not isinstance(name := document.get("name"), str):
        return None
    if is_deeper(document, _DEEPEST):
        return Function(name=name)
    definitions = document.get("$defs")
    return Function(
        name=name,
        description=_text(document.get("description")),
        parameters=_parameters(document.get("parameters")),
        returns=document.get("returns", True),
        returns_description=_text(document.get("returns_description")),
        definitions=definitions if isinstance(definitions, Mapping) else {},
    )


def _parameters(listed: object) -> tuple[Parameter, ...] | None:
    """Return the parameters; None if they are not known, or if no Python function can have them."""
    if not isinstance(listed, list):
        return None
    found = tuple(one for one in map(_parameter, listed) if one is not None)
    try:
        inspect.Signature([
            inspect.Parameter(one.name, one.kind, default=NO_DEFAULT if one.required else None)
            for one in found
        ])  # fmt: skip
    except ValueError:  # a wrong order, a name that comes twice
        return None
    return found if len(found) == len(listed) else None


def _parameter(document: object) -> Parameter | None:
    if not isinstance(document, Mapping):
        return None
    name, kind = document.get("name"), _KINDS.get(str(document.get("kind")))
    if not isinstance(name, str) or not is_identifier(name) or kind is None:
        return None
    variadic = kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return Parameter(
        name=name,
        kind=kind,
        required=variadic or document.get("required") is not False,
        default=document.get("default", NO_DEFAULT),
        schema=document.get("schema", True),
        description=_text(document.get("description")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
