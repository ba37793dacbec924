"""Declarations of functions that only the worker has: their name and their types."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from jobgate.client.functions import Declaration

P = ParamSpec("P")
R = TypeVar("R")
X = TypeVar("X")
R_contra = TypeVar("R_contra", contravariant=True)
X_co = TypeVar("X_co", covariant=True)

#: The default of a declared parameter where the worker's own cannot be written in the declaration.
DEFAULT: Final[Any] = ...


class _Calls(Protocol[R_contra, X_co]):
    """A client whose `call` returns `X` where the function returns `R`: a coroutine, or `R` itself."""

    @property
    def call(self) -> Callable[..., Any]: ...

    def _called(self, result: R_contra, /) -> X_co: ...


class _Enqueues(Protocol[R_contra, X_co]):
    """A client whose `enqueue` returns `X` where the function returns `R`."""

    @property
    def enqueue(self) -> Callable[..., Any]: ...

    def _enqueued(self, result: R_contra, /) -> X_co: ...


class Stub(Declaration[P, R]):
    """A function of a worker by its name, with the types of its parameters and of its result.

    ```python
    words = await count_words(client, "README.md")
    job = await count_words.enqueue(client.with_options(defer_by=60), "README.md")
    ```

    With a `BlockingClient` it is the same without `await`. `call` and `enqueue` of the clients take a stub
    like the function itself, to the same effect; type checkers explain wrong arguments better here. Results
    are plain data. `jobgate stubs` writes modules of these.
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

    def __call__(self, client: _Calls[R, X], /, *args: P.args, **kwargs: P.kwargs) -> X:
        """Run the function in a worker and return its result, as `call` of the client does."""
        outcome: X = client.call(self, *args, **kwargs)
        return outcome

    def enqueue(self, client: _Enqueues[R, X], /, *args: P.args, **kwargs: P.kwargs) -> X:
        """Enqueue a job that runs the function, as `enqueue` of the client, and return a handle on it."""
        outcome: X = client.enqueue(self, *args, **kwargs)
        return outcome

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
