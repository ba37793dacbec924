"""Declarations of functions that only the worker has: their name and their types."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, ParamSpec, TypeVar

from jobgate.client.caller import Caller
from jobgate.client.job_handle import JobHandle

P = ParamSpec("P")
R = TypeVar("R")

#: The default of a declared parameter where the worker's own cannot be written in the declaration.
DEFAULT: Final[Any] = ...


class Stub(Generic[P, R]):
    """A function of a worker by its name, with the types of its parameters and of its result.

    ```python
    words = await count_words(client, "README.md")
    job = await count_words.enqueue(client.with_options(defer_by=60), "README.md")
    ```

    `Client.call` and `Client.enqueue` take it like the function itself, to the same effect; type checkers
    explain wrong arguments better here. Results are plain data. `jobgate stubs` writes modules of these.
    """

    def __init__(self, name: str, declaration: Callable[P, Awaitable[R]]) -> None:
        """Keep the name and the description.

        Args:
            name: Name of the function in the worker.
            declaration: Has its signature and docstring, and is never called.
        """
        self.__name__ = self.__jobgate_name__ = name
        self.__module__ = declaration.__module__
        self.__doc__ = declaration.__doc__

    async def __call__(self, client: Caller, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in a worker and return its result, as `Client.call` does."""
        return await client.call(self, *args, **kwargs)

    async def enqueue(self, client: Caller, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Enqueue a job that runs the function, as `Client.enqueue` does, and return a handle on it."""
        return await client.enqueue(self, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<stub of {self.__name__}>"


def stub(name: str) -> Callable[[Callable[P, Awaitable[R]]], Stub[P, R]]:
    """Make the declaration of a function, an `async def` without `ctx`, stand for the function itself.

    Args:
        name: Name of the function in the worker.
    """

    def declare(declaration: Callable[P, Awaitable[R]]) -> Stub[P, R]:
        return Stub(name, declaration)

    return declare
