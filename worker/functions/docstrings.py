"""Docstrings of functions, in the style of Google, NumPy or reST."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from docstring_parser import Docstring, ParseError, parse


@dataclass(frozen=True, slots=True)
class FunctionText:
    """What a docstring says of a function."""

    #: Its text without the parts on parameters, the return value and exceptions; None = there is none.
    description: str | None = None
    #: Name of a parameter -> its description.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: The description of the return value.
    returns: str | None = None


def read_docstring(call: Callable[..., Any]) -> FunctionText:
    """Return what a function's docstring says. If it cannot be parsed, all of it is the description."""
    text = _own_docstring(call)
    if not text:
        return FunctionText()
    try:
        parsed = parse(text)
    except (ParseError, ValueError, LookupError):
        return FunctionText(description=text)
    return FunctionText(
        description=_description(parsed),
        parameters={
            name.strip(): one.description
            for one in parsed.params
            for name in one.arg_name.lstrip("*").split(",")  # NumPy: `x, y : int`
            if one.description
        },
        returns=(parsed.returns.description or None) if parsed.returns else None,
    )


def _own_docstring(call: Callable[..., Any]) -> str | None:
    """Return the docstring of a function; an object without one shows that of its class."""
    text = getattr(call, "__doc__", None)
    if not isinstance(text, str) or text == type(call).__doc__:
        text = getattr(getattr(call, "func", None), "__doc__", None)  # a partial
    if not isinstance(text, str):
        return None
    # JSON holds no lone surrogates.
    return inspect.cleandoc(text).encode(errors="replace").decode()


def _description(parsed: Docstring) -> str | None:
    parts = filter(None, (parsed.short_description, parsed.long_description))
    separator = "\n\n" if parsed.blank_after_short_description else "\n"
    return separator.join(parts) or None
