"""Signatures of functions: `ctx` comes first, then the arguments of the job."""

import inspect
import sys
from collections.abc import Callable
from typing import Any

from jobgate.worker.errors import SettingsError

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
#: Words in the name or annotation of a first parameter that show that it is meant for `ctx`.
_OF_CTX = ("dict", "mapping", "any", "ctx", "context")
#: Python 3.14 evaluates hints as it reads a signature, and would raise where a name is missing.
_UNRESOLVED: dict[str, Any] = {}
if sys.version_info >= (3, 14):
    import annotationlib

    _UNRESOLVED["annotation_format"] = annotationlib.Format.FORWARDREF


def signature_of(call: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature of a function; None where it cannot be read."""
    try:
        # A decorator may add arguments of its own: its signature counts, not that of the function it wraps.
        return inspect.signature(call, follow_wrapped=False, **_UNRESOLVED)
    except (TypeError, ValueError):  # some builtins have none
        return None


def positional_bounds(signature: inspect.Signature | None) -> tuple[int, int]:
    """Return the least and the most positional arguments after `ctx`; (1, 0) = `bind` must decide."""
    least = most = -1  # ctx takes the first place
    for parameter in signature.parameters.values() if signature else ():
        required = parameter.default is parameter.empty
        if parameter.kind is parameter.VAR_POSITIONAL:
            most = 2**31
        elif parameter.kind in _BY_PLACE:
            least, most = least + required, most + 1
        elif parameter.kind is parameter.KEYWORD_ONLY and required:
            return 1, 0
    return max(least, 0), most


def check_place_of_ctx(name: str, call: Callable[..., Any]) -> None:
    """Check that a function can be called with `ctx`.

    Raises:
        SettingsError: It takes no positional argument, so none of its jobs could ever run.
    """
    signature = signature_of(call)
    if signature is not None and _first_place(signature) is None:
        raise SettingsError(f"functions: {name} cannot take ctx, define it as {_with_ctx(name, signature)}")


def doubt_of_ctx(name: str, signature: inspect.Signature | None) -> str | None:
    """Return a warning where a function's first parameter does not look like `ctx`; None where it does."""
    first = _first_place(signature) if signature is not None else None
    if signature is None or first is None or _is_for_ctx(first):
        return None
    right = _with_ctx(name, signature)
    return f"the first argument of a function is ctx, {name} has {first.name!r} there: define it as {right}"


def _first_place(signature: inspect.Signature) -> inspect.Parameter | None:
    by_place = (*_BY_PLACE, inspect.Parameter.VAR_POSITIONAL)
    return next((each for each in signature.parameters.values() if each.kind in by_place), None)


def _is_for_ctx(first: inspect.Parameter) -> bool:
    if first.kind is first.VAR_POSITIONAL or first.name.startswith("_"):
        return True
    text = first.name if first.annotation is first.empty else f"{first.name} {first.annotation}"
    return any(word in text.lower() for word in _OF_CTX)


def _with_ctx(name: str, signature: inspect.Signature) -> str:
    """Return the right signature of a function without `ctx`: names only, no annotations or defaults."""
    marks: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    names = [marks.get(each.kind, "") + each.name for each in signature.parameters.values()]
    keyword_only = [each.kind is each.KEYWORD_ONLY for each in signature.parameters.values()]
    if any(keyword_only) and not any(one.startswith("*") and one[1] != "*" for one in names):
        names.insert(keyword_only.index(True), "*")
    return f"{name.rpartition('.')[2]}({', '.join(['ctx', *names])})"
