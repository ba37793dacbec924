"""Return hints of functions, and which of them plain data satisfies as it is."""

import collections.abc
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    Never,
    NewType,
    NoReturn,
    NotRequired,
    Required,
    TypeVar,
    Union,
)

from jobgate.client.errors import InvalidOption

_PLAIN: Final = (Any, None, types.NoneType, bool, int, float, str, list, dict, object, Never, NoReturn)
#: Generic hints that are plain if their arguments are.
_LISTS: Final = (
    list,
    collections.abc.Collection,
    collections.abc.Iterable,
    collections.abc.MutableSequence,
    collections.abc.Sequence,
)
_DICTS: Final = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS: Final = (Union, types.UnionType)
_MARKS: Final = (Annotated, Required, NotRequired)
#: Return hints of plain functions that return an awaitable: their argument is the type of the result.
_AWAITABLES: Final = (collections.abc.Awaitable, collections.abc.Coroutine)


def return_hint(function: Callable[..., Any]) -> Any:
    """Return the evaluated return hint, Any where there is none.

    The hints of the parameters are not looked at: their names need not exist here.

    Raises:
        InvalidOption: A name in it does not exist at run time.
    """
    function = inspect.unwrap(function)
    found = _annotations(function)
    if "return" not in found:
        return Any
    alone = types.SimpleNamespace(__annotations__={"return": found["return"]})
    names = getattr(function, "__globals__", {})
    try:
        hint = typing.get_type_hints(alone, globalns=names, include_extras=True)["return"]
    except Exception as error:  # a hint is an expression, which may raise anything
        raise InvalidOption(
            f"the return hint of {function.__qualname__!r} cannot be evaluated ({error}): import its names "
            "at run time too, or call the function by its name"
        ) from error
    return typing.get_args(hint)[-1] if typing.get_origin(hint) in _AWAITABLES else hint


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations  # noqa: PLC0415 - new in 3.14

        return get_annotations(function, format=Format.FORWARDREF)
    return inspect.get_annotations(function)


def is_plain(hint: Any) -> bool:
    """Whether plain data has the type of a hint without a conversion."""
    return _is_plain(hint, ())


def _is_plain(hint: Any, within: tuple[Any, ...]) -> bool:
    """`within` are the TypedDicts around the hint, which may hold themselves."""
    if isinstance(hint, TypeVar):
        return True
    if isinstance(hint, NewType):
        return _is_plain(hint.__supertype__, within)
    if typing.is_typeddict(hint):
        return hint in within or _are_plain(_members(hint), (*within, hint))
    if typing.get_origin(hint) is None:
        return any(hint is one for one in _PLAIN)
    return _is_plain_generic(typing.get_origin(hint), typing.get_args(hint), within)


def _is_plain_generic(origin: Any, arguments: tuple[Any, ...], within: tuple[Any, ...]) -> bool:
    if origin is Literal:
        return all(type(one) in _PLAIN for one in arguments)
    if origin in _MARKS:
        return _is_plain(arguments[0], within)
    if origin in _DICTS:  # the keys of plain data are text
        return arguments[:1] in ((), (str,)) and _are_plain(arguments[1:], within)
    return origin in (*_LISTS, *_UNIONS) and _are_plain(arguments, within)


def _are_plain(hints: Iterable[Any], within: tuple[Any, ...]) -> bool:
    return all(_is_plain(one, within) for one in hints)


def _members(typed_dict: Any) -> Iterable[Any]:
    try:
        return typing.get_type_hints(typed_dict, include_extras=True).values()
    except NameError:
        return (typed_dict.__class__,)  # not plain: pydantic reports what is missing
