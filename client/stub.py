"""Declarations of functions that only the worker has, for type checkers and `Client.call`."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

#: The default of a declared parameter, where the worker's own cannot be written in the declaration.
DEFAULT: Final[Any] = ...


class Stub(Generic[P, R_co]):
    """A function of a worker by its name, with the types of its parameters and of its result.

    `Client.call` and `Client.enqueue` take it like the function itself. `jobgate stubs` writes modules of
    these.
    """

    def __init__(self, name: str, declaration: Callable[P, Awaitable[R_co]]) -> None:
        """Keep the name and the description.

        Args:
            name: Name of the function in the worker.
            declaration: Has its signature and docstring, and is never called.
        """
        self.__name__ = self.__jobgate_name__ = name
        self.__module__ = declaration.__module__
        self.__doc__ = declaration.__doc__

    def __call__(self, ctx: Any, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R_co]:
        """Refuse: the function is in the worker.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"{self.__name__} runs in a worker: await client.call({self.__name__}, …)")

    def __repr__(self) -> str:
        return f"<stub of {self.__name__}>"


def stub(name: str) -> Callable[[Callable[P, Awaitable[R_co]]], Stub[P, R_co]]:
    """Make the declaration of a function, an `async def` without `ctx`, stand for the function itself.

    Args:
        name: Name of the function in the worker.
    """

    def declare(declaration: Callable[P, Awaitable[R_co]]) -> Stub[P, R_co]:
        return Stub(name, declaration)

    return declare
