"""Catalogues: what a worker publishes of its functions, stored under the digest of its bytes.

All workers that run the same code publish the same catalogue, so Redis holds it once, and a heartbeat
carries the digest alone. Its stored form is one JSON document for each function, one a line: they are decoded
one by one, so that none blocks an event loop for long. `catalogue_reader.py` reads it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property
from typing import Any, Final

import orjson

from jobgate.broker.errors import EncodeError
from jobgate.broker.schedules import Schedule

#: A JSON Schema 2020-12: an object, or True = accepts anything.
Schema = Mapping[str, Any] | bool

#: Longest catalogue in bytes that is written and read.
LONGEST_CATALOGUE: Final = 4 * 1024 * 1024
#: Longest document of one function in bytes. A schema of this size would describe some thousand fields.
LONGEST_FUNCTION: Final = 128 * 1024


class ParameterKind(StrEnum):
    """How a parameter takes its argument, with the names of `inspect.Parameter`."""

    POSITIONAL_ONLY = "positional_only"
    POSITIONAL_OR_KEYWORD = "positional_or_keyword"
    #: `*args`: its schema is that of one element.
    VAR_POSITIONAL = "var_positional"
    KEYWORD_ONLY = "keyword_only"
    #: `**kwargs`: its schema is that of one value.
    VAR_KEYWORD = "var_keyword"


#: The kinds whose arguments can be given by place, and those whose arguments can be given by name.
BY_PLACE: Final = (ParameterKind.POSITIONAL_ONLY, ParameterKind.POSITIONAL_OR_KEYWORD)
BY_NAME: Final = (ParameterKind.POSITIONAL_OR_KEYWORD, ParameterKind.KEYWORD_ONLY)


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
    #: When it runs by itself, if it is a cron job. It is not part of the digest.
    schedules: tuple[Schedule, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the document in hex: equal for two workers whose functions are alike."""
        return hashlib.sha256(orjson.dumps(self.as_json(), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def encode(self) -> bytes:
        """Return the document in its stored form, one line. The members of a model keep their order.

        Raises:
            EncodeError: It is too long or holds what JSON cannot hold.
        """
        try:
            schedules = {"schedules": [one.as_json() for one in self.schedules]} if self.schedules else {}
            stored = orjson.dumps(self.as_json() | schedules)
        except TypeError as error:
            raise EncodeError(f"JSON cannot hold the document of a function: {error}") from error
        if len(stored) > LONGEST_FUNCTION:
            raise EncodeError(f"the document of a function is longer than {LONGEST_FUNCTION} bytes")
        return stored

    def as_json(self) -> dict[str, Any]:
        """Return the document as it is served, and stored together with its schedules."""
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
    #: Whether all that was published could be read. If not, the worker may offer other functions, too.
    is_whole: bool = True
    #: About how many bytes it takes in memory; 0 = not known.
    weight: int = field(default=0, compare=False)

    def encode(self) -> tuple[str, bytes]:
        """Return its digest and its stored form, the same for the same functions.

        Raises:
            EncodeError: It is too long or holds what JSON cannot hold.
        """
        return joined(self.functions[name].encode() for name in sorted(self.functions))


def joined(functions: Iterable[bytes]) -> tuple[str, bytes]:
    """Return digest and stored form of the catalogue that has these encoded functions.

    Raises:
        EncodeError: It is too long.
    """
    stored = b"\n".join(functions)
    if len(stored) > LONGEST_CATALOGUE:
        raise EncodeError(f"the catalogue is longer than {LONGEST_CATALOGUE} bytes")
    return hashlib.sha256(stored).hexdigest(), stored
