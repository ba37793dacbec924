"""Results as the type that a function's return hint promises.

A result arrives as plain data. Where the hint says more than that, such as a model or a datetime, pydantic
converts it. Nothing else in the client needs pydantic, so it is imported only then.
"""

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import orjson

from jobgate.client.errors import InvalidOption, MissingExtra, ResultMismatch
from jobgate.client.values.return_hints import is_plain, return_hint

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: From plain data to the type of the hint; raises ResultMismatch.
ReadResult = Callable[[Any], Any]


@functools.lru_cache(maxsize=1024)
def reader_of(function: Callable[..., Any]) -> ReadResult | None:
    """Return what converts the results of a function; None where they stay as they are.

    Raises:
        InvalidOption: The return hint cannot be evaluated, or pydantic does not support it.
        MissingExtra: It needs pydantic, which is not installed.
    """
    hint = return_hint(function)
    if is_plain(hint):
        return None
    return functools.partial(_read, function.__qualname__, _adapter(function, hint))


def _adapter(function: Callable[..., Any], hint: Any) -> "TypeAdapter[list[Any]]":
    """Return what reads a list with one result."""
    name = function.__qualname__
    try:
        from pydantic import ConfigDict, TypeAdapter  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "pydantic":
            raise
        raise MissingExtra(
            f"{name!r} returns more than plain data, which needs pydantic: install jobgate with its extra "
            "[typed], in its folder: pip install '.[typed]'."
        ) from None
    # As in the worker, bytes are base64. Other classes can come through pickle only.
    config = ConfigDict(val_json_bytes="base64", arbitrary_types_allowed=True)
    try:
        # In a list, because dataclasses take such settings only from what contains them.
        return TypeAdapter(list[hint], config=config)
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InvalidOption(
            f"results cannot be converted to the return hint of {name!r} ({reason}): change the hint, or "
            "call the function by its name"
        ) from error


def _read(function: str, adapter: "TypeAdapter[list[Any]]", result: Any) -> Any:
    try:
        text = _as_json([result])
        [value] = adapter.validate_python([result]) if text is None else adapter.validate_json(text)
        return value
    except Exception as error:  # validators of models may raise anything
        raise ResultMismatch(function, result, _reason(error)) from error


#: Real objects are not plain data, although orjson can write them.
_REAL_OBJECTS: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def _as_json(result: Any) -> bytes | str | None:
    """Return plain data as JSON; None if it holds more than that, which only pickle and msgpack can carry."""
    try:
        text = orjson.dumps(result, option=_REAL_OBJECTS)
        # orjson writes NaN as null and refuses large integers.
        return text if b"null" not in text else json.dumps(result)
    except TypeError:
        try:
            return json.dumps(result)
        except (TypeError, ValueError):
            return None


def _reason(error: Exception) -> str:
    """Return the first thing that is wrong, without the values themselves."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return f"{type(error).__name__}: {error}"
    first, *rest = errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(str(one) for one in first["loc"][1:])
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{place}: {first['msg']}{more}" if place else f"{first['msg']}{more}"
