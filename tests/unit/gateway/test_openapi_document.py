"""The live OpenAPI document: an operation for each function, its names, and spoilt schemas."""

import json
from collections.abc import Iterator
from time import thread_time
from typing import Any

import jsonschema_rs
import pytest

from harness.documents.api_document import api_document
from harness.functions.many_functions import DEFINITIONS, INTEGER, every_form, function, item, many, parameter
from harness.functions.spoilt_functions import spoilt
from jobgate.broker import FunctionDocument
from jobgate.gateway.openapi.live_document import live_document

BASE = api_document()
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def made(*functions: FunctionDocument) -> Any:
    return json.loads(json.dumps(live_document(BASE, functions)))


def operations(document: Any) -> dict[str, Any]:
    return {path: item["post"] for path, item in document["paths"].items() if path not in BASE["paths"]}


def body_of(document: Any, path: str) -> Any:
    return document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]


def accepts(document: Any, path: str, body: Any) -> bool:
    schema = {**document, **body_of(document, path), "$schema": DIALECT}
    return bool(jsonschema_rs.validator_for(schema).is_valid(body))


FORMS = made(*every_form())


def test_without_functions_it_is_openapi_yaml() -> None:
    assert made() == BASE


def test_it_is_the_same_for_the_same_functions_in_any_order() -> None:
    assert json.dumps(made(*reversed(every_form()))) == json.dumps(FORMS)


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("/jobs/add", [{"kwargs": {"a": 1}}, {"kwargs": {"a": 1, "b": 2}, "defer_by": 3}],
         [{}, {"kwargs": {}}, {"kwargs": {"a": "1"}}, {"kwargs": {"a": 1, "c": 1}},
          {"kwargs": {"a": 1}, "x": 1}]),
        ("/jobs/order",
         [{"kwargs": {"customer": "x", "items": [{"name": "y"}], "pet": {"kind": "cat", "lives": 9}}}],
         [{"kwargs": {"customer": "x", "items": [{}], "pet": {"kind": "cat", "lives": 9}}},
          {"kwargs": {"customer": "x", "items": [], "pet": {"kind": "cat", "name": "z"}}}]),
        ("/jobs/grow", [{"kwargs": {"tree": {"value": 1, "children": [{"value": 2, "children": []}]}}}],
         [{"kwargs": {"tree": {"value": 1, "children": [{"value": 2}]}}}]),
        ("/jobs/pack", [{"args": [1], "kwargs": {"c": True}}, {"args": [1, "x"], "kwargs": {"c": True}}],
         [{"args": [1, 2], "kwargs": {"c": True}}, {"args": [], "kwargs": {"c": True}}, {"args": [1]},
          {"kwargs": {"c": True}}, {"args": [1, "x", 3], "kwargs": {"c": True}}]),
        ("/jobs/join", [{"args": ["-", "a", "b"], "kwargs": {"n": 1}}, {"args": ["-"]}],
         [{"args": []}, {"args": ["-", 1]}, {"args": ["-"], "kwargs": {"n": "1"}}]),
        ("/jobs/label", [{"kwargs": {"n": 1, "other": "x"}}], [{"kwargs": {"other": "x"}}]),
        ("/jobs/ping", [{}, {"job_id": "a"}], [{"args": []}, {"kwargs": {}}]),
        ("/jobs/untyped", [{"kwargs": {"x": None}}, {"kwargs": {"x": {"a": [1]}, "y": 2}}], [{"kwargs": {}}]),
        ("/jobs/unknown", [{}, {"args": [1], "kwargs": {"a": {}}}], [{"args": {}}]),
    ],
)  # fmt: skip
def test_bodies(path: str, good: list[Any], bad: list[Any]) -> None:
    assert [body for body in good if not accepts(FORMS, path, body)] == []
    assert [body for body in bad if accepts(FORMS, path, body)] == []


def test_a_body_has_the_rules_of_all_bodies() -> None:
    general = BASE["components"]["schemas"]["JobRequest"]
    assert body_of(FORMS, "/jobs/add")["not"] == general["not"]
    both = {"defer_by": 1, "defer_until": "2027-01-01T00:00:00Z"}
    assert not accepts(FORMS, "/jobs/add", {"args": [1, 2], **both})


def test_an_outcome_is_two_whole_schemas_told_apart_by_success() -> None:
    answer = FORMS["paths"]["/jobs/add"]["post"]["responses"]["200"]
    good, failed = answer["content"]["application/json"]["schema"]["oneOf"]
    assert failed == {"$ref": "#/components/schemas/Failed"}
    succeeded = FORMS["components"]["schemas"][good["$ref"].rpartition("/")[2]]
    assert succeeded["properties"]["success"]["const"] is True
    assert succeeded["properties"]["result"] == INTEGER
    assert succeeded["properties"]["function"] == {"type": "string", "const": "add"}
    assert succeeded["required"] == BASE["components"]["schemas"]["Succeeded"]["required"]


def test_ids_of_operations_differ_in_every_spelling() -> None:
    names = {path: one["operationId"] for path, one in operations(FORMS).items()}
    assert names == {
        "/jobs/AddSucceeded": "AddSucceeded",
        "/jobs/add": "add",
        "/jobs/add_": "call_add",
        "/jobs/cron:tidy": "cron_tidy",
        "/jobs/grow": "grow",
        "/jobs/join": "join",
        "/jobs/label": "label",
        "/jobs/order": "order",
        "/jobs/pack": "pack",
        "/jobs/ping": "ping",
        "/jobs/shop.%3Clocals%3E.close": "shop_locals_close",
        "/jobs/status": "call_status",
        "/jobs/unknown": "unknown",
        "/jobs/untyped": "untyped",
    }


def test_equal_models_share_a_component_and_others_get_the_name_of_their_function() -> None:
    first, second = (
        function("a", parameter("x", {"$ref": "#/$defs/Item"})),
        function(
            "b_c", parameter("x", {"$ref": "#/$defs/Item"}), definitions={**DEFINITIONS, "Item": item(1)}
        ),
    )
    schemas = made(first, second, function("d", returns={"$ref": "#/$defs/Item"}))["components"]["schemas"]
    own = set(schemas) - set(BASE["components"]["schemas"])
    assert own == {"Item", "BCItem", "Color", "DSucceeded"}
    assert schemas["BCItem"]["properties"]["name"]["maxLength"] == 101
    assert schemas["DSucceeded"]["properties"]["result"] == {"$ref": "#/components/schemas/Item"}


def test_models_that_differ_only_in_what_they_refer_to_do_not_share_a_component() -> None:
    def order(name: str, number: int) -> FunctionDocument:
        definitions = {"Order": {"type": "array", "items": {"$ref": "#/$defs/Item"}}, "Item": item(number)}
        return function(
            name,
            parameter("x", {"$ref": "#/$defs/Order"}),
            definitions=definitions | {"Color": DEFINITIONS["Color"]},
        )

    schemas = made(order("a", 0), order("b", 1))["components"]["schemas"]
    assert schemas["Order"]["items"] == {"$ref": "#/components/schemas/Item"}
    assert schemas["BOrder"]["items"] == {"$ref": "#/components/schemas/BItem"}


@pytest.mark.parametrize("name", ["Job", "job", "Outcome", "ABody", "ASucceeded", "AData"])
def test_models_never_take_the_names_of_others(name: str) -> None:
    model = {"type": "object", "properties": {"mine": INTEGER}}
    reference = {"$ref": f"#/$defs/{name}"}
    document = made(function("a", parameter("x", reference), returns=INTEGER, definitions={name: model}))
    given = body_of(document, "/jobs/a")["properties"]["kwargs"]["properties"]["x"]["$ref"].rpartition("/")[2]
    assert given == f"A{name[0].upper()}{name[1:]}"
    assert document["components"]["schemas"].items() >= BASE["components"]["schemas"].items()


def test_a_discriminator_leads_to_components() -> None:
    pet = body_of(FORMS, "/jobs/order")["properties"]["kwargs"]["properties"]["pet"]
    assert pet["discriminator"]["mapping"] == {
        "cat": "#/components/schemas/Cat",
        "dog": "#/components/schemas/Dog",
    }


def test_a_docstring_gives_summary_and_description() -> None:
    operation = FORMS["paths"]["/jobs/order"]["post"]
    assert operation["summary"] == "Place an order."
    assert operation["description"] == "Place an order.\n\nThe order is shipped on the same day."
    assert FORMS["paths"]["/jobs/ping"]["post"]["summary"] == "ping"


def references(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(inner)


def test_spoilt_schemas_refer_to_nothing_else_and_leave_others_as_they_are() -> None:
    document = made(*spoilt(), *every_form())
    assert [one for one in references(document) if not one.startswith("#/components/")] == []
    assert document["paths"]["/jobs/order"] == FORMS["paths"]["/jobs/order"], "others are as before"


@pytest.mark.parametrize("name", ["", "a/b", "{x}", "a b", "é", "a\nb", "x" * 129, "..", "../jobs"])
def test_functions_that_no_request_can_name_are_left_out(name: str) -> None:
    assert made(function(name)) == BASE


def test_a_default_that_its_hint_forbids_is_left_out() -> None:
    document = made(function("f", parameter("x", INTEGER, default=None), parameter("y", INTEGER, default=3)))
    members = body_of(document, "/jobs/f")["properties"]["kwargs"]["properties"]
    assert "default" not in members["x"]
    assert members["y"]["default"] == 3


def test_texts_cannot_end_a_comment_of_generated_code() -> None:
    said = 'x */ import("evil"); /* """ + evil() + """'
    document = made(function("f", parameter("x", {"description": said}, description=said), description=said))
    assert "*/" not in json.dumps(document["paths"]["/jobs/f"])
    assert '\\"\\"\\"' not in json.dumps(document["paths"]["/jobs/f"])


def test_two_hundred_functions_have_a_path_each() -> None:
    document = made(*many(200))
    assert len(operations(document)) == 200
    ids = [one["operationId"] for one in operations(document).values()]
    assert len({name.replace("_", "").lower() for name in ids}) == 200


def test_a_default_whose_check_would_never_end_is_not_checked(caplog: pytest.LogCaptureFixture) -> None:
    ends: dict[str, Any] = {"d60": INTEGER}
    doubling = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(60)}
    hostile = function("f", parameter("x", {"$ref": "#/$defs/d0"}, default=1), definitions=doubling | ends)
    assert "/jobs/f" in made(hostile)["paths"]
    assert not caplog.records, "the check of arguments tells of it"


def chain(length: int, end: Any, start: int = 0) -> dict[str, Any]:
    """Return definitions of which each refers to the next one, and the last to the first."""
    links = {
        f"D{at}": {"properties": {"next": {"$ref": f"#/$defs/D{at + 1}"}}} for at in range(start, length)
    }
    return links | {f"D{length}": {"type": "object", "properties": {"back": end}}}


def test_definitions_that_refer_to_each_other_are_shared_where_all_of_them_are_equal() -> None:
    back, other = {"$ref": "#/$defs/D1"}, {"$ref": "#/$defs/D2"}
    first, same, different = (
        function(name, parameter("x", {"$ref": "#/$defs/D0"}), definitions=chain(5, end))
        for name, end in (("a", back), ("b", back), ("c", other))
    )
    schemas = made(first, same, different)["components"]["schemas"]
    assert {f"D{at}" for at in range(6)} | {f"CD{at}" for at in range(6)} <= schemas.keys()
    assert not any(name.startswith("BD") for name in schemas)
    assert schemas["CD1"]["properties"]["next"] == {"$ref": "#/components/schemas/CD2"}


def test_long_chains_of_definitions_are_described_fast() -> None:
    functions = [
        function(f"f{at}", parameter("x", {"$ref": "#/$defs/D0"}), definitions=chain(900, {"const": at}))
        for at in range(3)
    ]
    start = thread_time()
    made(*functions)
    assert thread_time() - start < 2.0
