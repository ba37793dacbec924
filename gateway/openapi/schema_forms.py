"""Brings schemas into forms that generators and linters understand; what is accepted stays the same or more.

- Values of several types become `anyOf`: openapi-python-client makes no enumeration of them.
- `oneOf` becomes `anyOf` unless a discriminator chooses among components: only the worker knows whether
  alternatives exclude each other, and a single alternative is not a choice.
- An object with named members and a schema for others says `additionalProperties: true`: the intersection
  that generators make of the two has no values.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import orjson

Form = dict[str, Any]

#: Longest pattern that is described.
_LONGEST_PATTERN: Final = 1_000
#: Keywords that contradict every other type.
_OF_TYPE: Final = {"array": ("items", "prefixItems"), "object": ("properties", "additionalProperties")}
_ANY_ARRAY: Final = {"type": "array", "items": {}}
_ANY_OBJECT: Final = {"type": "object", "additionalProperties": True}
#: Keywords that say something beside others, and restrict nothing.
_REMARKS: Final = frozenset({"description", "deprecated", "readOnly", "writeOnly"})


def straightened(written: Form) -> Form:
    """Return a schema, whose inner schemas were treated already, in a form that generators understand."""
    for step in _STEPS:
        written = step(written)
    return written


def _values(written: Form) -> Form:
    """Describe single values by their types."""
    if "enum" not in written and "const" not in written:
        return written
    values = written["enum"] if "enum" in written else [written["const"]]
    rest = {name: value for name, value in written.items() if name not in {"enum", "const", "type"}}
    forms = _forms_of(values, is_const="enum" not in written)
    if len(forms) == 1:
        return rest | forms[0]
    return rest if "anyOf" in rest else rest | {"anyOf": forms}


def _forms_of(values: list[Any], *, is_const: bool) -> list[Form]:
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    booleans = {value for value in values if isinstance(value, bool)}
    lists = any(isinstance(value, list) for value in values)
    objects = any(isinstance(value, dict) for value in values)
    found = (
        texts and {"type": "string"} | _chosen(texts, is_const=is_const),
        numbers and _numbers(numbers, is_const=is_const),
        booleans and ({"type": "boolean"} if len(booleans) > 1 else {"const": booleans.pop()}),
        lists and _ANY_ARRAY,
        objects and _ANY_OBJECT,
        None in values and {"type": "null"},
    )
    return [form for form in found if form]


def _numbers(values: list[int | float], *, is_const: bool) -> Form:
    if all(isinstance(value, int) for value in values):
        return {"type": "integer"} | _chosen(values, is_const=is_const)
    return {"type": "number"}  # openapi-python-client has no enumeration of floats


def _chosen(values: list[Any], *, is_const: bool) -> Form:
    return {"const": values[0]} if is_const else {"enum": list(dict.fromkeys(values))}


def _types(written: Form) -> list[str]:
    kind = written.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _array(written: Form) -> Form:
    if "array" not in _types(written):
        return written
    if "prefixItems" not in written:
        return {"items": {}} | written
    if written.get("items") == {"not": {}}:
        del written["items"]
        written.setdefault("maxItems", len(written["prefixItems"]))
    return written


def _object(written: Form) -> Form:
    if "object" not in _types(written):
        return written
    if "properties" not in written:
        return {"additionalProperties": True} | written
    if isinstance(written.get("additionalProperties"), dict):
        written["additionalProperties"] = True
    return written


def _contradictions(written: Form) -> Form:
    """Leave out what belongs to another type, is not a pattern, or is required and not described."""
    kind = written.get("type")
    if isinstance(kind, str):
        unfit = {keyword for other in _OF_TYPE.keys() - {kind} for keyword in _OF_TYPE[other]}
        written = {keyword: value for keyword, value in written.items() if keyword not in unfit}
    if "pattern" in written and not is_pattern(written["pattern"]):
        del written["pattern"]
    if "required" in written:
        known = written.get("properties", {})
        written["required"] = [name for name in written["required"] if name in known]
        if not written["required"]:
            del written["required"]
    return written


def _choices(written: Form) -> Form:
    """Make a plain choice of `oneOf`, unless its discriminator can choose."""
    if "oneOf" not in written:
        return {keyword: value for keyword, value in written.items() if keyword != "discriminator"}
    alternatives = _distinct(written["oneOf"])
    if "discriminator" in written and all("$ref" in one for one in alternatives):
        return written | {"oneOf": alternatives}
    rest = {keyword: value for keyword, value in written.items() if keyword not in {"oneOf", "discriminator"}}
    return rest if "anyOf" in rest else rest | {"anyOf": alternatives}


def _alternatives(written: Form) -> Form:
    if "anyOf" not in written:
        return written
    alternatives = _distinct(written["anyOf"])
    if {} in alternatives:
        del written["anyOf"]
        return written
    return _without_single(written | {"anyOf": alternatives}, "anyOf")


def _parts(written: Form) -> Form:
    if "allOf" not in written:
        return written
    parts = [one for one in _distinct(written["allOf"]) if one]
    if not parts:
        del written["allOf"]
        return written
    return _without_single(written | {"allOf": parts}, "allOf")


def _without_single(written: Form, keyword: str) -> Form:
    """Put a schema that is the only one of a list in place of the list, where nothing stands in its way."""
    if len(written[keyword]) > 1:
        return written
    only: Form = written[keyword][0]
    rest = {name: value for name, value in written.items() if name != keyword}
    is_alone = rest.keys() <= _REMARKS if "$ref" in only else not (only.keys() - _REMARKS) & rest.keys()
    if is_alone:
        return only | rest
    # Beside an `allOf` that is there already, it is left out.
    return rest if "allOf" in rest else rest | {"allOf": [only]}


def _distinct(schemas: list[Form]) -> list[Form]:
    # Compared as JSON: to Python, 1 and True are equal.
    return list({orjson.dumps(one, option=orjson.OPT_SORT_KEYS): one for one in schemas}.values())


_STEPS: Final[tuple[Callable[[Form], Form], ...]] = (
    _values, _array, _object, _contradictions, _choices, _alternatives, _parts,
)  # fmt: skip


@lru_cache(maxsize=1024)
def is_pattern(text: str) -> bool:
    """Whether openapi-spec-validator takes a text for a pattern."""
    try:
        return len(text) <= _LONGEST_PATTERN and bool(re.compile(text))
    except (re.error, RecursionError, OverflowError):
        return False
