"""What schemas ask for, in words. Schemas come from Redis: what is shown of them is short and printable."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from jobgate.broker import KnownPattern

#: Characters that are shown of a text from a schema, and values of a list.
_LONGEST: Final = 60
_MOST_SHOWN: Final = 10

_NOUNS: Final = {
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
}
_FORMATS: Final = {
    "date-time": "a date and time such as 2026-01-31T12:00:00Z",
    "date": "a date such as 2026-01-31",
    "time": "a time such as 12:00:00",
    "duration": "a duration such as PT1H30M",
    "uuid": "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    "email": "an email address such as ann@example.org",
    "uri": "a URI such as https://example.org/page",
    "ipv4": "an IPv4 address such as 192.0.2.1",
    "ipv6": "an IPv6 address such as 2001:db8::1",
    "hostname": "a host name such as example.org",
    "regex": "a regular expression",
}
_PATTERNS: Final[Mapping[str, str]] = {
    KnownPattern.ANY_DECIMAL: "It must be a decimal number such as 12.50.",
    KnownPattern.PLAIN_DECIMAL: "It must be a decimal number without an exponent, such as 12.50.",
    KnownPattern.WHOLE: "It must be a whole number such as 42.",
    KnownPattern.COMPLEX: "It must be a complex number such as 1+2j.",
    KnownPattern.FRACTION: "It must be a fraction such as 2/3.",
    KnownPattern.BASE64: "It must be base64 text such as aGVsbG8=.",
    KnownPattern.PADDED_BASE64: "It must be base64 text with its padding, such as aGVsbG8=.",
    KnownPattern.PADDED_BASE64URL: "It must be base64url text with its padding, such as aGVsbG8=.",
    KnownPattern.AWARE: "It must have an offset from UTC, such as Z or +01:00.",
    KnownPattern.NAIVE: "It must not have an offset from UTC.",
}
_BOUNDS: Final = {
    "minimum": "It must be at least {}.",
    "maximum": "It must be at most {}.",
    "exclusiveMinimum": "It must be more than {}.",
    "exclusiveMaximum": "It must be less than {}.",
    "multipleOf": "It must be a multiple of {}.",
}
_COUNTS: Final = {
    "minLength": ("at least", "character"),
    "maxLength": ("at most", "character"),
    "minItems": ("at least", "item"),
    "maxItems": ("at most", "item"),
    "minProperties": ("at least", "member"),
    "maxProperties": ("at most", "member"),
}


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return a text as it may be shown: without control characters, and cut."""
    shown = "".join(one if one.isprintable() else "?" for one in text[:longest])
    return shown if len(text) <= longest else f"{shown}…"


def quoted(text: str) -> str:
    """Return a text from a schema in quotes."""
    return f"'{printable(text)}'"


def value_phrase(value: Any) -> str:
    """Return a JSON value of a schema as it is shown."""
    if isinstance(value, str):
        return quoted(value)
    try:
        return printable(orjson.dumps(value).decode())
    except TypeError:
        return "a value of the schema"


def any_of(phrases: Iterable[str]) -> str:
    """Return `a, b or c`."""
    different = list(dict.fromkeys(phrases))
    if len(different) > _MOST_SHOWN:
        different = [*different[:_MOST_SHOWN], "one of others"]
    *others, last = different or ["a value of another type"]
    return f"{', '.join(others)} or {last}" if others else last


def options_phrase(options: Sequence[Any]) -> str:
    """Return what an `enum` accepts."""
    shown = [value_phrase(one) for one in options[:_MOST_SHOWN]]
    if len(options) > _MOST_SHOWN:
        return f"one of {len(options)} values, such as {any_of(shown[:3])}"
    return f"one of {', '.join(shown)}" if len(shown) > 2 else any_of(shown)


def type_phrase(types: str | Sequence[str], schema: Mapping[str, Any]) -> str:
    """Return what a `type` asks for, and its format."""
    named = [types] if isinstance(types, str) else list(types)
    form = _FORMATS.get(schema.get("format", ""))
    if named == ["string"] and form:
        return f"a string: {form}"
    if {"integer", "number"} <= set(named):
        named.remove("integer")
    return any_of(_NOUNS.get(one, "a value of another type") for one in named)


def sentence(keyword: str, value: Any) -> str:
    """Return what a value has to do to meet a keyword that it does not meet."""
    if keyword in _COUNTS:
        bound, noun = _COUNTS[keyword]
        return f"It must have {bound} {value_phrase(value)} {noun}{'' if value == 1 else 's'}."
    return _SENTENCES.get(keyword, _other)(keyword, value)


def is_known_pattern(keyword: str, schema: Mapping[str, Any]) -> bool:
    """Whether the keyword is a pattern that is described in words."""
    return keyword == "pattern" and schema[keyword] in _PATTERNS


def _bound(keyword: str, value: Any) -> str:
    return _BOUNDS[keyword].format(value_phrase(value))


def _pattern(_: str, value: Any) -> str:
    return _PATTERNS.get(value) or f"It must match the regular expression {quoted(str(value))}."


def _format(_: str, value: Any) -> str:
    form = _FORMATS.get(value) or f"a string of the format {quoted(str(value))}"
    return f"It must be {form}."


def _other(keyword: str, _: Any) -> str:
    return f"It does not meet {quoted(keyword)} of the function's schema."


_SENTENCES: Final[Mapping[str, Callable[[str, Any], str]]] = {
    **dict.fromkeys(_BOUNDS, _bound),
    "format": _format,
    "pattern": _pattern,
    "enum": lambda _, value: f"It must be {options_phrase(value)}.",
    "const": lambda _, value: f"It must be {value_phrase(value)}.",
    "uniqueItems": lambda _, __: "Its items must differ from each other.",
    "not": lambda _, __: "It is a value that the function does not accept.",
}
