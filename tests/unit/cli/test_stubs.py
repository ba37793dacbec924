"""The module that `jobgate stubs` writes: types of schemas, names, texts, and nothing but declarations."""

import ast
import inspect
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobgate.broker import FunctionDocument, Parameter, ParameterKind
from jobgate.cli.stubs import StubsError, changes, functions_of, write_module
from jobgate.client.http.operation_answers import read_function

URL = "http://127.0.0.1:8080"
STRING, INTEGER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}
DEFINITIONS = {
    "Line": {"type": "object", "properties": {"sku": STRING}, "required": ["sku"]},
    "Order": {
        "type": "object",
        "properties": {"when": {"type": "string", "format": "date-time"}, "of": {"$ref": "#/$defs/Order"}},
        "required": ["when"],
    },
    "Color": {"enum": ["red", "green"], "type": "string"},
    "Json": {"anyOf": [NULL, STRING, {"type": "array", "items": {"$ref": "#/$defs/Json"}}]},
    "Endless": {"anyOf": [INTEGER, {"$ref": "#/$defs/Endless"}]},
    "a/b~c": INTEGER,
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def array(items: object, **more: object) -> dict[str, object]:
    return {"type": "array", "items": items, **more}


def any_of(*schemas: object) -> dict[str, object]:
    return {"anyOf": list(schemas)}


def pair(**more: object) -> dict[str, object]:
    return {"type": "array", "prefixItems": [INTEGER, STRING], **more}


def module(*functions: dict[str, Any]) -> str:
    return write_module(functions_of([read_function(published(one)) for one in functions]), URL, "shop.py")


def published(function: dict[str, Any]) -> dict[str, Any]:
    """What a gateway answers of a function, with all members."""
    live = {"queues": ["arq:queue"], "workers": 1, "versions": 1}
    return {**FunctionDocument(name="").as_json(), **live, **function}


def documented(*parameters: Parameter, name: str = "f", **members: Any) -> dict[str, Any]:
    members.setdefault("definitions", DEFINITIONS)
    return FunctionDocument(name=name, parameters=parameters, **members).as_json()


def declared(text: str, name: str = "f") -> ast.AsyncFunctionDef:
    found = [
        one for one in ast.parse(text).body if isinstance(one, ast.AsyncFunctionDef) and one.name == name
    ]
    assert len(found) == 1, text
    return found[0]


def signature(text: str, name: str = "f") -> str:
    function = declared(text, name)
    assert function.returns is not None
    return f"({ast.unparse(function.args)}) -> {ast.unparse(function.returns)}"


def type_in(text: str, name: str) -> str:
    """Return the source of a named type."""
    (found,) = [
        ast.unparse(one)
        for one in ast.parse(text).body
        if name in {getattr(one, "name", ""), getattr(getattr(one, "target", None), "id", ""),
                    getattr(getattr(one, "targets", [None])[0], "id", "")}
    ]  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("schema", "argument", "result"),
    [
        (True, "Any", "Any"),
        ({}, "Any", "Any"),
        (False, "Never", "Never"),
        (STRING, "str", "str"),
        (INTEGER, "int", "int"),
        ({"type": "number"}, "float", "float"),
        ({"type": "boolean"}, "bool", "bool"),
        (NULL, "None", "None"),
        ({"type": "money"}, "Any", "Any"),
        ({"type": ["null", "string", "integer"]}, "str | int | None", "str | int | None"),
        ({"type": []}, "Never", "Never"),
        ({"type": "string", "format": "date-time"}, "datetime | str", "str"),
        ({"type": "string", "format": "date"}, "date | str", "str"),
        ({"type": "string", "format": "time"}, "time | str", "str"),
        ({"type": "string", "format": "uuid"}, "UUID | str", "str"),
        ({"type": "string", "format": "duration"}, "timedelta | str", "str"),
        ({"type": "string", "format": "email"}, "str", "str"),
        ({"type": "string", "contentEncoding": "base64"}, "bytes | str", "str"),
        (any_of({"type": "number"}, STRING), "float | str", "float | str"),
        (any_of({"type": "number"}, STRING | {"pattern": "."}), "Decimal | float | str", "float | str"),
        (any_of(NULL, INTEGER), "int | None", "int | None"),
        (any_of(INTEGER, {"type": "string", "format": "date"}, STRING), "int | date | str", "int | str"),
        (any_of(any_of(INTEGER, NULL), STRING), "int | str | None", "int | str | None"),
        (any_of(array(INTEGER), any_of(array(INTEGER), NULL)), "list[int] | None", "list[int] | None"),
        (any_of(INTEGER, {}), "Any", "Any"),
        ({"oneOf": [ref("Line"), ref("Order")]}, "Line | Order", "Line | Order"),
        ({"allOf": [INTEGER]}, "int", "int"),
        ({"allOf": [INTEGER, STRING]}, "Any", "Any"),
        ({"const": "a"}, "Literal['a']", "Literal['a']"),
        ({"const": None}, "None", "None"),
        ({"enum": ["a", 1, True, None, "a"]}, "Literal['a', 1, True] | None", "Literal['a', 1, True] | None"),
        ({"enum": [1.5, "x"]}, "float | str", "float | str"),
        ({"enum": []}, "Never", "Never"),
        ({"enum": [[1]]}, "Any", "Any"),
        ({"type": "array"}, "list[Any]", "list[Any]"),
        (array(array(array(INTEGER))), "list[list[list[int]]]", "list[list[list[int]]]"),
        (array(STRING, uniqueItems=True), "list[str] | set[str]", "list[str]"),
        (pair(minItems=2, maxItems=2), "tuple[int, str]", "list[int | str]"),
        (pair(items=False, minItems=2), "tuple[int, str]", "list[int | str]"),
        (pair(), "list[Any]", "list[Any]"),
        (pair(items=INTEGER), "list[int | str]", "list[int | str]"),
        (pair(maxItems=2), "list[int | str]", "list[int | str]"),
        ({"type": "object"}, "dict[str, Any]", "dict[str, Any]"),
        ({"type": "object", "additionalProperties": INTEGER}, "dict[str, int]", "dict[str, int]"),
        ({"type": "object", "additionalProperties": False}, "dict[str, Never]", "dict[str, Never]"),
        ({"type": "object", "patternProperties": {"^x": INTEGER}}, "dict[str, int]", "dict[str, int]"),
        ({"properties": {}}, "Any", "Any"),
        (ref("Line"), "Line", "Line"),
        (ref("Color"), "Color", "Color"),
        (ref("Endless"), "Any", "Any"),
        (ref("missing"), "Any", "Any"),
        ({"$ref": "https://example.com/x"}, "Any", "Any"),
        (ref("a~1b~0c"), "ABC", "ABC"),
        ({"title": "Size", "properties": {"w": INTEGER}}, "Size", "Size"),
        ({"type": "object", "properties": {"w": INTEGER}}, "FX", "FResult"),
    ],
)  # fmt: skip
def test_type_of_a_schema(schema: Any, argument: str, result: str) -> None:
    both = [module(documented(Parameter(name="x", schema=schema))), module(documented(returns=schema))]
    assert signature(both[0]) == f"(x: {argument}) -> Any"
    assert signature(both[1]) == f"() -> {result}"


def test_one_type_serves_all_functions_whose_schemas_say_the_same() -> None:
    same = [
        documented(Parameter(name="x", schema=ref("Line")), name=name, returns=ref("Line")) for name in "fgh"
    ]
    other = documented(
        Parameter(name="x", schema=ref("Line")),
        name="i",
        definitions={"Line": {"type": "object", "properties": {"n": INTEGER}}},
    )
    text = module(*same, other)
    assert [signature(text, name) for name in "fgh"] == ["(x: Line) -> Line"] * 3
    assert signature(text, "i") == "(x: Line2) -> Any"
    assert text.count("(TypedDict)") == 2


def test_a_type_that_differs_as_a_result_has_a_second_name() -> None:
    text = module(documented(Parameter(name="x", schema=ref("Order")), returns=ref("Order")))
    assert signature(text) == "(x: Order) -> OrderOutput"
    assert type_in(text, "Order").endswith("when: datetime | str\n    of: NotRequired[Order]")
    assert type_in(text, "OrderOutput").endswith("when: str\n    of: NotRequired[OrderOutput]")


def test_recursive_types() -> None:
    text = module(documented(returns=ref("Json")))
    assert type_in(text, "Json") == "Json: TypeAlias = 'str | list[Json] | None'"


def test_members_that_a_class_cannot_have() -> None:
    wrong = {
        "type": "object", "title": "T", "required": ["a-b"],
        "properties": {"a-b": INTEGER, "__x": ref("Line"), "class": STRING},
    }  # fmt: skip
    text = module(documented(returns=wrong))
    assert type_in(text, "T") == (
        "T = TypedDict('T', {'a-b': int, '__x': 'NotRequired[Line]', 'class': NotRequired[str]})"
    )
    hides = {"type": "object", "title": "T", "properties": {"str": STRING, "other": STRING}}
    assert "TypedDict('T'" in type_in(module(documented(returns=hides)), "T")


def test_all_kinds_of_parameters() -> None:
    text = module(
        documented(
            Parameter(name="a", kind=ParameterKind.POSITIONAL_ONLY),
            Parameter(
                name="b", kind=ParameterKind.POSITIONAL_ONLY, required=False, default=1, schema=INTEGER
            ),
            Parameter(name="c", required=False, default="red", schema=ref("Color")),
            Parameter(name="d", kind=ParameterKind.KEYWORD_ONLY, schema=STRING),
            Parameter(name="e", kind=ParameterKind.KEYWORD_ONLY, required=False, default=[1]),
            Parameter(name="f", kind=ParameterKind.VAR_KEYWORD, required=False, schema=INTEGER),
        )
    )
    assert signature(text) == (
        "(a: Any, b: int=1, /, c: Color='red', *, d: str, e: Any=DEFAULT, **f: int) -> Any"
    )
    text = module(
        documented(
            Parameter(name="a", kind=ParameterKind.VAR_POSITIONAL, required=False, schema=INTEGER),
            Parameter(name="b", kind=ParameterKind.KEYWORD_ONLY, required=False, default=None, schema=STRING),
        )
    )
    assert signature(text) == "(*a: int, b: str=DEFAULT) -> Any", "None is not a str"


def test_docstring() -> None:
    text = module(
        documented(
            Parameter(name="a", description="The first,\nover two lines"),
            Parameter(name="b", required=False, default=[1], description="The second"),
            description="Add.\n\nSlowly.",
            returns_description="The sum.",
        )
    )
    assert ast.get_docstring(declared(text)) == (
        "Add.\n\nSlowly.\n\nArgs:\n    a: The first, over two lines\n    b: The second. By default [1].\n\n"
        "Returns:\n    The sum."
    )


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("add", "add"), ("größe", "größe"), ("shop.add", "shop_add"), ("cron:tidy-up", "cron_tidy_up"),
        ("class", "class_"), ("None", "None_"), ("list", "list_"), ("stub", "stub_"), ("Any", "Any_"),
        ("1st", "function_1st"), ("", "function_"), ("...", "function_"), ("__getattr__", "getattr"),
        ("__debug__", "debug"), ("_add", "add"), ("ｃlass", "lass"), ('a"); import os; ("', "a_import_os"),
        ("a\nb", "a_b"), ("\u202eadd", "add"), ("print", "print"),
    ],
)  # fmt: skip
def test_names_of_functions(wire: str, name: str) -> None:
    function = declared(module(documented(name=wire)), name)
    assert [ast.literal_eval(ast.unparse(one.args[0])) for one in function.decorator_list
            if isinstance(one, ast.Call)] == [wire]  # fmt: skip


def test_functions_whose_names_become_alike() -> None:
    text = module(*(documented(name=name) for name in ("a.b", "a-b", "a_b", "a_b_")))
    names = {ast.unparse(one.decorator_list[0]): one.name for one in ast.parse(text).body
             if isinstance(one, ast.AsyncFunctionDef)}  # fmt: skip
    assert names == {
        "stub('a_b')": "a_b",
        "stub('a_b_')": "a_b_",
        "stub('a-b')": "a_b_2",
        "stub('a.b')": "a_b_3",
    }


@pytest.mark.parametrize(
    "parameters",
    [
        [{"name": "class", "kind": "keyword_only", "required": True, "schema": True}],
        [{"name": "a=__import__('os')", "kind": "keyword_only", "required": True, "schema": True}],
        [{"name": "ｘ", "kind": "keyword_only", "required": True, "schema": True}],
        [{"name": "__debug__", "kind": "keyword_only", "required": True, "schema": True}],
        [{"name": "a", "kind": "sideways", "required": True, "schema": True}],
        [{"name": "a", "kind": "keyword_only", "required": True, "schema": True}] * 2,
        [
            {"name": "a", "kind": "var_keyword", "required": False, "schema": True},
            {"name": "b", "kind": "positional_only", "required": True, "schema": True},
        ],
    ],
)
def test_parameters_that_python_cannot_have(parameters: object) -> None:
    text = module({"name": "f", "parameters": parameters})
    assert signature(text) == "(*args: Any, **kwargs: Any) -> Any"
    assert "does not know its parameters" in text


HOSTILE = [
    '"""\nimport os\nos._exit(9)\n"""', "\\", '\\"""', '"', "'''", "x\\", "\r\nimport os", "\x00", "\x0c",
    "\u2028", "\u202e", "#\nimport os", "{x}", "%s", "a\tb", "\x1b[2J", "N{BULLET}", '""" + exit() + """',
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_texts_of_others_stay_texts(text: str) -> None:
    properties = {text: {"description": text, "const": text}, "ok": {"description": text}}
    described = {"type": "object", "title": text, "description": text, "properties": properties}
    function = documented(
        Parameter(name="x", description=text, schema=described, required=False, default=text),
        Parameter(name="y", schema={"enum": [text, "a"]}, required=False, default=text),
        Parameter(name="z", schema=ref("T"), required=False, default={text: text}),
        name=text,
        description=text,
        returns={"$ref": f"#/$defs/{text}"},
        returns_description=text,
        definitions={text: described, "T": {"description": text, "enum": [text]}},
    )
    source = module(function)
    assert only_declares(source)
    assert not any(each in source for each in ("\x00", "\u202e", "\x1b", "\u2028"))
    loaded: dict[str, Any] = {"__name__": "shop"}
    exec(compile(source, "shop", "exec"), loaded)
    assert [one.__name__ for one in loaded.values() if type(one).__name__ == "Stub"] == [text]


def only_declares(source: str) -> bool:
    """Whether a module calls nothing but what makes declarations, and has no other statements."""
    tree = ast.parse(source)
    kinds = (ast.ImportFrom, ast.ClassDef, ast.AnnAssign, ast.Assign, ast.AsyncFunctionDef)
    first, *rest = tree.body
    calls = [one.func for one in ast.walk(tree) if isinstance(one, ast.Call)]
    return (
        isinstance(first, ast.Expr)
        and all(isinstance(one, kinds) for one in rest)
        and {ast.unparse(one) for one in calls} <= {"stub", "TypedDict"}
        and not any(
            isinstance(one, ast.Attribute | ast.Lambda | ast.Await | ast.JoinedStr) for one in ast.walk(tree)
        )
    )


KEYWORDS = [
    "$ref", "type", "properties", "items", "prefixItems", "enum", "anyOf", "allOf", "const", "required",
    "additionalProperties", "title", "description", "format",
]  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["object", "array", "x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(KEYWORDS),
        inner | st.sampled_from(["#/$defs/A", "#/$defs/B", "string"]),
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, min_size=4, max_size=4))
def test_whatever_the_schemas_are_the_module_declares(schemas: list[Any]) -> None:
    a, b = schemas[:2]
    x, returns = (one if isinstance(one, dict | bool) else True for one in schemas[2:])
    parameter = {"name": "x", "kind": "keyword_only", "required": False, "default": a, "schema": x}
    definitions = {"A": a, "B": b}
    assert only_declares(
        module({"name": "f", "parameters": [parameter], "returns": returns, "$defs": definitions})
    )


def test_a_deep_document_costs_its_function_the_signature() -> None:
    deep: Any = INTEGER
    for _ in range(500):
        deep = array(deep)
    text = module({"name": "f", "parameters": [], "returns": deep}, {"name": "g", "parameters": []})
    assert signature(text) == "(*args: Any, **kwargs: Any) -> Any"
    assert signature(text, "g") == "() -> Any"


def test_a_long_chain_of_definitions() -> None:
    chain = {f"D{n}": {"type": "object", "properties": {"next": ref(f"D{n + 1}")}} for n in range(300)}
    assert module(documented(returns=ref("D0"), definitions=chain)).count("(TypedDict)") == 300


def test_the_same_functions_make_the_same_text() -> None:
    functions = [
        documented(Parameter(name="x", schema=ref(name)), name=name) for name in ("Order", "Line", "Json")
    ]
    assert module(*functions) == module(*reversed(functions))
    assert changes(module(*functions), module(*functions)) == []


def test_changes() -> None:
    before = module(
        documented(name="gone"),
        documented(Parameter(name="a"), name="add"),
        documented(name="told", description="Old."),
        documented(name="typed", returns=ref("Line")),
    )
    after = module(
        documented(Parameter(name="a", schema=INTEGER), name="add"),
        documented(name="new"),
        documented(name="told", description="New."),
        documented(
            name="typed",
            returns=ref("Line"),
            definitions={"Line": {"type": "object", "properties": {"n": INTEGER}}},
        ),
    )
    assert changes(before, after) == [
        "~ Line", "- add(a: Any) -> Any", "+ add(a: int) -> Any", "- gone() -> Any", "+ new() -> Any",
        "~ told() -> Any",
    ]  # fmt: skip
    assert changes(ast.unparse(ast.parse(before)), before) == [], "a formatter changes nothing"
    assert changes("not Python", after)[0] == "+ Line"


def test_a_module_that_would_do_more_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    module_of = sys.modules[inspect.getmodule(write_module).__name__]  # type: ignore[union-attr]
    monkeypatch.setattr(module_of, "docstring", lambda text, indent="": [text])
    with pytest.raises(StubsError, match="report"):
        module(documented())
