"""JSON for programs, one value a line, and for people."""

import json
from typing import Any, Final

import orjson

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


def json_line(value: Any) -> bytes:
    """Return a value as one line of JSON, with its line end; what JSON cannot hold is written as text."""
    try:
        return orjson.dumps(value, default=str, option=_OPTIONS | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # lone surrogates, integers of more than 64 bits
        return json.dumps(value, default=str, skipkeys=True).encode() + b"\n"


def indented_json(value: Any) -> str:
    """Return a value as JSON for people, without a line end."""
    try:
        return orjson.dumps(value, default=str, option=_OPTIONS | orjson.OPT_INDENT_2).decode()
    except TypeError:
        return json.dumps(value, default=str, skipkeys=True, indent=2)
