"""What is known of the values that fit a schema: everything that it says at one level, put together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from jobgate.broker import Schema, definition_of

#: A number is a whole one or a fraction.
NUMBER: Final = frozenset({"integer", "fraction"})
TYPES: Final = frozenset({"null", "boolean", "string", "array", "object"}) | NUMBER
_UNIONS: Final = ("anyOf", "oneOf")


def types_of(names: Any) -> frozenset[str]:
    """Return the types that the keyword `type` names."""
    listed = [names] if isinstance(names, str) else names
    return frozenset(
        each for name in listed for each in (NUMBER if name == "number" else {name}) if each in TYPES
    )


def type_of(value: Any) -> str:
    """Return the type of a plain value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if value == int(value) else "fraction"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same in JSON Schema: 2.0 is 2, True is not 1."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


@dataclass(slots=True)
class Level:
    """The parts of a schema that apply to the same value; references and `allOf` are resolved."""

    #: Without their unions.
    parts: list[Mapping[str, Any]] = field(default_factory=list)
    #: Each is the branches of an `anyOf` or `oneOf`; the second member says whether exactly one must fit.
    unions: list[tuple[Sequence[Schema], bool]] = field(default_factory=list)
    #: Whether no value fits.
    is_never: bool = False
    #: Whether a reference came twice, as one that leads to itself does.
    repeats: bool = False

    @classmethod
    def of(cls, schemas: Iterable[Schema], definitions: Mapping[str, Schema]) -> "Level":
        """Return the level at which all of these schemas stand."""
        level, seen = cls(), set[str]()
        pending = list(schemas)
        while pending:
            schema = pending.pop()
            if isinstance(schema, bool):
                level.is_never |= not schema
                continue
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference in seen:
                level.repeats = True
            elif isinstance(reference, str):
                seen.add(reference)
                pending.append(definitions.get(definition_of(reference) or "", {"$ref": None}))
            pending += schema.get("allOf", ())
            level.unions += [(schema[name], name == "oneOf") for name in _UNIONS if schema.get(name)]
            level.is_never |= schema.get("not") in ({}, True) or schema.get("enum") == []
            level.parts.append(schema)
        return level


class Facts:
    """What is known of the values at a level without unions. Whatever is not understood is ignored.

    An object that names its members, and does not say `additionalProperties`, is taken to have no others.
    """

    def __init__(self, parts: Sequence[Mapping[str, Any]]) -> None:
        self.parts = parts
        named = [types_of(one["type"]) for one in parts if "type" in one]
        self.types = TYPES.intersection(*named)
        lists = [one["enum"] for one in parts if "enum" in one]
        lists += [[one["const"]] for one in parts if "const" in one]
        #: All that there are; None = there is no list.
        self.values: list[Any] | None = None
        if lists:
            self.values = [one for one in lists[0] if type_of(one) in self.types and _is_in(one, lists[1:])]
            self.types = frozenset(map(type_of, self.values))

    @property
    def is_empty(self) -> bool:
        """Whether there certainly are no values."""
        return not self.types

    def all_of(self, keyword: str) -> list[Any]:
        """Return each value of a keyword."""
        return [one[keyword] for one in self.parts if keyword in one]

    def largest(self, keyword: str, default: float) -> float:
        """Return the largest value of a keyword."""
        found: list[float] = self.all_of(keyword)
        return max([default, *found])

    def least(self, keyword: str, default: float) -> float:
        """Return the smallest value of a keyword."""
        found: list[float] = self.all_of(keyword)
        return min([default, *found])

    @property
    def required(self) -> frozenset[str]:
        """The members that each object has."""
        return frozenset(name for names in self.all_of("required") for name in names)

    @property
    def named(self) -> frozenset[str]:
        """The members that are described."""
        return frozenset(name for members in self.all_of("properties") for name in members)

    def member(self, name: str) -> list[Schema] | None:
        """Return the schemas of a member, None if there is none of this name."""
        found: list[Schema] = []
        for one in self.parts:
            members = one.get("properties", {})
            if name in members:
                found.append(members[name])
            elif (rest := _rest(one)) is False:
                return None
            elif isinstance(rest, Mapping):
                found.append(rest)
        return None if name not in self.named and self._is_closed else found

    def rest(self) -> list[Schema] | None:
        """Return the schemas of members that are not named; None if there are none."""
        found = [_rest(one) for one in self.parts]
        if False in found or self._is_closed:
            return None
        return [one for one in found if isinstance(one, Mapping)]

    @property
    def _is_closed(self) -> bool:
        says = any(one.get("additionalProperties", False) is not False for one in self.parts)
        return bool(self.named) and not says and not self.all_of("patternProperties")

    def item(self, index: int) -> list[Schema] | None:
        """Return the schemas of the item at an index; None if there is none."""
        if index >= self.least("maxItems", float("inf")):
            return None
        found = []
        for one in self.parts:
            prefix = one.get("prefixItems", ())
            schema = prefix[index] if index < len(prefix) else one.get("items", True)
            if schema is False:
                return None
            found.append(schema)
        return found

    @property
    def longest_prefix(self) -> int:
        """Number of items that are described one by one."""
        return max(map(len, self.all_of("prefixItems")), default=0)

    def lower(self) -> tuple[Fraction, bool] | None:
        """Return the lower bound of numbers, and whether it is excluded itself; None = there is none."""
        found = list(self._bounds("minimum", "exclusiveMinimum", 1))
        return max(found, key=lambda one: (one[0], one[1])) if found else None

    def upper(self) -> tuple[Fraction, bool] | None:
        """Return the upper bound likewise."""
        found = list(self._bounds("maximum", "exclusiveMaximum", -1))
        return min(found, key=lambda one: (one[0], not one[1])) if found else None

    def _bounds(self, inclusive: str, exclusive: str, step: int) -> Iterator[tuple[Fraction, bool]]:
        for one in self.all_of(inclusive):
            yield Fraction(one), False
        for one in self.all_of(exclusive):
            whole = "fraction" not in self.types and Fraction(one).denominator == 1
            yield (Fraction(one) + step, False) if whole else (Fraction(one), True)


def _rest(part: Mapping[str, Any]) -> Any:
    return True if "patternProperties" in part else part.get("additionalProperties", True)


def _is_in(value: Any, lists: Iterable[Sequence[Any]]) -> bool:
    return all(any(is_same(one, value) for one in each) for each in lists)
