"""Of a union, the errors that help: those of the branch that the caller probably meant."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jobgate.broker import ArgumentPath, Schema
from jobgate.gateway.arguments.schema_phrases import any_of, options_phrase, quoted

#: A place inside the bound arguments, and what is wrong there.
Error = tuple[ArgumentPath, str]

_IT_MUST_BE: Final = "It must be "
_TYPES: Final[Mapping[type, frozenset[str]]] = {
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    str: frozenset({"string"}),
    type(None): frozenset({"null"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
}


def nearest(
    branches: Sequence[Schema], found: Sequence[list[Error]], value: Any, path: ArgumentPath
) -> list[Error]:
    """Return the errors of the branch nearest to a value that fits none.

    Args:
        branches: The schemas of the union. Each is what its `$ref` leads to.
        found: The errors of each branch, in the same order; none is empty.
        value: What fits none of them.
        path: Where it is.
    """
    near = [place for place, one in enumerate(branches) if _admits_type(one, value)]
    if not near:
        return [(path, _joined(found))]
    if isinstance(value, dict) and (tags := _tags([branches[place] for place in near])):
        return _by_tag(tags, [found[place] for place in near], value, path)
    likely = [found[place] for place in near]
    if len(likely) > 1 and all(where == path for errors in likely for where, _ in errors):
        return [(path, _joined(likely))]
    return min(likely, key=len)


def _admits_type(schema: Schema, value: Any) -> bool:
    if isinstance(schema, bool):
        return schema
    types = schema.get("type")
    if types is not None:
        named = [types] if isinstance(types, str) else types
        is_whole = isinstance(value, float) and value.is_integer() and "integer" in named
        return is_whole or not _TYPES[type(value)].isdisjoint(named)
    options = [schema["const"]] if "const" in schema else schema.get("enum")
    return options is None or any(type(one) is type(value) for one in options)


def _joined(found: Sequence[list[Error]]) -> str:
    """Return what one of several branches asks for, as one sentence."""
    texts = [errors[0][1] for errors in found]
    demands = [text.removeprefix(_IT_MUST_BE)[:-1] for text in texts if text.startswith(_IT_MUST_BE)]
    demands = [one.removeprefix("a string: ") for one in demands]
    return f"{_IT_MUST_BE}{any_of(demands)}." if demands else texts[0]


def _tags(branches: Sequence[Schema]) -> tuple[str, list[list[Any]]] | None:
    """Return the member that tells branches apart, and its values in each; None = there is no such member."""
    if len(branches) < 2:
        return None
    members = [one.get("properties", {}) if isinstance(one, Mapping) else {} for one in branches]
    for name in members[0]:
        values = [_options(one.get(name)) for one in members]
        if all(values):
            return name, values
    return None


def _options(schema: Schema | None) -> list[Any]:
    if not isinstance(schema, Mapping):
        return []
    options: list[Any] = [schema["const"]] if "const" in schema else schema.get("enum", [])
    return options


def _by_tag(
    tags: tuple[str, list[list[Any]]], found: Sequence[list[Error]], value: dict[str, Any], path: ArgumentPath
) -> list[Error]:
    name, values = tags
    if name not in value:
        return [(path, f"The required member {quoted(name)} is missing.")]
    meant = [errors for errors, options in zip(found, values, strict=True) if value[name] in options]
    if meant:
        return min(meant, key=len)
    known = [one for options in values for one in options]
    return [((*path, name), f"{_IT_MUST_BE}{options_phrase(known)}.")]
