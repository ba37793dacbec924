"""Type hints of functions: those of its parameters and that of its return value."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_VAR = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
#: Hints that say nothing of a value.
_SILENT = (inspect.Parameter.empty, Any, object)
#: The name under which the hint of the return value is looked up, as in `__annotations__`.
RETURN = "return"


@dataclass(frozen=True, slots=True)
class Hints:
    """The hints of one function that could be resolved and say something."""

    #: Name of a parameter -> its hint; `RETURN` -> that of the return value.
    known: Mapping[str, Any] = field(default_factory=dict)
    #: Name -> why its hint cannot be resolved, for people.
    unknown: Mapping[str, str] = field(default_factory=dict)


def read_hints(call: Callable[..., Any], signature: inspect.Signature) -> Hints:
    """Return the hints of a function.

    Args:
        call: The function.
        signature: Its own signature; that of a function that it wraps does not count.
    """
    function = _function_of(call)
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    known: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    for name, annotation in _annotations(function, signature):
        try:
            hint = _resolved(annotation, scope)
        except Exception as error:  # evaluating a hint runs the user's code
            unknown[name] = f"{type(error).__name__}: {error}"
            continue
        if not any(hint is silent for silent in _SILENT):
            known[name] = hint
    return Hints(known, unknown)


def _annotations(function: object, signature: inspect.Signature) -> Iterator[tuple[str, Any]]:
    """Yield the annotation of each parameter and of the return value."""
    # `functools.wraps` gives a wrapper the annotations of the function that it wraps. Of the wrapper's own
    # parameters, `*args` and `**kwargs` are then annotated only by a chance of names.
    is_wrapper = hasattr(function, "__wrapped__") and not hasattr(function, "__signature__")
    for one in signature.parameters.values():
        if one.annotation is not one.empty and not (is_wrapper and one.kind in _VAR):
            yield one.name, one.annotation
    if signature.return_annotation is not signature.empty:
        yield RETURN, signature.return_annotation


def _resolved(annotation: object, scope: dict[str, Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={"hint": annotation})
    return typing.get_type_hints(holder, scope, include_extras=True)["hint"]


def _function_of(call: Callable[..., Any]) -> Any:
    """Return the function behind a partial, a bound method, a class or an object that can be called."""
    while isinstance(call, functools.partial):
        call = call.func
    call = getattr(call, "__func__", call)
    if isinstance(call, type):
        return call.__init__  # type: ignore[misc]  # only read
    if inspect.isroutine(call):
        return call
    return type(call).__call__


def members_of(typed_dict: Any) -> dict[str, tuple[Any, bool]]:
    """Return the members of a TypedDict: name -> its hint, and whether it is required."""
    hints = typing.get_type_hints(typed_dict, include_extras=True)
    return {name: _member(hint, name in typed_dict.__required_keys__) for name, hint in hints.items()}


def _member(hint: Any, required: bool) -> tuple[Any, bool]:
    """Return a hint without its marks; these are right where hints are text, `__required_keys__` is not."""
    while (mark := _mark_of(hint)) is not None:
        [hint] = typing.get_args(hint)
        required = required if mark == "ReadOnly" else mark == "Required"
    return hint, required


def _mark_of(hint: Any) -> str | None:
    mark = getattr(typing.get_origin(hint), "_name", None)
    return mark if mark in ("Required", "NotRequired", "ReadOnly") else None


def is_unpacked(hint: Any) -> bool:
    """Whether a hint is `Unpack[…]`, of `typing` or of `typing_extensions`."""
    return getattr(typing.get_origin(hint), "_name", None) == "Unpack"
