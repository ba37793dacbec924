"""Which stored schemas are let in: a validator must neither fetch an address nor be kept busy by one.

A schema is not checked against the rules of JSON Schema here: whoever compiles it does that.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Any, Final

from jobgate.broker.catalogue.references import definition_of
from jobgate.broker.errors import DecodeError

#: Deepest nesting of a schema or a default.
_DEEPEST: Final = 64
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
#: Keywords that give a schema an address or a dialect, or lead to one that can be anywhere.
_REFUSED: Final = frozenset(
    {"$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef", "$vocabulary"}
)


class ValueBudget:
    """Checks what a document holds, as long as it does not hold too much.

    Args:
        values: How many values its schemas and defaults may hold.
    """

    def __init__(self, values: int) -> None:
        #: How many more they may hold.
        self.left = values

    def check_plain(self, value: Any) -> None:
        """Raise DecodeError if a default is too deep or holds too many values."""
        for _ in self._walk(value):
            pass

    def check_schema(self, schema: Any, definitions: Container[str]) -> None:
        """Raise DecodeError if it is not a schema, is too large, or refers to anything but `definitions`."""
        if not isinstance(schema, (dict, bool)):
            raise DecodeError("a schema must be an object or a boolean")
        for each in self._walk(schema):
            # A member of this name may be the name of a property instead: its value is then a schema.
            if isinstance(each, dict):
                _check_references(each, definitions)

    def _walk(self, value: Any) -> Iterator[Any]:
        """Yield a value and all values in it."""
        level = [value]
        for _ in range(_DEEPEST):
            self.left -= len(level)
            if self.left < 0:
                raise DecodeError("the schemas of a function hold too many values")
            yield from level
            level = [inner for outer in level for inner in _inner(outer)]
            if not level:
                return
        raise DecodeError("a schema is nested too deeply")


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_references(schema: dict[str, Any], definitions: Container[str]) -> None:
    if any(isinstance(schema[name], (str, bool)) for name in _REFUSED & schema.keys()):
        raise DecodeError("a schema must not have an address")
    if isinstance(dialect := schema.get("$schema"), str) and dialect != _DIALECT:
        raise DecodeError("a schema must be of JSON Schema 2020-12")
    reference = schema.get("$ref")
    if isinstance(reference, str) and definition_of(reference) not in definitions:
        raise DecodeError("a schema may refer only to the definitions of its function")
