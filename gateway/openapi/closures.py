"""What definitions of a function say together with all that they refer to, in time linear in their size."""

import hashlib
from collections.abc import Iterator, Mapping

import orjson

from jobgate.broker import FunctionDocument
from jobgate.gateway.openapi.schema_writer import references

#: Name of a definition -> the names that it refers to.
_Graph = Mapping[str, set[str]]


def closures(document: FunctionDocument) -> dict[str, str]:
    """Return the definitions that a function uses, each with a digest of it and of all that it refers to."""
    graph = _used(document)
    found: dict[str, str] = {}
    for group in _groups(graph):
        own = [[name, document.definitions[name]] for name in sorted(group)]
        others = sorted({found[one] for name in group for one in graph[name] if one not in group})
        together = hashlib.sha256(orjson.dumps([own, others], option=orjson.OPT_SORT_KEYS)).hexdigest()
        found |= {name: hashlib.sha256(f"{together} {name}".encode()).hexdigest() for name in group}
    return dict(sorted(found.items()))


def _used(document: FunctionDocument) -> dict[str, set[str]]:
    """Return the definitions that a function's own schemas refer to, directly or not."""
    graph: dict[str, set[str]] = {}
    schemas = [*(one.schema for one in document.parameters or ()), document.returns]
    new = {name for schema in schemas for name in references(schema)}
    while new := {name for name in new if name in document.definitions and name not in graph}:
        graph |= {name: {*references(document.definitions[name])} for name in new}
        new = {one for name in new for one in graph[name]}
    return {name: {one for one in targets if one in graph} for name, targets in graph.items()}


def _groups(graph: _Graph) -> Iterator[set[str]]:
    """Yield the definitions that refer to each other together, after those that they refer to.

    This is Tarjan's algorithm. It has no recursion: chains may be longer than Python's stack.
    """
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    pending: list[str] = []
    done: set[str] = set()
    for root in graph:
        path = [] if root in order else [root]
        left = {root: iter(graph[root])}
        while path:
            name = path[-1]
            if name not in order:
                order[name] = lowest[name] = len(order)
                pending.append(name)
            for target in left[name]:
                if target not in order:
                    path.append(target)
                    left[target] = iter(graph[target])
                    break
                if target not in done:
                    lowest[name] = min(lowest[name], order[target])
            else:
                path.pop()
                if path:
                    lowest[path[-1]] = min(lowest[path[-1]], lowest[name])
                if lowest[name] == order[name]:
                    group = set(pending[pending.index(name) :])
                    del pending[-len(group) :]
                    done |= group
                    yield group
