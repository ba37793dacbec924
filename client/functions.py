"""The function that a call is for: its name, or the function itself where the caller can import it."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, ClassVar, Generic, ParamSpec, Protocol, Self, TypeVar
from uuid import UUID

from jobgate.client.errors import InvalidOption
from jobgate.client.values import ReadResult, reader_of

P = ParamSpec("P")
R = TypeVar("R")


class Declaration(Generic[P, R]):
    """A function by its name, with the types of its parameters and of its result; `Stub` is one."""


class FunctionDefinition(Protocol):
    """A function with settings of its own, as `jobgate.worker.func` and arq's `func` return it."""

    @property
    def name(self) -> str:
        """The name by which jobs ask for it."""

    @property
    def coroutine(self) -> Callable[..., Any]:
        """The function itself."""


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


class _Model(Protocol):
    def model_dump(self) -> Any: ...


#: What a plain function may return where it is called by itself. mypy must see that it is not a coroutine:
#: otherwise two signatures of `call` fit a coroutine function, and its result would be Any.
PlainResult = (
    None | int | float | Decimal | Enum | UUID | date | time | timedelta | PurePath | Sequence[Any] | Set[Any]
    | Mapping[Any, Any] | _Dataclass | _Model
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """What is called."""

    #: Its name for jobs.
    name: str
    #: Converts its results; None = they stay as they are.
    read: ReadResult | None = None

    @classmethod
    def of(cls, function: object) -> Self:
        """Return the target of a call.

        Args:
            function: Name of a function, the function itself, or a `FunctionDefinition`.

        Raises:
            InvalidOption: It is none of these, a function without a name of its own, or its return hint
                cannot be used.
            MissingExtra: Its results need pydantic, which is not installed.
        """
        if isinstance(function, str) and function:  # the gateway has stricter rules
            return cls(function)
        name, body = getattr(function, "name", None), getattr(function, "coroutine", None)
        if isinstance(name, str) and callable(body):
            return cls(name, _reader(body))
        if not callable(function):
            raise InvalidOption(
                "call a function by its name, a string that is not empty, or pass the function"
            )
        return cls(_own_name(function), _reader(function))


def _reader(function: Callable[..., Any]) -> ReadResult | None:
    if not hasattr(function, "__qualname__"):
        return None
    # Of a method, the function alone: the object may have no hash.
    return reader_of(getattr(function, "__func__", function))


def _own_name(function: Callable[..., Any]) -> str:
    """Return the name that `@job` has given to a function, or else its `__qualname__`, as in arq."""
    name = getattr(function, "__jobgate_name__", None)
    if isinstance(name, str) and name:
        return name
    name = getattr(function, "__qualname__", None)
    if not isinstance(name, str) or isinstance(function, type):
        raise InvalidOption(
            f"{_short(function)} has no name of a function: pass the function itself, or its name as a string"
        )
    if "<" in name:  # <lambda>, <locals>
        raise InvalidOption(
            f"{name!r} is not at the top of a module, and no worker can have it under this name: pass a "
            "function of a module, or the name as a string"
        )
    return name


def _short(function: object) -> str:
    return (
        f"class {function.__name__}"
        if isinstance(function, type)
        else f"an object of {type(function).__name__}"
    )
