"""Whether one plain value fits a schema, where that can be told without a validator."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from jobgate.broker import Schema
from jobgate.cli.schema_diff.facts import Level, is_same, type_of, types_of

#: Keywords that say nothing of a value.
ANNOTATIONS: Final = frozenset({
    "$comment", "$defs", "$schema", "contentEncoding", "contentMediaType", "contentSchema", "default",
    "deprecated", "description", "discriminator", "examples", "readOnly", "title", "writeOnly",
})  # fmt: skip
_DEEPEST: Final = 20
#: Keywords that are looked at apart from the others.
STRUCTURE: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf"})


def fits(value: Any, schema: Schema, definitions: Mapping[str, Schema], *, depth: int = 0) -> bool | None:
    """Return whether a value fits a schema; None if that cannot be told.

    Args:
        value: None, a boolean, a number or a text.
        schema: It need not be understood.
        definitions: The schemas that it may refer to.
        depth: Unions around the schema; those that lead to themselves have no end.
    """
    level = Level.of([schema], definitions)
    if level.is_never:
        return False
    if level.repeats or depth > _DEEPEST:
        return None
    answers = [_fits_part(value, one) for one in level.parts]
    for branches, is_one_of in level.unions:
        found = [fits(value, one, definitions, depth=depth + 1) for one in branches]
        if True in found and (not is_one_of or (found.count(True) == 1 and None not in found)):
            answers.append(True)
        else:
            answers.append(False if None not in found and (True not in found or is_one_of) else None)
    return False if False in answers else None if None in answers else True


def _fits_part(value: Any, part: Mapping[str, Any]) -> bool | None:
    unknown = False
    for keyword, said in part.items():
        if keyword in ANNOTATIONS | STRUCTURE:
            continue
        answer = _fits_keyword(value, keyword, said)
        if answer is False:
            return False
        unknown |= answer is None
    return None if unknown else True


def _fits_keyword(value: Any, keyword: str, said: Any) -> bool | None:
    kind = type_of(value)
    if keyword == "type":
        return kind in types_of(said)
    if keyword in ("enum", "const"):
        return any(is_same(value, one) for one in (said if keyword == "enum" else [said]))
    if keyword in _OF_NUMBERS:
        return kind not in ("integer", "fraction") or _OF_NUMBERS[keyword](Fraction(value), Fraction(said))
    if keyword in ("minLength", "maxLength"):
        return kind != "string" or (len(value) >= said if keyword == "minLength" else len(value) <= said)
    if _OF_OTHERS.get(keyword, kind) != kind:
        return True
    return None


_OF_NUMBERS: Final = {
    "minimum": lambda value, said: value >= said,
    "maximum": lambda value, said: value <= said,
    "exclusiveMinimum": lambda value, said: value > said,
    "exclusiveMaximum": lambda value, said: value < said,
    "multipleOf": lambda value, said: (value / said).denominator == 1,
}
#: Types -> the keywords that say something of them, and nothing of other types.
_OF_TYPES: Final = {
    "string": ("pattern", "format"),
    "object": (
        "properties", "required", "additionalProperties", "propertyNames", "minProperties",
        "maxProperties", "patternProperties", "dependentRequired", "dependentSchemas",
    ),
    "array": (
        "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains",
        "maxContains",
    ),
}  # fmt: skip
_OF_OTHERS: Final = {keyword: kind for kind, keywords in _OF_TYPES.items() for keyword in keywords}
