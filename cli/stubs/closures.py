"""What schemas say, together with all definitions that they refer to."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from jobgate.cli.stubs.annotations import depends_on_way
from jobgate.cli.stubs.schemas import Definitions, parts, target


@dataclass(frozen=True, slots=True)
class Closure:
    """A schema and the definitions that it refers to, directly or through others."""

    #: Equal for schemas that say the same.
    digest: bytes
    #: Whether its type as an argument is another than as a result.
    depends_on_way: bool


@dataclass(frozen=True, slots=True)
class _Facts:
    """What one schema says by itself."""

    targets: frozenset[str]
    depends_on_way: bool


@dataclass(slots=True)
class Closures:
    """Finds the closures of schemas. Definitions are read once, and must stay as long as this does."""

    _known: dict[int, _Facts] = field(default_factory=dict)

    def of(self, schema: Any, definitions: Definitions) -> Closure:
        """Return the closure of a schema."""
        facts = [_facts(schema)]
        found: dict[str, Any] = {}
        for each in facts:  # which grows
            for name in each.targets:
                if name in definitions and name not in found:
                    found[name] = definitions[name]
                    facts.append(self._facts_of(definitions[name]))
        digest = orjson.dumps([schema, found], option=orjson.OPT_SORT_KEYS)
        return Closure(digest, any(each.depends_on_way for each in facts))

    def _facts_of(self, definition: Any) -> _Facts:
        if id(definition) not in self._known:
            self._known[id(definition)] = _facts(definition)
        return self._known[id(definition)]


def _facts(schema: Any) -> _Facts:
    inside = list(parts(schema))
    return _Facts(frozenset(map(target, inside)), any(map(depends_on_way, inside)))
