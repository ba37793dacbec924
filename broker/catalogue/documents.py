"""Catalogues: what a worker publishes of its functions, as one JSON document named by its digest.

All workers that run the same code publish the same document, so Redis holds it once, and a heartbeat carries
the digest alone. Like everything in Redis, a document may have been written by anybody.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property
from typing import Any, Final

import orjson

from jobgate.broker.errors import DecodeError

#: A JSON Schema 2020-12: an object, or True = accepts anything.
Schema = Mapping[str, Any] | bool

#: Longest catalogue in bytes that is written and read.
LONGEST_CATALOGUE: Final = 4 * 1024 * 1024


class ParameterKind(StrEnum):
    """How a parameter takes its argument, with the names of `inspect.Parameter`."""

    POSITIONAL_ONLY = "positional_only"
    POSITIONAL_OR_KEYWORD = "positional_or_keyword"
    #: `*args`: its schema is that of one element.
    VAR_POSITIONAL = "var_positional"
    KEYWORD_ONLY = "keyword_only"
    #: `**kwargs`: its schema is that of one value.
    VAR_KEYWORD = "var_keyword"


class NoDefault(Enum):
    """Stands for the default of a parameter that has none, or none that JSON can hold."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Final = NoDefault.NO_DEFAULT


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter of a function, after `ctx`."""

    name: str
    kind: ParameterKind = ParameterKind.POSITIONAL_OR_KEYWORD
    required: bool = True
    #: Its default as plain data.
    default: Any = NO_DEFAULT
    #: What it accepts. References lead into the `definitions` of its function, as `#/$defs/<name>`.
    schema: Schema = True
    description: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a member of its function's document."""
        document: dict[str, Any] = {"name": self.name, "kind": self.kind.value, "required": self.required}
        if self.default is not NO_DEFAULT:
            document["default"] = self.default
        if self.description is not None:
            document["description"] = self.description
        return document | {"schema": self.schema}


@dataclass(frozen=True, kw_only=True)
class FunctionDocument:
    """What a worker publishes of one function."""

    name: str
    #: The text of the docstring, without the parts on parameters and the return value.
    description: str | None = None
    #: In the order of the signature, without `ctx`; None = the signature is not known.
    parameters: tuple[Parameter, ...] | None = None
    #: What it returns, as plain data.
    returns: Schema = True
    returns_description: str | None = None
    #: Name -> the schemas that the others refer to.
    definitions: Mapping[str, Schema] = field(default_factory=dict)
    #: Run limit in seconds; None = no limit.
    timeout: float | None = None
    #: Starts allowed.
    max_tries: int | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the document in hex: equal for two workers whose functions are alike."""
        return hashlib.sha256(orjson.dumps(self.as_json(), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the document as it is stored and served."""
        parameters = self.parameters
        return {
            "name": self.name,
            "description": self.description,
            "parameters": None if parameters is None else [one.as_json() for one in parameters],
            "returns": self.returns,
            "returns_description": self.returns_description,
            "$defs": dict(self.definitions),
            "timeout": self.timeout,
            "max_tries": self.max_tries,
        }


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All functions of one worker, by name."""

    functions: Mapping[str, FunctionDocument]

    def encode(self) -> tuple[str, bytes]:
        """Return its digest and its stored form, the same for the same functions."""
        functions = [self.functions[name].as_json() for name in sorted(self.functions)]
        stored = orjson.dumps({"functions": functions}, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(stored).hexdigest(), stored


def read_catalogue(stored: bytes, digest: str) -> Catalogue:
    """Return a stored catalogue. Of a function that is not described as it should be, the name alone counts.

    Raises:
        DecodeError: It does not have this digest, is too long, or is not a catalogue.
    """
    if len(stored) > LONGEST_CATALOGUE or hashlib.sha256(stored).hexdigest() != digest:
        raise DecodeError("the stored functions of a worker are not those that it announced")
    try:
        found = [_function(one) for one in orjson.loads(stored)["functions"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError("the stored functions of a worker cannot be read") from error
    return Catalogue({one.name: one for one in found})


def _function(document: dict[str, Any]) -> FunctionDocument:
    """Return a function as it is described. Raises KeyError or TypeError if it has no name."""
    name = document["name"]
    if not isinstance(name, str):
        raise TypeError("a name is a string")
    parameters = document.get("parameters")
    return FunctionDocument(
        name=name,
        description=document.get("description"),
        parameters=None if parameters is None else tuple(map(_parameter, parameters)),
        returns=document.get("returns", True),
        returns_description=document.get("returns_description"),
        definitions=document.get("$defs", {}),
        timeout=document.get("timeout"),
        max_tries=document.get("max_tries"),
    )


def _parameter(document: dict[str, Any]) -> Parameter:
    return Parameter(
        name=document["name"],
        kind=ParameterKind(document["kind"]),
        required=document["required"],
        default=document.get("default", NO_DEFAULT),
        schema=document["schema"],
        description=document.get("description"),
    )
