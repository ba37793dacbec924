"""Compares two JSON Schemas: which values of the one does the other not accept?

It answers for the schemas that pydantic writes for types, and says so where it cannot tell.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from jobgate.broker import Schema
from jobgate.cli.schema_diff import scalars
from jobgate.cli.schema_diff.facts import NUMBER, Facts, Level
from jobgate.cli.schema_diff.loss import Loss
from jobgate.cli.schema_diff.unions import are_apart
from jobgate.cli.schema_diff.values import ANNOTATIONS, STRUCTURE, fits

Definitions = Mapping[str, Schema]

#: Comparisons of one pair of schemas, after which the rest is not compared.
_MOST_STEPS: Final = 5_000
_LEADS_TO_ITSELF: Final = "a schema leads to itself"
_NOUNS: Final = {
    "null": "null", "boolean": "booleans", "integer": "whole numbers", "fraction": "numbers with a fraction",
    "string": "text", "array": "lists", "object": "objects",
}  # fmt: skip


def losses(
    inner: Schema, inner_definitions: Definitions, outer: Schema, outer_definitions: Definitions
) -> list[Loss]:
    """Return what fits the schema `inner` and not the schema `outer`; empty = there certainly is nothing.

    Args:
        inner: A schema.
        inner_definitions: The schemas that it may refer to.
        outer: A schema.
        outer_definitions: The schemas that this one may refer to.
    """
    found = _Comparison(inner_definitions, outer_definitions).losses([inner], outer, "", 0)
    return sorted(set(found))


class _Comparison:
    def __init__(self, inner: Definitions, outer: Definitions) -> None:
        self._inner = inner
        self._outer = outer
        self._steps = 0
        #: What is being compared -> at which depth. A cycle that leads back to it adds nothing to it.
        self._open: dict[bytes, int] = {}

    def losses(self, inner: Sequence[Schema], outer: Schema, place: str, depth: int) -> list[Loss]:
        """Return what fits all schemas `inner` and not `outer`; both are of values at `place`."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return [Loss(place, "the schemas are too large to be compared", certain=False)]
        key = _text([list(inner), outer])
        if key in self._open:
            if self._open[key] < depth:
                return []
            return [Loss(place, _LEADS_TO_ITSELF, certain=False)]
        if b'"$ref"' not in key and _text(outer) in map(_text, inner):
            return []
        self._open[key] = depth
        try:
            return list(self._compared(Level.of(inner, self._inner), outer, place, depth))
        finally:
            del self._open[key]

    def _compared(self, level: Level, outer: Schema, place: str, depth: int) -> Iterable[Loss]:
        if level.is_never:
            return []
        if level.unions:
            (branches, _), *others = level.unions
            rest = _plain(level.parts) + [{"anyOf": each} for each, _ in others]
            split = [self.losses([*rest, one], outer, place, depth) for one in branches]
            return [loss for found in split for loss in found]
        facts = Facts(level.parts)
        if facts.is_empty:
            return []
        if facts.values is not None:
            return self._of_values(facts.values, outer, place)
        return self._of_facts(facts, outer, place, depth)

    def _of_facts(self, facts: Facts, outer: Schema, place: str, depth: int) -> list[Loss]:
        target = Level.of([outer], self._outer)
        if target.is_never:
            return [Loss(place, "anything")]
        if target.repeats:
            return [Loss(place, _LEADS_TO_ITSELF, certain=False)]
        found = list(self._of_level(facts, target, place, depth))
        for branches, is_one_of in target.unions:
            found += self._of_union(facts, branches, is_one_of, place, depth)
        return found

    def _of_values(self, values: Iterable[Any], outer: Schema, place: str) -> Iterator[Loss]:
        for value in values:
            answer = fits(value, outer, self._outer)
            if answer is not True:
                yield Loss(place, f"the value {value!r}", certain=answer is False)

    def _of_union(
        self, facts: Facts, branches: Sequence[Schema], is_one_of: bool, place: str, depth: int
    ) -> list[Loss]:
        parts = _plain(facts.parts)
        if is_one_of and not are_apart(branches, self._outer):
            return [Loss(place, "exactly one of several schemas must fit", certain=False)]
        tries = [self.losses(parts, one, place, depth) for one in branches]
        if [] in tries:
            return []
        if len(names := _names(facts.types)) > 1:
            union: Schema = {"anyOf": branches}
            split = [self.losses([*parts, {"type": name}], union, place, depth) for name in names]
            return [loss for found in split for loss in found]
        whole = [Loss(place, _NOUNS[kind]) for kind in sorted(facts.types)]
        nearest = [each for each in tries if not set(whole) <= set(each)]
        if not nearest:
            return whole
        best = min(nearest, key=len)
        # What no single branch accepts, several of them may accept together.
        return best if len(nearest) == 1 else [replace(one, certain=False) for one in best]

    def _of_level(self, facts: Facts, target: Level, place: str, depth: int) -> Iterator[Loss]:
        outer = Facts(target.parts)
        lost_types = facts.types - _said_types(target.parts)
        for kind in sorted(lost_types):
            yield Loss(place, _NOUNS[kind])
        left = Facts([*facts.parts, {"type": _names(facts.types - lost_types)}])
        if left.is_empty:
            return
        yield from scalars.lower_bound(left, outer, place)
        yield from scalars.upper_bound(left, outer, place)
        for part in target.parts:
            for keyword in part:
                if keyword not in _ELSEWHERE:
                    yield from self._of_keyword(left, part, keyword, place, depth)

    def _of_keyword(
        self, facts: Facts, part: Mapping[str, Any], keyword: str, place: str, depth: int
    ) -> Iterable[Loss]:
        said = part[keyword]
        if (compare := _SCALARS.get(keyword)) is not None:
            return compare(facts, keyword, said, place)
        if keyword in ("items", "prefixItems"):
            once = keyword == "prefixItems" or "prefixItems" not in part
            return self._of_items(facts, part, place, depth) if once and "array" in facts.types else ()
        if keyword in ("properties", "additionalProperties"):
            once = keyword == "properties" or "properties" not in part
            return self._of_members(facts, part, place, depth) if once and "object" in facts.types else ()
        if keyword == "propertyNames":
            return self._of_names(facts, said, place, depth) if "object" in facts.types else ()
        if _text(said) in map(_text, facts.all_of(keyword)) and b'"$ref"' not in _text(said):
            return ()
        return [Loss(place, f"the rule {keyword!r} is new or has changed", certain=False)]

    def _of_items(self, facts: Facts, part: Mapping[str, Any], place: str, depth: int) -> Iterator[Loss]:
        prefix = part.get("prefixItems", ())
        count = max(facts.longest_prefix, len(prefix))
        for index in range(count + 1):
            mine = facts.item(index)
            if mine is None:
                break
            other = prefix[index] if index < len(prefix) else part.get("items", True)
            there = f"{place}[{index}]" if index < count else f"{place}[]"
            if other is False:
                yield Loss(place, f"lists with more than {index}")
                break
            yield from self.losses(mine, other, there, depth + 1)

    def _of_members(self, facts: Facts, part: Mapping[str, Any], place: str, depth: int) -> Iterator[Loss]:
        members, rest = part.get("properties", {}), part.get("additionalProperties", True)
        if "patternProperties" in part:
            yield Loss(place, "members are told apart by patterns", certain=False)
            return
        for name in sorted({*members} | facts.named):
            mine, other = facts.member(name), members.get(name, rest)
            if mine is None:
                continue
            if other is False:
                yield Loss(place, f"objects with {name!r}")
            else:
                yield from self.losses(mine, other, f"{place}.{name}", depth + 1)
        mine = facts.rest()
        if mine is not None and rest is False:
            yield Loss(place, "objects with further members")
        elif mine is not None:
            yield from self.losses(mine, rest, f"{place}.*", depth + 1)

    def _of_names(self, facts: Facts, said: Schema, place: str, depth: int) -> Iterator[Loss]:
        if facts.rest() is not None:
            names = [*facts.all_of("propertyNames"), {"type": "string"}]
            for loss in self.losses(names, said, place, depth + 1):
                yield replace(loss, what=f"names of members: {loss.what}")
        for name in sorted(facts.named):
            if facts.member(name) is not None and (answer := fits(name, said, self._outer)) is not True:
                yield Loss(place, f"objects with {name!r}", certain=answer is False)


#: Keywords that are compared all together, or say nothing of a value.
_ELSEWHERE: Final = (
    ANNOTATIONS | STRUCTURE | {"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)


def _required(facts: Facts, keyword: str, said: Sequence[str], place: str) -> Iterator[Loss]:
    if "object" in facts.types:
        yield from (Loss(place, f"objects without {name!r}") for name in sorted({*said} - facts.required))


def _unique(facts: Facts, keyword: str, said: bool, place: str) -> Iterator[Loss]:
    is_short = facts.least("maxItems", float("inf")) <= 1
    if said and "array" in facts.types and not is_short and True not in facts.all_of(keyword):
        yield Loss(place, "lists with equal items")


def _listed(facts: Facts, keyword: str, said: Any, place: str) -> Iterator[Loss]:
    """The values that fit are listed; those of the facts are not."""
    shown = ", ".join(repr(one) for one in (said if keyword == "enum" else [said]))
    yield Loss(place, f"other values than {shown}")


_SCALARS: Final[dict[str, Callable[[Facts, str, Any, str], Iterator[Loss]]]] = {
    **dict.fromkeys(("enum", "const"), _listed),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), scalars.text),
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties"), scalars.counts),
    "multipleOf": scalars.multiple_of,
    "required": _required,
    "uniqueItems": _unique,
}


def _text(schema: Any) -> bytes:
    """Return a schema as text: for Python, 1 and True are equal."""
    return orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)


def _said_types(parts: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return Facts([{"type": one["type"]} for one in parts if "type" in one]).types


def _plain(parts: Iterable[Mapping[str, Any]]) -> list[Schema]:
    """Return the parts without what their level has resolved already."""
    own = [{name: said for name, said in one.items() if name not in STRUCTURE} for one in parts]
    return list({_text(one): one for one in own if one}.values())


def _names(types: frozenset[str]) -> list[str]:
    """Return types as the keyword `type` names them; whole numbers and fractions are one."""
    if types >= NUMBER:
        return [*sorted(types - NUMBER), "number"]
    return sorted("number" if one == "fraction" else one for one in types)
