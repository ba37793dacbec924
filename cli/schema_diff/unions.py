"""Whether the branches of a union exclude each other, so that never two of them fit a value."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from jobgate.broker import Schema
from jobgate.cli.schema_diff.facts import Facts, Level

#: Name of a member -> its only values.
_Tags = Mapping[str, frozenset[str]]


def are_apart(branches: Sequence[Schema], definitions: Mapping[str, Schema]) -> bool:
    """Return whether types, or tags, certainly tell the branches apart."""
    known = [_facts(one, definitions) for one in branches]
    return all(
        not one.types & other.types or _differ(_tags(one, definitions), _tags(other, definitions))
        for one, other in combinations(known, 2)
    )


def _facts(branch: Schema, definitions: Mapping[str, Schema]) -> Facts:
    level = Level.of([branch], definitions)
    return Facts([*level.parts, {"enum": []}] if level.is_never else level.parts)


def _tags(facts: Facts, definitions: Mapping[str, Schema]) -> _Tags:
    """Return the members that objects must have with one of a few texts as their value."""
    if facts.types != {"object"}:
        return {}
    found = {}
    for name in facts.required & facts.named:
        values = Facts(Level.of(facts.member(name) or [], definitions).parts).values
        if values and all(isinstance(one, str) for one in values):
            found[name] = frozenset(values)
    return found


def _differ(one: _Tags, other: _Tags) -> bool:
    return any(not one[name] & other[name] for name in one.keys() & other.keys())
