"""The decorator `@job`: options of a function that stand with the function."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar, Unpack, overload

from jobgate.broker import Seconds, did_you_mean
from jobgate.worker.errors import SettingsError
from jobgate.worker.functions.function import OPTIONS, Executor
from jobgate.worker.functions.retries import Backoff, Rule

_F = TypeVar("_F", bound=Callable[..., Any])
#: The attribute with the name by which jobs ask for a function; clients read it without importing the worker.
_NAME = "__jobgate_name__"


class FunctionOptions(TypedDict, total=False):
    """The options of `job`: those of `func`."""

    name: str
    keep_result: Seconds
    timeout: Seconds
    keep_result_forever: bool
    max_tries: int
    retry_on: type[Exception] | Sequence[type[Exception]]
    backoff: Seconds | Backoff | Rule
    executor: Executor
    validate: bool


@overload
def job(function: _F, /) -> _F: ...
@overload
def job(**options: Unpack[FunctionOptions]) -> Callable[[_F], _F]: ...
def job(function: Any = None, /, **options: Unpack[FunctionOptions]) -> Any:
    """Decorate a function with the options that `func` would give it: `@job` or `@job(timeout=30)`.

    The function itself stays as it is. It is offered by being in `functions`, as any other.

    Args:
        function: The function, where the decorator has no arguments.
        options: See `func`, whose own arguments take precedence. Values are checked as the worker starts.

    Raises:
        SettingsError: There is no such option, or what is decorated is not a function.
    """
    for name in options.keys() - FunctionOptions.__annotations__.keys():
        hint = did_you_mean(name, FunctionOptions.__annotations__)
        raise SettingsError(f"{name!r} is not an option of @job{hint or ': it has those of func'}")
    if function is None:
        return lambda decorated: _noted(decorated, options)
    return _noted(function, options)


def _noted(function: Any, options: FunctionOptions) -> Any:
    name = options.get("name") or getattr(function, "__qualname__", None)
    if not callable(function) or not isinstance(name, str):
        raise SettingsError(f"@job decorates functions, not {function!r}")
    setattr(function, OPTIONS, options)
    setattr(function, _NAME, name)
    return function
