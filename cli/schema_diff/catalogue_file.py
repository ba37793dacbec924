"""Functions as a JSON document: `{"functions": […]}`, which is also what `GET /functions` answers."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from jobgate.broker import (
    BrokerError,
    FunctionDocument,
    joined,
    printable,
    read_catalogue,
)

_HOW: Final = "make it with `jobgate check SETTINGS --schema`, or with GET /functions of a gateway"


class UnreadableFile(Exception):
    """A file is not a list of functions. The argument is a sentence."""


def write_functions(functions: Iterable[FunctionDocument]) -> str:
    """Return a document of functions, the same for the same functions.

    Raises:
        UnreadableFile: JSON cannot hold a default of a function.
    """
    listed = [one.as_json() for one in sorted(functions, key=lambda one: one.name)]
    try:
        written = orjson.dumps({"functions": listed}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise UnreadableFile(f"JSON cannot hold the description of a function: {error}") from error
    return written.decode()


def several_versions(text: bytes) -> list[str]:
    """Return the names of functions of which a gateway has seen several versions; it lists one of them."""
    listed = orjson.loads(text)["functions"]
    return [one["name"] for one in listed if isinstance(found := one.get("versions"), int) and found > 1]


def read_functions(text: bytes) -> Mapping[str, FunctionDocument]:
    """Return the functions of a document, by name.

    Raises:
        UnreadableFile: It is not such a document, or one of its functions is not described as it should be.
    """
    try:
        listed: Any = orjson.loads(text)["functions"]
    except (ValueError, TypeError, KeyError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise UnreadableFile(f"it is not a list of functions: {_HOW}")
    try:
        # Gateways list several versions of a function as one; nothing else has a name twice.
        digest, stored = joined(orjson.dumps(one) for one in listed)
        found = read_catalogue(stored, digest)
    except BrokerError as error:
        raise UnreadableFile(f"{error}: {_HOW}") from error
    for one in listed:
        name = one.get("name")
        read = found.functions.get(name) if isinstance(name, str) else None
        if read is None or (read.parameters is None and one.get("parameters") is not None):
            raise UnreadableFile(f"the function {printable(repr(name), 100)} cannot be read: {_HOW}")
    return found.functions
