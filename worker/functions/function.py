"""The functions of a worker, as the user defines them.

arq's own objects are recognised by their attributes; arq is never imported.
"""

import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jobgate.broker import Seconds
from jobgate.worker.bounds import duration, whole
from jobgate.worker.errors import SettingsError
from jobgate.worker.functions.import_paths import import_string
from jobgate.worker.functions.retries import Backoff, Rule, as_backoff, as_retry_on
from jobgate.worker.functions.signatures import check_place_of_ctx

Executor = Literal["thread", "process"]

#: Attributes of arq's `Function`, and of nothing else in a list of functions.
_FUNCTION_SHAPE = ("name", "coroutine", "timeout_s", "keep_result_s", "keep_result_forever", "max_tries")


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One function and its own limits; None = as in the worker's settings. Names are arq's."""

    #: The name by which jobs ask for it.
    name: str
    #: A coroutine function, or a plain function that runs in a thread or process.
    coroutine: Callable[..., Any]
    #: Run limit in seconds.
    timeout_s: float | None = None
    #: Seconds to keep the result; 0 = not at all.
    keep_result_s: float | None = None
    #: Keep the result for ever; overrides `keep_result_s`.
    keep_result_forever: bool | None = None
    #: Starts allowed.
    max_tries: int | None = None
    #: Exceptions after which the job runs again; empty = none.
    retry_on: tuple[type[Exception], ...] | None = None
    #: Pauses between these tries.
    backoff: Backoff | Rule | None = None
    #: Where a plain function runs: `thread` or `process`; None = in a thread.
    executor: Executor | None = None
    #: Whether its type hints are used: arguments and results are validated and converted.
    validate: bool | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is not a coroutine function."""
        call = getattr(self.coroutine, "__call__", None)  # noqa: B004 - an object with an async __call__
        return not (inspect.iscoroutinefunction(self.coroutine) or inspect.iscoroutinefunction(call))


#: The attribute in which `job` keeps the options of a function.
OPTIONS = "__jobgate_options__"


def func(  # noqa: PLR0913 - arq's arguments, and four more
    coroutine: str | Function | Callable[..., Any],
    *,
    name: str | None = None,
    keep_result: Seconds | None = None,
    timeout: Seconds | None = None,
    keep_result_forever: bool | None = None,
    max_tries: int | None = None,
    retry_on: type[Exception] | Sequence[type[Exception]] | None = None,
    backoff: Seconds | Backoff | Rule | None = None,
    executor: Executor | None = None,
    validate: bool | None = None,
) -> Function:
    """Define a function with limits of its own, as arq's `func`; None = as in the worker's settings.

    The options of a function that `job` has decorated count where they are not given here.

    Args:
        coroutine: The function, or its import path `module.function`.
        name: Its name for jobs; by default `__qualname__`, or the import path where one is given.
        keep_result: Seconds to keep results; 0 = not at all.
        timeout: Run limit in seconds; 0 = the worker's `job_timeout`.
        keep_result_forever: Keep results for ever.
        max_tries: Starts allowed.
        retry_on: Exceptions after which the job runs again; a timeout is a `TimeoutError`.
        backoff: Pauses before that: seconds of the first, `Backoff(…)`, or a function from try to seconds.
        executor: Where a plain function runs: "thread" (the default) or "process".
        validate: Whether its type hints are used: arguments and results are validated and converted.

    Raises:
        SettingsError: The function cannot be called, cannot take `ctx` or has no name, or an argument is out
            of range.
        LoadError: The import path cannot be imported.
    """
    if isinstance(coroutine, Function):
        return coroutine
    path = coroutine if isinstance(coroutine, str) else None
    call: Any = import_string(path) if path else coroutine
    if not callable(call):
        raise SettingsError(f"functions: {call!r} cannot be called, pass a function or its import path")
    given = {
        "name": name, "keep_result": keep_result, "keep_result_forever": keep_result_forever,
        "timeout": timeout, "max_tries": max_tries, "retry_on": retry_on, "backoff": backoff,
        "executor": executor, "validate": validate,
    }  # fmt: skip
    options = {**getattr(call, OPTIONS, {}), **{key: one for key, one in given.items() if one is not None}}
    made = _made(call, options.get("name") or path or _own_name(call), options)
    _check_executor(made)
    check_place_of_ctx(made.name, call)
    return made


def _made(call: Callable[..., Any], name: str, options: Mapping[str, Any]) -> Function:
    timeout, keep_result, max_tries = (options.get(key) for key in ("timeout", "keep_result", "max_tries"))
    retry_on, backoff, validate = (options.get(key) for key in ("retry_on", "backoff", "validate"))
    if validate not in (None, True, False):
        raise SettingsError(f"func(validate=…) must be True or False, not {validate!r}")
    return Function(
        name=name,
        coroutine=call,
        timeout_s=duration("func(timeout=…)", timeout, 0.001) if timeout else None,
        keep_result_s=None if keep_result is None else duration("func(keep_result=…)", keep_result, 0),
        keep_result_forever=options.get("keep_result_forever"),
        max_tries=None if max_tries is None else whole("func(max_tries=…)", max_tries, 1),
        retry_on=None if retry_on is None else as_retry_on("func(retry_on=…)", retry_on),
        backoff=None if backoff is None else as_backoff("func(backoff=…)", backoff),
        executor=options.get("executor"),
        validate=validate,
    )


def _check_executor(function: Function) -> None:
    if function.executor not in (None, "thread", "process"):
        raise SettingsError(f"func(executor=…) must be 'thread' or 'process', not {function.executor!r}")
    if function.executor is not None and not function.is_plain:
        raise SettingsError(
            f"{function.name!r} is a coroutine function, which runs in the event loop: leave out executor"
        )
    if function.executor == "process":
        _check_importable(function)


def _check_importable(function: Function) -> None:
    """Check that a child process can import a function by its name, as pickle does."""
    try:
        pickle.dumps(function.coroutine)
    except Exception as error:
        raise SettingsError(
            f"functions: {function.name!r} has executor='process' and must be a function at the top of a "
            f"module, so that another process can import it ({error})"
        ) from error


def as_function(value: object) -> Function:
    """Return an item of a list of functions as a `Function`.

    Raises:
        SettingsError: It is not a function, an import path or a result of `func`.
        LoadError: Its import path cannot be imported.
    """
    if isinstance(value, Function):
        return value
    if all(hasattr(value, name) for name in _FUNCTION_SHAPE):
        return func(
            value.coroutine,  # type: ignore[attr-defined]  # recognised by shape
            name=value.name,  # type: ignore[attr-defined]
            keep_result=value.keep_result_s,  # type: ignore[attr-defined]
            timeout=value.timeout_s,  # type: ignore[attr-defined]
            keep_result_forever=value.keep_result_forever,  # type: ignore[attr-defined]
            max_tries=value.max_tries,  # type: ignore[attr-defined]
        )
    if isinstance(value, str) or callable(value):
        return func(value)
    raise SettingsError(f"functions: {value!r} is not a function, an import path or func(…)")


def _own_name(coroutine: Callable[..., Any]) -> str:
    """Return `__qualname__`, as in arq; objects without one need func(…, name=…)."""
    name = getattr(coroutine, "__qualname__", None)
    if not isinstance(name, str):
        raise SettingsError(f"functions: {coroutine!r} has no name, use func(…, name='…')")
    return name
