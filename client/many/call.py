"""A call that is made later, together with others."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypedDict, Unpack, overload

from jobgate.client.functions import Declaration, FunctionDefinition, PlainResult, Target
from jobgate.client.requests import Options, Seconds, job_options, new_job

# Type checkers have typing_extensions of their own: `Call` without brackets is `Call[Any]`.
if TYPE_CHECKING:
    from typing_extensions import TypeVar

    R_co = TypeVar("R_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    R_co = TypeVar("R_co", covariant=True)

P = ParamSpec("P")
D = TypeVar("D", bound=PlainResult)


class CallOptions(TypedDict, total=False):
    """The options of one call, as in `Caller.with_options`."""

    job_id: str | None
    queue: str | None
    defer_by: Seconds | None
    defer_until: datetime | None
    expires: Seconds | None
    max_tries: int | None
    keep_result: Seconds | None
    run_timeout: Seconds | None


class Call(Generic[R_co]):
    """One of the calls of `enqueue_many`: a function with its arguments, and how to run it.

    ```python
    Call("send_invoice", 42, lang="de", _job_id="invoice-42")
    Call(send_invoice, 42, lang="de").with_options(job_id="invoice-42")
    ```

    The function is given by its name, or as itself: then type checkers know its arguments, without `ctx`, and
    its result. Options are those of `Client.enqueue`; with the function itself they are given to
    `with_options`.
    """

    @overload
    def __init__(
        self: "Call[R_co]", function: Declaration[P, R_co], /, *args: P.args, **kwargs: P.kwargs
    ) -> None: ...

    @overload
    def __init__(
        self: "Call[R_co]",
        function: Callable[Concatenate[Any, P], Awaitable[R_co]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...

    @overload
    def __init__(
        self: "Call[D]", function: Callable[Concatenate[Any, P], D], /, *args: P.args, **kwargs: P.kwargs
    ) -> None: ...

    @overload
    def __init__(
        self: "Call[Any]",
        function: str | FunctionDefinition,
        /,
        *args: Any,
        _job_id: str | None = None,
        _queue: str | None = None,
        _defer_by: Seconds | None = None,
        _defer_until: datetime | None = None,
        _expires: Seconds | None = None,
        _max_tries: int | None = None,
        _keep_result: Seconds | None = None,
        _run_timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> None: ...

    def __init__(
        self,
        function: str | FunctionDefinition | Declaration[..., Any] | Callable[..., Any],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Keep the function and its arguments; nothing is sent.

        Raises:
            InvalidOption: An option is unknown or has a wrong value, or the function cannot be called.
        """
        options = {name: kwargs.pop(f"_{name}") for name in _NAMES if f"_{name}" in kwargs}
        self.target = Target.of(function)
        self.args = args
        self.kwargs = kwargs
        self.options = _checked(options) if options else Options()
        new_job(
            self.target.name, args, kwargs, self.options
        )  # refuses unknown options where they are written

    def __repr__(self) -> str:
        return f"Call({self.target.name!r})"

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """Return the same call with these options instead of its own.

        Raises:
            InvalidOption: An option has a wrong value.
        """
        other = type(self).__new__(type(self))
        other.target, other.args, other.kwargs = self.target, self.args, self.kwargs
        other.options = _checked(dict(options), mark="")
        return other


_NAMES = tuple(CallOptions.__annotations__)
_NOT_GIVEN: dict[str, Any] = dict.fromkeys(_NAMES)


def _checked(options: dict[str, Any], mark: str = "_") -> Options:
    return job_options(**{**_NOT_GIVEN, **options}, mark=mark)
