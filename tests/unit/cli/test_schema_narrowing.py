"""Which values of one schema another does not accept; and a claim that all pass is never wrong."""

from itertools import product
from typing import Any

import pytest
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from harness.forms import LONG
from jobgate.cli.schema_diff.narrowing import losses

TEXT, WHOLE, NUMBER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "null"}
DEFINITIONS: dict[str, Any] = {
    "Point": {"type": "object", "properties": {"x": WHOLE}, "required": ["x"]},
    "Tree": {
        "type": "object",
        "properties": {"n": WHOLE, "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        "required": ["n"],
    },
    "Loop": {"$ref": "#/$defs/Loop"},
    "Round": {"anyOf": [{"$ref": "#/$defs/Round"}, {"type": "string"}]},
    "Bush": {
        "type": "object",
        "properties": {"n": NUMBER, "children": {"type": "array", "items": {"$ref": "#/$defs/Bush"}}},
    },
    "Cat": {"type": "object", "properties": {"kind": {"const": "cat"}, "n": WHOLE}, "required": ["kind"]},
    "Dog": {"type": "object", "properties": {"kind": {"const": "dog"}, "n": TEXT}, "required": ["kind"]},
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def an_object(required: list[str] | None = None, /, **members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": required or []}


def a_list(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def one_of(*branches: Any) -> dict[str, Any]:
    return {"oneOf": list(branches)}


def any_of(*branches: Any) -> dict[str, Any]:
    return {"anyOf": list(branches)}


#: Accepted before -> accepted now -> what is lost, "" = nothing; "?" before it = it cannot be told.
TABLE: list[tuple[Any, Any, str]] = [
    # Anything and nothing
    (True, True, ""),
    (True, {}, ""),
    (TEXT, True, ""),
    (False, TEXT, ""),
    ({"not": {}}, TEXT, ""),
    ({"enum": []}, TEXT, ""),
    (True, TEXT, "booleans; lists; null; numbers with a fraction; objects; whole numbers"),
    (TEXT, False, "anything"),
    (TEXT, {"title": "T", "description": "d", "default": 1, "type": "string"}, ""),
    # Types
    (TEXT, WHOLE, "text"),
    (WHOLE, NUMBER, ""),
    (NUMBER, WHOLE, "numbers with a fraction"),
    (TEXT, {"type": ["string", "null"]}, ""),
    ({"type": ["string", "null"]}, TEXT, "null"),
    (any_of(TEXT, NULL), {"type": ["null", "string"]}, ""),
    (NUMBER, {"type": ["integer", "string"]}, "numbers with a fraction"),
    # Unions
    (TEXT, any_of(TEXT, NULL), ""),
    (any_of(TEXT, NULL), TEXT, "null"),
    (any_of(TEXT, WHOLE), any_of(WHOLE, NULL, TEXT), ""),
    (any_of(TEXT, WHOLE), any_of(NUMBER, NULL), "text"),
    ({"type": ["integer", "string"]}, any_of(WHOLE, TEXT), ""),
    (any_of(TEXT, any_of(NULL, WHOLE)), any_of(NULL, NUMBER, TEXT), ""),
    (
        one_of(ref("Cat"), ref("Dog")),
        one_of(ref("Dog"), ref("Cat"), an_object(["kind"], kind={"const": "cow"})),
        "",
    ),
    (one_of(ref("Cat"), ref("Dog")), one_of(ref("Cat"), WHOLE), ".kind the value 'dog'; .n text"),
    (WHOLE, one_of(NUMBER, WHOLE), "?exactly one"),
    (WHOLE, one_of(WHOLE, TEXT), ""),
    (any_of(a_list(TEXT), a_list(WHOLE)), any_of(a_list(WHOLE)), "[] text"),
    # Lists of values
    ({"enum": ["a", "b"]}, {"enum": ["b", "a", "c"]}, ""),
    ({"enum": ["a", "b"]}, {"enum": ["a"]}, "the value 'b'"),
    ({"enum": ["a", "b"]}, {"const": "a"}, "the value 'b'"),
    ({"const": "a"}, {"enum": ["a"], "type": "string"}, ""),
    (TEXT, {"enum": ["a", "b"], "type": "string"}, "other values than 'a', 'b'"),
    ({"enum": ["a", 1]}, TEXT, "the value 1"),
    ({"enum": [1]}, {"enum": [True]}, "the value 1"),
    ({"enum": [1, 2]}, {"type": "integer", "maximum": 1}, "the value 2"),
    ({"enum": ["a"]}, any_of({"const": "a"}, WHOLE), ""),
    ({"const": "a"}, {"type": "string", "pattern": "^b"}, "?the value 'a'"),
    ({"enum": ["ab"], "type": "string"}, {"type": "string", "maxLength": 1}, "the value 'ab'"),
    # Numbers
    ({**WHOLE, "minimum": 1}, {**WHOLE, "minimum": 0}, ""),
    ({**WHOLE, "minimum": 0}, {**WHOLE, "minimum": 1}, "numbers below 1"),
    (WHOLE, {**WHOLE, "minimum": 1}, "numbers below 1"),
    ({**WHOLE, "minimum": 1}, {**WHOLE, "exclusiveMinimum": 0}, ""),
    ({**NUMBER, "minimum": 0}, {**NUMBER, "exclusiveMinimum": 0}, "numbers of 0 or less"),
    ({**NUMBER, "exclusiveMinimum": 0}, {**NUMBER, "minimum": 0}, ""),
    ({**NUMBER, "maximum": 1.5}, {**NUMBER, "maximum": 1.25}, "numbers above 1.25"),
    ({**NUMBER, "maximum": 2}, {**NUMBER, "exclusiveMaximum": 2}, "numbers of 2 or more"),
    ({**WHOLE, "exclusiveMaximum": 3}, {**WHOLE, "maximum": 2}, ""),
    (TEXT, {"minimum": 3}, ""),
    ({**WHOLE, "multipleOf": 4}, {**WHOLE, "multipleOf": 2}, ""),
    ({**WHOLE, "multipleOf": 2}, {**WHOLE, "multipleOf": 4}, "numbers that are not multiples of 4"),
    (WHOLE, {**NUMBER, "multipleOf": 0.5}, ""),
    # Text
    ({**TEXT, "maxLength": 5}, {**TEXT, "maxLength": 6}, ""),
    ({**TEXT, "maxLength": 6}, {**TEXT, "maxLength": 5}, "text longer than 5"),
    (TEXT, {**TEXT, "minLength": 1}, "text shorter than 1"),
    (TEXT, {**TEXT, "pattern": "^a"}, "?the pattern '^a' is new or has changed"),
    ({**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^a"}, ""),
    ({**TEXT, "pattern": "^a"}, TEXT, ""),
    ({**TEXT, "allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, {**TEXT, "pattern": "b$"}, ""),
    ({**TEXT, "format": "date"}, TEXT, ""),
    (TEXT, {**TEXT, "format": "date"}, "text that is not a date"),
    ({**TEXT, "format": "date-time"}, {**TEXT, "format": "date"}, "text that is not a date"),
    (TEXT, {**TEXT, "format": "binary"}, ""),
    # Lists
    (a_list(TEXT), a_list(any_of(TEXT, NULL)), ""),
    (a_list(any_of(TEXT, NULL)), a_list(TEXT), "[] null"),
    (a_list(TEXT), a_list(TEXT, maxItems=2), "lists with more than 2"),
    (a_list(TEXT, minItems=2), a_list(TEXT, minItems=1), ""),
    (a_list(TEXT), a_list(TEXT, minItems=1), "lists with fewer than 1"),
    (a_list(TEXT), a_list(TEXT, uniqueItems=True), "lists with equal items"),
    (a_list(TEXT, maxItems=1), a_list(TEXT, uniqueItems=True), ""),
    (
        {"type": "array", "prefixItems": [TEXT, WHOLE], "minItems": 2, "maxItems": 2},
        {"type": "array", "prefixItems": [TEXT, NUMBER], "items": False},
        "",
    ),
    (
        {"type": "array", "prefixItems": [TEXT, WHOLE], "minItems": 2, "maxItems": 2},
        {"type": "array", "prefixItems": [TEXT], "minItems": 1, "maxItems": 1},
        "lists with more than 1",
    ),
    ({"type": "array", "prefixItems": [TEXT, WHOLE], "items": False}, a_list(TEXT), "[1] whole numbers"),
    (a_list(TEXT, maxItems=1), {"type": "array", "prefixItems": [TEXT, WHOLE]}, ""),
    # Objects
    (an_object(["a"], a=TEXT), an_object(["a"], a=TEXT, b=WHOLE), ""),
    (an_object(["a"], a=TEXT), an_object(["a", "b"], a=TEXT, b=WHOLE), "objects without 'b'"),
    (an_object(a=TEXT), an_object(["a"], a=TEXT), "objects without 'a'"),
    (an_object(a=TEXT, b=WHOLE), an_object(a=TEXT), ""),
    (an_object(a=TEXT), an_object(a=WHOLE), ".a text"),
    (an_object(a=an_object(b=TEXT)), an_object(a=an_object(b=NULL)), ".a.b text"),
    (an_object(a=TEXT, b=WHOLE), {**an_object(a=TEXT), "additionalProperties": False}, "objects with 'b'"),
    (an_object(a=TEXT), {**an_object(a=TEXT), "additionalProperties": False}, ""),
    (
        {**an_object(a=TEXT), "additionalProperties": True},
        {**an_object(a=TEXT), "additionalProperties": False},
        "objects with further members",
    ),
    ({**an_object(a=TEXT), "additionalProperties": True}, an_object(a=TEXT, b=NULL), ".b "),
    ({"type": "object"}, {"type": "object", "additionalProperties": False}, "objects with further members"),
    (
        {"type": "object", "additionalProperties": WHOLE},
        {"type": "object", "additionalProperties": NUMBER},
        "",
    ),
    (
        {"type": "object", "additionalProperties": any_of(WHOLE, NULL)},
        {"type": "object", "additionalProperties": WHOLE},
        ".* null",
    ),
    ({"type": "object"}, {"type": "object", "maxProperties": 1}, "objects with more than 1"),
    (an_object(a=TEXT), {"type": "object", "maxProperties": 1}, ""),
    (an_object(["a"], a=TEXT), {"type": "object", "minProperties": 1}, ""),
    (
        {"type": "object"},
        {"type": "object", "propertyNames": {"pattern": "^[0-9]+$"}},
        "?names of members: the pattern",
    ),
    (
        {"type": "object", "propertyNames": {"pattern": "^[0-9]+$", "maxLength": 3}},
        {"type": "object", "propertyNames": {"pattern": "^[0-9]+$"}},
        "",
    ),
    (an_object(a=TEXT), {"type": "object", "propertyNames": {"enum": ["b"]}}, "objects with 'a'"),
    # References
    (ref("Point"), an_object(["x"], x=WHOLE), ""),
    (an_object(["x"], x=WHOLE), ref("Point"), ""),
    (an_object(x=WHOLE), ref("Point"), "objects without 'x'"),
    (ref("Tree"), ref("Tree"), ""),
    (ref("Tree"), ref("Bush"), ""),
    (
        ref("Bush"),
        ref("Tree"),
        "objects without 'n'; .n numbers with a fraction; .children[] objects without 'n'; .children[].n ",
    ),
    (WHOLE, any_of(ref("Loop"), TEXT), "?a schema leads to itself"),
    (WHOLE, ref("Round"), "?a schema leads to itself"),
    ({"const": 1}, ref("Round"), "?the value 1"),
    (ref("Round"), TEXT, "?a schema leads to itself"),
    ({"$ref": "#/$defs/Point", "description": "d"}, ref("Point"), ""),
    ({"allOf": [ref("Point"), an_object(y=TEXT)]}, ref("Point"), ""),
    # What is not understood
    (an_object(a=TEXT), {"dependentRequired": {"a": ["b"]}}, "?the rule 'dependentRequired'"),
    ({"type": "array", "contains": TEXT}, {"type": "array", "contains": TEXT}, ""),
    (TEXT, {"not": WHOLE}, "?the rule 'not'"),
    (TEXT, {"type": "string", "x-new": 1}, "?the rule 'x-new'"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "now", "lost"), TABLE, ids=range(len(TABLE)))
def test_what_is_lost(before: Any, now: Any, lost: str) -> None:
    found = losses(before, DEFINITIONS, now, DEFINITIONS)
    if not lost:
        assert found == []
        return
    shown = ["?" * (not one.certain) + f"{one.place} {one.what}".strip() for one in found]
    expected = lost.split("; ")
    assert found
    for each in expected:
        assert any(one.startswith(each) for one in shown), shown
    if lost not in ("?", ".b "):
        assert len(shown) == len(expected), shown


def test_there_are_many_rows() -> None:
    assert len(TABLE) >= 90


def test_huge_schemas_are_given_up() -> None:
    wide: dict[str, Any] = TEXT
    for _ in range(8):
        wide = an_object(a=any_of(wide, WHOLE), b=any_of(wide, NULL), c=wide)
    other = {**wide, "description": "other", "properties": {**wide["properties"], "d": TEXT}}
    found = losses(other, {}, {**wide, "required": ["a"]}, {})
    assert found


NAMES = ("a", "b", "c")
PLAIN: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    2,
    -1,
    3,
    0.5,
    -1.5,
    2.0,
    "",
    "x",
    "xy",
    "y",
    "zzz",
    [],
    {},
)
SCALARS = st.sampled_from([one for one in PLAIN if one not in ([], {})])
FEW: tuple[Any, ...] = (None, True, 1, 0.5, "x", [], {}, [1], ["xy", None], {"a": 1}, {"b": "x", "c": None})
#: All values with which claims are tried.
VALUES: list[Any] = [
    *PLAIN,
    *([one] for one in (*PLAIN, *FEW)),
    *([one, other] for one, other in product(FEW, FEW)),
    *([one, other, 1] for one, other in product(FEW[:5], FEW[:5])),
    *({name: one} for name, one in product(NAMES, (*PLAIN, *FEW))),
    *({"a": one, "b": other} for one, other in product(FEW, FEW)),
    *({"a": one, "b": other, "c": "x"} for one, other in product(FEW, FEW)),
]


def parts(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keywords)


def numbers() -> st.SearchStrategy[dict[str, Any]]:
    bound = st.integers(-3, 3)
    return st.builds(
        lambda kind, more: {"type": kind, **more},
        st.sampled_from(["integer", "number"]),
        parts(
            minimum=bound, maximum=bound, exclusiveMinimum=bound, exclusiveMaximum=bound,
            multipleOf=st.sampled_from([1, 2, 3, 0.5]),
        ),
    )  # fmt: skip


def leaves() -> st.SearchStrategy[Any]:
    size = st.integers(0, 3)
    texts = parts(
        minLength=size, maxLength=size, pattern=st.sampled_from(["^x", "y$"]), description=st.just("d")
    )
    return st.one_of(
        st.sampled_from([True, {}, NULL, {"type": "boolean"}, TEXT, {"type": ["string", "null"]}]),
        numbers(),
        texts.map(lambda more: {"type": "string", **more}),
        st.lists(SCALARS, min_size=1, max_size=3).map(lambda values: {"enum": values}),
        SCALARS.map(lambda value: {"const": value}),
        st.sampled_from(NAMES).map(lambda name: {"$ref": f"#/$defs/{name}"}),
    )


def _together(pair: tuple[Any, Any]) -> Any:
    one, other = pair
    return one | other if isinstance(one, dict) and isinstance(other, dict) else one


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    size = st.integers(0, 2)
    closed = st.sampled_from([True, False]) | inner
    several = st.lists(inner, min_size=1, max_size=2)
    lists = parts(
        items=inner | st.just(False), prefixItems=several, minItems=size, maxItems=size,
        uniqueItems=st.booleans(),
    )  # fmt: skip
    objects = parts(
        properties=st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=2),
        required=st.lists(st.sampled_from(NAMES), unique=True, max_size=2), additionalProperties=closed,
        minProperties=size, maxProperties=size,
        propertyNames=st.sampled_from([{"enum": ["a", "b"]}, {"maxLength": 1}, {"pattern": "^a"}]),
    )  # fmt: skip
    return st.one_of(
        st.dictionaries(st.sampled_from(["anyOf", "oneOf", "allOf"]), several, min_size=1, max_size=1),
        lists.map(lambda more: {"type": "array", **more}),
        objects.map(lambda more: {"type": "object", **more}),
        objects,
        st.tuples(inner, leaves()).map(_together),
    )


SCHEMAS = st.recursive(leaves(), nested, max_leaves=5)
#: Productive, so that they describe finite values.
DEFINED = st.fixed_dictionaries({name: st.recursive(leaves(), nested, max_leaves=3) for name in NAMES})


def closed(schema: Any) -> Any:
    """Return a schema whose objects have no members but those that they name, unless it says otherwise."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: said if name in ("enum", "const") else closed(said) for name, said in schema.items()}
    if "properties" in schema:
        inner["properties"] = {name: closed(one) for name, one in schema["properties"].items()}
        inner.setdefault("additionalProperties", False)
    return inner


def validator(schema: Any, definitions: Any) -> Draft202012Validator:
    whole = {"$defs": definitions, "allOf": [schema]}
    try:
        return Draft202012Validator(whole, validate_formats=True)
    except ValueError:
        reject()


@settings(max_examples=4000 if LONG else 60, deadline=None)
@given(SCHEMAS, SCHEMAS, DEFINED, DEFINED)
@example({"enum": [2.0], "const": 2}, {"type": "null"}, {}, {})
def test_a_claim_that_nothing_is_lost_holds(
    before: Any, now: Any, old: dict[str, Any], new: dict[str, Any]
) -> None:
    assume(losses(before, old, now, new) == [])
    accepted, accepts = validator(closed(before), closed(old)), validator(now, new)
    for value in VALUES:
        if accepted.is_valid(value):
            assert accepts.is_valid(value), value
