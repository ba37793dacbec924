"""How much work a schema can cause for one value, so that no request holds the event loop.

A value is checked by a group of schemas: those that the schemas of its parent name for it, and those that
these name by `$ref`, `allOf` and `anyOf`. Each group is followed to the groups of its members and items,
until no new group appears. Exponential work shows itself in groups that double, from level to level or within
one: they soon outgrow the limit.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jobgate.broker import Schema, definition_of
from jobgate.gateway.arguments.checkable_schema import Uncheckable

#: Most checks of one value, and most steps to find that out.
_MOST_CHECKS: Final = 2_000
_MOST_STEPS: Final = 50_000
#: Keywords whose schemas apply to the same value.
_IN_PLACE_LISTED: Final = ("allOf", "anyOf", "oneOf")
_IN_PLACE_ONE: Final = ("not", "if", "then", "else")
#: How many simple checks one of `multipleOf` costs, one comparison with a value in an array or object, and
#: hashing one value for `uniqueItems`.
_MULTIPLE, _COMPARISON, _HASH = 80, 16, 6
#: Levels of arrays for each of which a value may be hashed again, where schemas are recursive.
_RECURSIVE_LEVELS: Final = 64


#: Seconds of one simple check, and of one look at a character by an expression or a format.
_CHECK_TIME: Final = 25e-9
_LOOK_TIME: Final = 15e-9


@dataclass(frozen=True, slots=True)
class Weight:
    """The most work for one value of an instance."""

    #: Simple checks.
    checks: int = 0
    #: Times that each character of a string is looked at.
    looks: int = 0

    def __or__(self, other: "Weight") -> "Weight":
        return Weight(max(self.checks, other.checks), max(self.looks, other.looks))

    def seconds(self, values: int, characters: int) -> float:
        """Return the longest time for an instance.

        Args:
            values: How many values it has.
            characters: How many characters its strings have.
        """
        return values * self.checks * _CHECK_TIME + characters * self.looks * _LOOK_TIME


class _Budget:
    def __init__(self) -> None:
        self.steps = _MOST_STEPS

    def spend(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Uncheckable("checking its schemas could take too long")


def weight(schema: Schema, definitions: Mapping[str, Schema]) -> Weight:
    """Return the most work that a checked schema causes for one value.

    Args:
        schema: A trimmed schema.
        definitions: What it refers to, trimmed.

    Raises:
        Uncheckable: It could take too long.
    """
    budget = _Budget()
    pending: list[list[dict[str, Any]]] = [_group([schema], definitions, budget)]
    seen: set[tuple[int, ...]] = set()
    most = Weight()
    hashed = 0
    while pending:
        group = pending.pop()
        key = tuple(sorted(map(id, group)))
        hashes = sum(1 for one in group if one.get("uniqueItems"))
        if key in seen:
            # Perhaps it is inside itself: then each level of an instance is hashed with each level above it.
            hashed += hashes * _RECURSIVE_LEVELS
            continue
        seen.add(key)
        hashed += hashes
        found = Weight(sum(map(_checks, group)), sum(map(_looks, group)))
        if found.checks > _MOST_CHECKS:
            raise Uncheckable("checking its schemas could take too long")
        most |= found
        for children in _children(group, budget):
            pending.append(_group(children, definitions, budget))
    return Weight(most.checks + min(hashed, _RECURSIVE_LEVELS) * _HASH, most.looks)


def _group(
    schemas: Iterable[Schema], definitions: Mapping[str, Schema], budget: _Budget
) -> list[dict[str, Any]]:
    """Return all schemas that apply to a value to which the given ones apply, as often as they do."""
    group: list[dict[str, Any]] = []
    pending = list(schemas)
    while pending:
        budget.spend()
        schema = pending.pop()
        if not isinstance(schema, dict):
            continue
        group.append(schema)
        if len(group) > _MOST_CHECKS:
            raise Uncheckable("checking its schemas could take too long")
        pending += _in_place(schema, definitions)
    return group


def _in_place(schema: dict[str, Any], definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    if (reference := schema.get("$ref")) is not None:
        yield definitions[definition_of(reference) or ""]
    for keyword in _IN_PLACE_LISTED:
        yield from schema.get(keyword, ())
    for keyword in _IN_PLACE_ONE:
        yield schema.get(keyword, True)
    yield from schema.get("dependentSchemas", {}).values()


def _children(group: list[dict[str, Any]], budget: _Budget) -> Iterator[list[Schema]]:
    """Yield what applies to each member and item that the group tells apart, and to all others."""
    named = [one for one in group if "properties" in one]
    others = [schema for one in group for schema in _of_others(one)]
    for name in {name for one in named for name in one["properties"]}:
        budget.spend(len(group))
        yield [one["properties"][name] for one in named if name in one["properties"]] + others
    yield others
    yield [one["propertyNames"] for one in group if "propertyNames" in one]
    items = [one[keyword] for one in group for keyword in ("items", "contains") if keyword in one]
    for place in range(max((len(one.get("prefixItems", ())) for one in group), default=0)):
        budget.spend(len(group))
        yield [one["prefixItems"][place] for one in group if len(one.get("prefixItems", ())) > place] + items
    yield items


def _of_others(schema: dict[str, Any]) -> Iterator[Schema]:
    yield from schema.get("patternProperties", {}).values()
    if "additionalProperties" in schema:
        yield schema["additionalProperties"]


def _checks(schema: dict[str, Any]) -> int:
    options = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
    compared = sum(_COMPARISON * _size(one) if isinstance(one, list | dict) else 0.125 for one in options)
    return (
        1
        + len(schema)
        + int(compared)
        + len(schema.get("required", ())) // 8
        + len(schema.get("patternProperties", ()))
        + (_MULTIPLE if "multipleOf" in schema else 0)
    )


def _looks(schema: dict[str, Any]) -> int:
    return ("pattern" in schema) + ("format" in schema) + len(schema.get("patternProperties", ()))


def _size(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, inside))
