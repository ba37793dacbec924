"""The check of arguments: what is accepted, and how what is not is told."""

import json
import socket
from collections.abc import Sequence
from time import thread_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from jobgate.broker import FunctionDocument, KnownPattern, Parameter, ParameterKind, Schema
from jobgate.gateway.arguments import ArgumentCheck, checkable_schema

INTEGER = {"type": "integer"}
TEXT = {"type": "string"}
ITEM = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 1}, "name": {"type": "string", "minLength": 2}},
    "required": ["count", "name"],
    "additionalProperties": False,
}
CAT = {
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": INTEGER},
    "required": ["kind", "lives"],
}
DOG = {
    "type": "object",
    "properties": {"kind": {"const": "dog"}, "barks": {"type": "boolean"}},
    "required": ["kind"],
}
TREE = {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}, "right": {"$ref": "#/$defs/Tree"}}}
DEFINITIONS: dict[str, Schema] = {"Item": ITEM, "Cat": CAT, "Dog": DOG, "Tree": TREE}


def function(
    *schemas: Schema, definitions: dict[str, Any] | None = None, **named: Schema
) -> FunctionDocument:
    """Return a function with parameters p0, p1, … and with some that are given by name."""
    places = [Parameter(name=f"p{place}", schema=schema) for place, schema in enumerate(schemas)]
    others = [
        Parameter(name=name, schema=schema, kind=ParameterKind.KEYWORD_ONLY, required=False)
        for name, schema in named.items()
    ]
    known = DEFINITIONS if definitions is None else definitions
    return FunctionDocument(name="f", parameters=(*places, *others), definitions=known)


def errors(
    documents: FunctionDocument | Sequence[FunctionDocument], *args: Any, **kwargs: Any
) -> list[tuple[str, str]]:
    versions = [documents] if isinstance(documents, FunctionDocument) else documents
    return ArgumentCheck().errors(versions, args, kwargs)


def text(schema: Schema, value: Any) -> str:
    ((pointer, detail),) = errors(function(schema), value)
    assert pointer == "#/args/0"
    return detail


DATE_TIME = {"type": "string", "format": "date-time"}
#: A Decimal of at least 0, with two digits after the point.
PRICE = {
    "anyOf": [
        {"type": "number", "minimum": 0, "allOf": [{"multipleOf": 0.01}]},
        {
            "type": "string",
            "pattern": KnownPattern.PLAIN_DECIMAL.value,
            "allOf": [{"pattern": "^(?:[0-9]*)(?:[.][0-9]{0,2})?$"}],
        },
    ]
}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (INTEGER, "x", "It must be an integer."),
        (INTEGER, True, "It must be an integer."),
        ({"type": ["string", "null"]}, 1, "It must be a string or null."),
        ({"type": "array"}, {}, "It must be an array."),
        ({"minimum": 1}, 0, "It must be at least 1."),
        ({"maximum": 1.5}, 2, "It must be at most 1.5."),
        ({"exclusiveMinimum": 0}, 0, "It must be more than 0."),
        ({"exclusiveMaximum": 0}, 0, "It must be less than 0."),
        ({"multipleOf": 5}, 3, "It must be a multiple of 5."),
        ({"minLength": 1}, "", "It must have at least 1 character."),
        ({"maxLength": 2}, "abc", "It must have at most 2 characters."),
        ({"minItems": 1}, [], "It must have at least 1 item."),
        ({"maxItems": 1}, [1, 2], "It must have at most 1 item."),
        ({"uniqueItems": True}, [1, 1.0], "Its items must differ from each other."),
        ({"minProperties": 1}, {}, "It must have at least 1 member."),
        ({"enum": ["a", "b", "c"]}, "d", "It must be one of 'a', 'b', 'c'."),
        ({"enum": [1, None]}, True, "It must be 1 or null."),
        ({"enum": list(range(50))}, -1, "It must be one of 50 values, such as 0, 1 or 2."),
        ({"const": "a"}, "b", "It must be 'a'."),
        ({"pattern": "^a+$"}, "b", "It must match the regular expression '^a+$'."),
        ({"pattern": KnownPattern.BASE64.value}, "?", "It must be base64 text such as aGVsbG8=."),
        (PRICE, "x", "It must be a decimal number without an exponent, such as 12.50."),
        (PRICE, "-1", "It must be at least 0."),
        (PRICE, "1.005", "It must be a multiple of 0.01."),
        (PRICE, None, "It must be a number or a string."),
        (DATE_TIME | {"pattern": KnownPattern.AWARE.value}, "2026-01-31T12:00:00",
         "It must have an offset from UTC, such as Z or +01:00."),
        (DATE_TIME, "yesterday", "It must be a date and time such as 2026-01-31T12:00:00Z."),
        (DATE_TIME, 5, "It must be a string: a date and time such as 2026-01-31T12:00:00Z."),
        ({"format": "email"}, "ann", "It must be an email address such as ann@example.org."),
        ({"format": "hostname"}, "a b", "It must be a host name such as example.org."),
        ({"anyOf": [INTEGER, TEXT]}, 1.5, "It must be an integer or a string."),
        ({"anyOf": [INTEGER, {"type": "null"}]}, "x", "It must be an integer or null."),
        ({"anyOf": [INTEGER, {"enum": ["a", "b"]}]}, "x", "It must be 'a' or 'b'."),
        ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, 3,
         "It fits more than one of the forms that the function accepts: only one may fit."),
        ({"not": {"const": 1}}, 1, "It is a value that the function does not accept."),
        ({"contains": INTEGER}, ["a"], "It does not meet 'contains' of the function's schema."),
        ({"if": INTEGER, "then": {"minimum": 2}}, 1, "It does not meet 'if' of the function's schema."),
        ({"$ref": "#/$defs/Item"}, 5, "It must be an object."),
        (False, 5, "Nothing is accepted here."),
    ],
)  # fmt: skip
def test_each_error_is_a_sentence(schema: Schema, value: Any, expected: str) -> None:
    assert text(schema, value) == expected


def test_all_errors_are_told_at_once_each_with_its_place() -> None:
    document = function(INTEGER, {"items": {"$ref": "#/$defs/Item"}}, tags={"additionalProperties": INTEGER})
    items = [{"count": 0, "name": "x"}, {"count": 1}, {"cuont": 1, "count": 1, "name": "xx"}, 5]
    assert errors(document, "x", items, tags={"a/b~": "c", "d": 1}) == [
        ("#/args/0", "It must be an integer."),
        ("#/args/1/0/count", "It must be at least 1."),
        ("#/args/1/0/name", "It must have at least 2 characters."),
        ("#/args/1/1", "The required member 'name' is missing."),
        ("#/args/1/2/cuont", "There is no member of this name, did you mean 'count'?"),
        ("#/args/1/3", "It must be an object."),
        ("#/kwargs/tags/a~1b~0", "It must be an integer."),
    ]
    assert errors(document, 1, [{"count": 1, "name": "xx"}], tags={"d": 1}) == []


def test_variable_arguments_are_found_where_they_were_written() -> None:
    document = FunctionDocument(
        name="f",
        parameters=(
            Parameter(name="a", schema=INTEGER),
            Parameter(name="rest", kind=ParameterKind.VAR_POSITIONAL, schema=INTEGER),
            Parameter(name="more", kind=ParameterKind.VAR_KEYWORD, schema=TEXT),
        ),
    )
    assert errors(document, 1, 2, 3, x="y") == []
    assert errors(document, 1, 2, "3", x=4, rest=5) == [
        ("#/args/2", "It must be an integer."),
        ("#/kwargs/x", "It must be a string."),
        ("#/kwargs/rest", "It must be a string."),
    ]


def test_arguments_that_do_not_fit_the_signature() -> None:
    assert errors(function(INTEGER, lang=TEXT), 1, 2, lnag="de") == [
        ("#/args/1", "The function takes one positional argument: give the rest by name, in kwargs."),
        ("#/kwargs/lnag", "The function has no such parameter, did you mean 'lang'?"),
    ]


def test_values_are_checked_beside_arguments_that_do_not_fit_the_signature() -> None:
    document = function(INTEGER, TEXT, lang=TEXT, size=INTEGER)
    assert errors(document, "x", p0=2, lnag="de", size="large") == [
        ("#/kwargs", "The required argument 'p1' is missing."),
        ("#/kwargs/p0", "It is also given in args: give it once."),
        ("#/kwargs/lnag", "The function has no such parameter, did you mean 'lang'?"),
        ("#/args/0", "It must be an integer."),
        ("#/kwargs/size", "It must be an integer."),
    ]
    assert errors(document, 1, 2, "3", lang="de", size=5) == [
        ("#/args/2", "The function takes 2 positional arguments: leave out the rest."),
        ("#/args/1", "It must be a string."),
    ]
    assert len(errors(function(*[INTEGER] * 30), *["x"] * 30, **{f"no{n}": n for n in range(15)})) == 20


def test_of_a_union_the_nearest_branch_tells() -> None:
    pets = {"oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}, {"type": "null"}]}
    document = function(pets)
    assert errors(document, {"kind": "cat", "lives": "9"}) == [("#/args/0/lives", "It must be an integer.")]
    assert errors(document, {"kind": "cow"}) == [("#/args/0/kind", "It must be 'cat' or 'dog'.")]
    assert errors(document, {"barks": True}) == [("#/args/0", "The required member 'kind' is missing.")]
    assert errors(document, "cat") == [("#/args/0", "It must be an object or null.")]
    untagged = function({"anyOf": [ITEM, {"type": "object", "properties": {"a": TEXT, "b": TEXT}}]})
    assert errors(untagged, {"count": "x", "name": 5, "a": 1}) == [("#/args/0/a", "It must be a string.")]
    dates = {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "uuid"}]}
    assert text(dates, "x").startswith("It must be a date such as 2026-01-31 or a UUID such as ")


def test_two_versions_accept_what_either_accepts() -> None:
    old, new = function(INTEGER), function(TEXT, lang=TEXT)
    assert errors([old, new], 1) == []
    assert errors([old, new], "x", lang="de") == []
    assert errors([old, new], "x", lang=2) == [("#/kwargs/lang", "It must be a string.")], (
        "the errors of the version that has fewer"
    )
    assert errors([old, FunctionDocument(name="f")], {}, 1, 2, 3) == [], "nothing is known of one of them"
    assert errors([], {}, 1, 2, 3) == []
    assert errors([function({"const": number}) for number in range(6)], "x") == [], "too many versions"


def test_errors_are_bounded_in_number_length_and_time() -> None:
    document = function({"items": INTEGER})
    start = thread_time()
    assert len(errors(document, ["x"] * 99_000)) == 20
    assert errors(document, [*range(99_000), "x"]) == [("#/args/0/99000", "It must be an integer.")]
    assert thread_time() - start < 1
    name = "\x1b[31m<b>" + "x" * 5_000
    ((pointer, detail),) = errors(
        function({"additionalProperties": False, "properties": {"a": {}}}), {name: 1}
    )
    assert pointer.startswith("#/args/0/?")
    assert "<" not in pointer
    assert len(pointer) < 100
    deep: Any = "x"
    nested: Any = INTEGER
    for _ in range(40):
        deep, nested = {"a" * 64: deep}, {"properties": {"a" * 64: nested}}
    ((pointer, detail),) = errors(function(nested), deep)
    assert len(pointer) < 520
    assert detail == "It must be an integer."


@pytest.mark.parametrize(
    "schema",
    [
        {"const": "\x1b[31m\n" + "x" * 9_000},
        {"enum": ["\x00" * 5_000] * 12},
        {"pattern": "^\x07[a\n]{3}" + "b" * 3_000},
        {"format": "\x1b" * 5_000, "minLength": 5_000},
        {"required": ["\x1b" * 5_000], "type": "object"},
        {"type": "object", "properties": {"\x1b\n": False}},
    ],
)
def test_texts_of_schemas_are_short_and_printable(schema: Schema) -> None:
    for value in ("y", {"\x1b\n": 1}):
        for pointer, detail in errors(function(schema), value):
            assert pointer.isprintable()
            assert detail.isprintable()
            assert len(detail) < 300


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 2.0])
    | st.sampled_from(["", "a", "bb"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
TYPES = ["integer", "number", "string", "boolean", "null", "array", "object"]


def _schemas(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    listed = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, unique=True),
            "anyOf": listed, "oneOf": listed, "allOf": listed, "not": inner, "if": inner, "then": inner,
            "properties": named, "patternProperties": named, "additionalProperties": inner,
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "items": inner, "prefixItems": listed, "contains": inner, "minItems": st.integers(0, 2),
            "maxLength": st.integers(0, 1), "minimum": st.integers(-1, 2), "uniqueItems": st.booleans(),
            "propertyNames": inner, "maxProperties": st.integers(0, 2), "multipleOf": st.just(2),
            "pattern": st.just("^a"), "minContains": st.integers(0, 2),
            "enum": st.lists(SCALARS, min_size=1, max_size=2),
            "$ref": st.sampled_from([f"#/$defs/{name}" for name in DEFINITIONS]), "title": st.just("T"),
        },
    )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.booleans(), _schemas, max_leaves=6), VALUES)
def test_errors_are_found_exactly_where_the_validator_refuses(schema: Schema, value: Any) -> None:
    whole = {"properties": {"p0": schema}, "$defs": DEFINITIONS}
    is_valid = Draft202012Validator(whole).is_valid({"p0": value})
    found = errors(function(schema), value)
    assert (found == []) == is_valid
    assert all("does not fit the function's schema" not in detail for _, detail in found)


KEYWORDS = sorted(
    checkable_schema.ONE | checkable_schema.LISTED | checkable_schema.NAMED | checkable_schema.PLAIN
)
ODD = st.recursive(
    SCALARS | st.sampled_from(["#/$defs/Item", "#/$defs/%41", "(", "date", 10**30, -1, 1e308, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from([*KEYWORDS, "$ref", "$id", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(ODD, ODD, VALUES)
def test_whatever_stands_for_a_schema_raises_nothing(schema: Any, definition: Any, value: Any) -> None:
    document = function(schema, definitions={"Item": definition, "%41": True})
    document.__dict__["digest"] = (
        "any"  # some of it cannot be written as JSON, as nobody could have stored it
    )
    for pointer, detail in ArgumentCheck().errors([document], [value], {"a": value}):
        assert pointer.isprintable()
        assert detail.isprintable()


def doubling(keyword: str, levels: int = 40) -> dict[str, Any]:
    made: dict[str, Any] = {
        f"d{level}": {keyword: [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)
    }
    return made | {f"d{levels}": INTEGER}


def recursive(*inside: str) -> dict[str, Any]:
    """Return a union of which each branch leads to the same member again."""
    to_all = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in inside] + [INTEGER]}
    return {
        name: {"type": "object", "properties": {"child": to_all, name: True}, "required": [name]}
        for name in inside
    } | {"d0": to_all}


def deep(key: str, levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = {key: leaf, "a": 1, "b": 1}
    return leaf


HOSTILE: dict[str, tuple[Schema, dict[str, Any], Any]] = {
    "allOf that doubles": ({"$ref": "#/$defs/d0"}, doubling("allOf"), "x"),
    "anyOf that doubles": ({"$ref": "#/$defs/d0"}, doubling("anyOf"), "x"),
    "oneOf that doubles": ({"$ref": "#/$defs/d0"}, doubling("oneOf"), "x"),
    "a reference to itself": ({"$ref": "#/$defs/a"}, {"a": {"$ref": "#/$defs/a"}}, 1),
    "allOf of itself": ({"$ref": "#/$defs/a"}, {"a": {"allOf": [{"$ref": "#/$defs/a"}] * 2}}, 1),
    "not itself": ({"$ref": "#/$defs/a"}, {"a": {"not": {"$ref": "#/$defs/a"}}}, 1),
    "a recursive union": ({"$ref": "#/$defs/d0"}, recursive("a", "b"), deep("child", 60, "x")),
    "a long chain": (
        {"$ref": "#/$defs/d0"},
        {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(5_000)} | {"d5000": INTEGER},
        "x",
    ),
    "deep nesting": (json.loads('{"not":' * 200 + "{}" + "}" * 200), {}, 1),
    "deep annotations": ({"type": "integer", "default": json.loads("[" * 200 + "]" * 200)}, {}, "x"),
    "a large enum": ({"items": {"enum": [[n] for n in range(5_000)]}}, {}, [[-1]] * 50_000),
    "many expressions": ({"allOf": [{"pattern": f"\\p{{L}}{{1,{n}}}"} for n in range(9, 200)]}, {}, "x"),
    "a large expression": ({"pattern": "(x{1000}){1000}"}, {}, "x"),
    "an expression that explodes": ({"pattern": "^(a+)+$"}, {}, "a" * 1_000_000 + "!"),
    "expressions on a long text": (
        {"allOf": [{"pattern": f"{n}.*[ab]{{60}}c"} for n in range(60)]},
        {},
        "ab" * 500_000,
    ),
    "an expression that looks around": ({"pattern": "(?=a)b"}, {}, "b"),
    "unique items": ({"uniqueItems": True}, {}, list(range(99_000))),
    "nested unique items": (
        {"$ref": "#/$defs/a"},
        {"a": {"uniqueItems": True, "items": {"$ref": "#/$defs/a"}}},
        json.loads("[" * 60 + ",".join(map(str, range(99_000))) + "]" * 60),
    ),
    "multiples": ({"items": {"multipleOf": 0.001}}, {}, [n / 1000 for n in range(99_000)]),
    "a union for each item": (
        {"items": {"anyOf": [{"properties": {"k": {"const": n}}, "required": ["k"]} for n in range(300)]}},
        {},
        [{"k": "x"}] * 40_000,
    ),
    "a place elsewhere": ({"$ref": "#/properties/p0"}, {}, 1),
    "another base": (
        {"$id": "http://127.0.0.1:9/", "$ref": "#/$defs/a"},
        {"a": {"$id": "a", "type": "null"}},
        1,
    ),
    "no schema": ([], {}, 1),  # type: ignore[dict-item]
    "keywords of other types": ({"properties": [], "allOf": 5, "type": 7}, {}, 1),
    "an unknown type": ({"type": "banana"}, {}, 1),
    "numbers beyond floats": ({"minimum": 10**400, "multipleOf": 0}, {}, 1),
    "unevaluated members": ({"unevaluatedProperties": False}, {}, {"a": 1}),
    "a dynamic reference": ({"$dynamicRef": "http://127.0.0.1:9/x#a"}, {}, {"a": 1}),
    "names that fit no expression": (
        {"patternProperties": {"^q": INTEGER}, "required": ["x"]},
        {},
        {f"k{n}": 1 for n in range(99_000)},
    ),
    "many unknown names": (
        {"properties": {f"p{n}": True for n in range(9_000)}, "additionalProperties": False},
        {},
        {f"k{n}": 1 for n in range(50_000)},
    ),
    "many names": ({"properties": {f"n{n}": INTEGER for n in range(15_000)}}, {}, {"n1": "x"}),
    "a large document": (
        {"properties": {f"n{n}": {"enum": ["x" * 1_000]} for n in range(900)}},
        {},
        {"n1": "x"},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_take_a_moment_and_raise_nothing(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    schema, definitions, value = HOSTILE[name]
    document = function(schema, definitions=definitions)
    document.__dict__["digest"] = name  # which is not what is timed, and cannot be computed for all of them
    check, took = ArgumentCheck(), []
    for _ in range(2):
        start = thread_time()
        check.errors([document], [value], {})
        took.append(thread_time() - start)
    # A thirtieth of this on an idle machine of today; what is to be kept out takes seconds to years.
    assert max(took) < 0.75
    assert len(caplog.records) <= 1, "one line for each version"


def test_what_cannot_be_checked_is_accepted_and_the_rest_is_not(caplog: pytest.LogCaptureFixture) -> None:
    document = function({"$ref": "#/$defs/d0"}, INTEGER, definitions=doubling("allOf"))
    check = ArgumentCheck()
    assert check.errors([document], ["x", 1], {}) == []
    assert check.errors([document], ["x", "x"], {}) == [("#/args/1", "It must be an integer.")]
    (line,) = caplog.messages
    assert line == "the arguments 'p0' of f are not checked: checking its schemas could take too long"


def test_parameters_of_no_function_accept_anything(caplog: pytest.LogCaptureFixture) -> None:
    twice = FunctionDocument(name="f", parameters=(Parameter(name="a", schema=INTEGER),) * 2)
    assert errors(twice, "x", {}, 3, b=4) == []
    assert caplog.messages == ["arguments of f are not checked: no function in Python has such parameters"]


def test_recursive_schemas_are_checked() -> None:
    assert errors(function({"$ref": "#/$defs/Tree"}), {"left": {"right": {"left": {}}}}) == []
    assert errors(function({"$ref": "#/$defs/Tree"}), {"left": {"right": {"left": 5}}}) == [
        ("#/args/0/left/right/left", "It must be an object.")
    ]


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema", "$id"])
def test_nothing_is_ever_fetched(keyword: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema"
        for schema in (
            {keyword: address},
            {keyword: address, "$ref": "other"},
            {"items": {keyword: address}},
            {"$ref": "#/$defs/a"},
            {"x-own": {keyword: address}, "default": {keyword: address}, "const": {keyword: address}},
        ):
            document = function(schema, definitions={"a": {keyword: address}, address: {"type": "null"}})
            ArgumentCheck().errors([document], [[1]], {})
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


def test_compiled_functions_are_bounded() -> None:
    check = ArgumentCheck()
    for number in range(25):
        document = function({"const": number}, *[{"enum": list(range(15_000))}])
        assert check.errors([document], [number, 1], {}) == []
    assert 10 < len(check._validators) < 25
