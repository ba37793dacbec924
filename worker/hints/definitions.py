"""Schemas that share definitions: which ones they refer to, and under which names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker import DEFINITIONS


@dataclass(frozen=True, slots=True)
class Described:
    """One schema and all definitions that it refers to, by name."""

    schema: Any
    definitions: Mapping[str, Any]


def only_needed(schema: Any, definitions: Mapping[str, Any]) -> Described:
    """Return a schema with those definitions that it refers to, directly or not."""
    found: dict[str, Any] = {}
    pending = list(_references(schema))
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = definitions[name]
            pending += _references(definitions[name])
    return Described(schema, found)


def merged(
    arguments: Sequence[Described], result: Described | None
) -> tuple[list[Any], dict[str, Any]] | None:
    """Return the schemas, and their definitions together.

    A class whose arguments and results differ, for example in their defaults, gets two definitions, with the
    names `…-Input` and `…-Output`.

    Returns:
        None where different arguments have different definitions under one name.
    """
    taken: dict[str, Any] = {}
    for one in arguments:
        for name, schema in one.definitions.items():
            if taken.setdefault(name, schema) != schema:
                return None
    schemas = [one.schema for one in arguments]
    if result is None:
        return schemas, taken
    split = _different(taken, result.definitions)
    if not split:
        return [*schemas, result.schema], taken | dict(result.definitions)
    inputs, outputs = _Renaming(split, "-Input"), _Renaming(split, "-Output")
    definitions = inputs.definitions(taken) | outputs.definitions(result.definitions)
    return [*map(inputs.schema, schemas), outputs.schema(result.schema)], definitions


def _different(some: Mapping[str, Any], others: Mapping[str, Any]) -> set[str]:
    """Return the names of definitions that are in both, and differ there or refer to those that do."""
    both = some.keys() & others.keys()
    found = {name for name in both if some[name] != others[name]}
    while more := {name for name in both - found if not found.isdisjoint(_references(some[name]))}:
        found |= more
    return found


class _Renaming:
    """Gives definitions a longer name, and refers to them by it."""

    def __init__(self, names: set[str], suffix: str) -> None:
        self._names = {name: name + suffix for name in names}
        self._references = {DEFINITIONS + old: DEFINITIONS + new for old, new in self._names.items()}

    def definitions(self, definitions: Mapping[str, Any]) -> dict[str, Any]:
        return {self._names.get(name, name): self.schema(one) for name, one in definitions.items()}

    def schema(self, schema: Any) -> Any:
        if isinstance(schema, dict):
            return {name: self.schema(one) for name, one in schema.items()}
        if isinstance(schema, list):
            return [self.schema(one) for one in schema]
        return self._references.get(schema, schema) if isinstance(schema, str) else schema


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(DEFINITIONS)
        for one in schema.values():
            yield from _references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)
