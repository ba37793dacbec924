"""Arguments and results of typed functions: messages, objects, limits, and hints that JSON cannot hold."""

import enum
import gc
from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import pytest
from pydantic import BaseModel, Field, create_model

from harness.hints.agreement import Door, P, function_of, taking
from jobgate.worker import Settings
from jobgate.worker.hints import AdapterCache, ArgumentsRefused


class Line(BaseModel):
    article: str
    count: int = Field(2**70, le=10**30)


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Huge(enum.Enum):
    SMALL = 1
    LARGE = 2**70


def refusal(function: Any, args: list[Any], kwargs: dict[str, Any] | None = None) -> str:
    with pytest.raises(ArgumentsRefused) as caught:
        function.arguments(args, kwargs or {}, is_plain=True)
    return str(caught.value)


def test_all_misfits_are_named_with_their_places_and_without_values() -> None:
    function = function_of(
        [
            P("lines", P.POSITIONAL_OR_KEYWORD, annotation=list[Line]),
            P("sizes", P.VAR_POSITIONAL, annotation=int),
            P("key", P.KEYWORD_ONLY, annotation=UUID, default=None),
            P("more", P.VAR_KEYWORD, annotation=int),
        ]
    )
    text = refusal(function, [[{"count": "secret"}], "secret", 2], {"key": "secret", "z": "secret"})
    places = [one.split(":")[0] for one in text.split("; ")]
    assert places == ["args[0][0].article", "args[0][0].count", "args[1]", "kwargs.key", "kwargs.z"]
    assert "secret" not in text


def test_a_message_is_bounded() -> None:
    text = refusal(taking(list[int]), [["x"] * 30_000])
    assert text.endswith("; and 29980 more")
    assert len(text) < 4_000
    long_name = refusal(taking(dict[str, int]), [{"n" * 10_000: "x"}])
    assert 200 < len(long_name) < 420


def test_a_message_does_not_repeat_the_tag_of_a_union() -> None:
    function = taking(Annotated[Cat | Dog, Field(discriminator="kind")])
    assert "secret" not in refusal(function, [{"kind": "secret"}])
    assert "\n" not in refusal(taking(dict[str, int]), [{"a\nb": "x"}])


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Line, Line(article="pen", count=1)),
        (UUID, UUID(int=5)),
        (bytes, b"\xff"),
        (Any, (1, {2}, float("inf"))),
        (dict[str, Any], {"a": (1, 2), "b": UUID(int=5)}),
        (list[Any], [float("inf"), 2**70]),
        (Iterable[int], [1, 2]),
    ],
)
def test_objects_that_are_of_the_type_pass_as_they_are(hint: Any, value: Any) -> None:
    [got], _ = taking(hint).arguments([value], {}, is_plain=False)
    assert (type(got), got) == (type(value), value)


def test_a_list_that_holds_itself_is_handled() -> None:
    endless: list[Any] = []
    endless.append(endless)
    [got], _ = taking(list[Any]).arguments([endless], {}, is_plain=False)
    assert got[0] is endless
    del got, endless
    gc.collect()


def test_arguments_that_are_left_out_keep_the_functions_own_default() -> None:
    marker = object()
    function = function_of(
        [
            P("a", P.POSITIONAL_OR_KEYWORD, annotation=int),
            P("b", P.POSITIONAL_OR_KEYWORD, annotation=int, default=marker),
            P("c", P.POSITIONAL_OR_KEYWORD, annotation=int, default=0),
        ]
    )
    assert function.arguments([1], {}, is_plain=True) == ([1], {})
    assert function.arguments([1], {"c": 2.0}, is_plain=True) == ([1], {"c": 2})


@pytest.mark.parametrize(
    "hint",
    [
        Line,
        Huge,
        Literal[1, 2**70],
        Annotated[int, Field(ge=-(10**30), lt=10**30)],
        Annotated[float, Field(le=10**30)],
    ],
)
def test_a_document_holds_no_number_that_json_cannot(hint: Any) -> None:
    function = taking(hint)
    assert orjson.dumps(function.document.as_json())
    assert function.document.digest
    assert not Door(function).accepts([1e31])


def test_a_schema_of_the_users_that_json_cannot_hold_is_reported() -> None:
    function = taking(Annotated[int, Field(json_schema_extra={"examples": [2**70]})])
    assert "a: TypeError: Integer exceeds 64-bit range" in (function.doubt or "")
    assert function.arguments(["x"], {}, is_plain=True) == (["x"], {})


def test_functions_without_hints_are_passed_their_arguments_as_they_are() -> None:
    async def call(ctx, a, b=1):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        ...

    [function] = Settings.of([call]).resolved().values()
    args, kwargs = ["x"], {"b": object()}
    assert function.arguments(args, kwargs, is_plain=True) == (args, kwargs)
    assert function.arguments(args, kwargs, is_plain=True)[0] is args
    assert function.as_plain(kwargs["b"]) is kwargs["b"]


def models_of_one_name() -> list[Any]:
    def model(kind: Any) -> Any:
        return create_model("Item", value=(kind, ...))

    return [model(int), model(str)]


def test_different_classes_of_one_name_have_different_definitions() -> None:
    one, other = models_of_one_name()
    function = function_of(
        [
            P("a", P.POSITIONAL_OR_KEYWORD, annotation=one),
            P("b", P.POSITIONAL_OR_KEYWORD, annotation=list[other]),  # type: ignore[valid-type]
        ],
        one,
    )
    document = function.document
    assert len(document.definitions) >= 2
    door = Door(function)
    assert door.accepts([{"value": 1}, [{"value": "x"}]])
    assert not door.accepts([{"value": "x"}, [{"value": "x"}]])
    assert not door.accepts([{"value": 1}, [{"value": 1}]])


def test_what_refers_to_a_class_with_two_definitions_has_two_as_well() -> None:
    class Inner(BaseModel):
        a: int = 1

    class Outer(BaseModel):
        inner: Inner

    definitions: Any = taking(Outer).document.definitions
    assert set(definitions) == {"Inner-Input", "Inner-Output", "Outer-Input", "Outer-Output"}
    assert definitions["Outer-Output"]["properties"]["inner"] == {"$ref": "#/$defs/Inner-Output"}
    assert definitions["Inner-Output"]["required"] == ["a"]


def test_functions_with_equal_hints_share_their_adapters_but_not_those_of_another_order() -> None:
    cache = AdapterCache()
    assert cache.of(list[int]) is cache.of(list[int])
    assert cache.of(int | str) is not cache.of(str | int)
