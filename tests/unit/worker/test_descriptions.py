"""What is published of a function: signature, hints and docstring, as a document."""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypedDict

import pytest
import typing_extensions
from pydantic import BaseModel, Field

from jobgate.broker import NO_DEFAULT, FunctionDocument
from jobgate.worker import Settings, func

if TYPE_CHECKING:
    from nowhere import Missing  # type: ignore[import-not-found]

Ctx = dict[str, Any]


class Size(Enum):
    """How large a picture is."""

    SMALL = "small"
    LARGE = "large"


class Picture(BaseModel):
    """A picture."""

    path: str
    size: Size = Size.SMALL
    taken: datetime | None = None
    parts: list[Picture] = []


@dataclasses.dataclass
class Box:
    width: int
    height: int = 1


class Point(NamedTuple):
    x: int
    y: int = 0


class Options(typing_extensions.TypedDict, total=False):
    quality: typing_extensions.Required[int]
    strip: bool


class OldDict(TypedDict):
    a: int


class NoData: ...


def document_of(function: Any, **settings: Any) -> FunctionDocument:
    [made] = Settings.of([function], **settings).resolved().values()
    return made.document


def schemas_of(function: Any) -> dict[str, Any]:
    parameters = document_of(function).parameters
    assert parameters is not None
    return {one.name: one.schema for one in parameters}


def doubt_of(function: Any) -> str | None:
    [made] = Settings.of([function]).resolved().values()
    return made.doubt


async def google(ctx: Ctx, picture: Picture, *sizes: int, quality: float = 0.5, **tags: str) -> Picture:
    """Resize a picture.

    It is written anew.

    Args:
        ctx: The context.
        picture: What to resize.
        *sizes: The widths, in pixels.
        quality: From 0 to 1.
        **tags: Anything.

    Returns:
        The new picture.

    Raises:
        ValueError: It is no picture.
    """
    return picture


async def numpy(ctx: Ctx, x: int, y: int = 2) -> int:
    """Add numbers.

    Parameters
    ----------
    x, y : int
        The numbers.

    Returns
    -------
    int
        Their sum.
    """
    return x + y


async def rest(ctx: Ctx, x: int) -> int:
    """Return a number.

    :param x: The number.
    :returns: The same.
    """
    return x


def test_a_document_has_all_that_a_signature_and_a_docstring_say() -> None:
    document = document_of(func(google, name="resize", timeout=5, max_tries=2))
    assert (document.name, document.timeout, document.max_tries) == ("resize", 5, 2)
    assert document.description == "Resize a picture.\n\nIt is written anew."
    assert document.returns_description == "The new picture."
    assert document.parameters is not None
    parts = [(one.name, one.kind, one.required, one.default, one.description) for one in document.parameters]
    assert parts == [
        ("picture", "positional_or_keyword", True, NO_DEFAULT, "What to resize."),
        ("sizes", "var_positional", False, NO_DEFAULT, "The widths, in pixels."),
        ("quality", "keyword_only", False, 0.5, "From 0 to 1."),
        ("tags", "var_keyword", False, NO_DEFAULT, "Anything."),
    ]
    assert [one.schema["type"] for one in document.parameters[1:]] == ["integer", "number", "string"]  # type: ignore[index]
    assert document.parameters[0].schema == {"$ref": "#/$defs/Picture-Input"}
    assert document.returns == {"$ref": "#/$defs/Picture-Output"}
    assert set(document.definitions) == {"Picture-Input", "Picture-Output", "Size"}
    picture: Any = document.definitions["Picture-Input"]
    assert picture["description"] == "A picture."
    assert picture["required"] == ["path"]
    assert picture["properties"]["parts"]["items"] == {"$ref": "#/$defs/Picture-Input"}
    assert document.definitions["Size"] == {
        "description": "How large a picture is.", "enum": ["small", "large"], "type": "string",
    }  # fmt: skip


@pytest.mark.parametrize(("function", "of_x"), [(numpy, "The numbers."), (rest, "The number.")])
def test_docstrings_of_other_styles(function: Any, of_x: str) -> None:
    document = document_of(function)
    assert document.parameters is not None
    assert document.parameters[0].description == of_x
    assert document.returns_description in ("Their sum.", "The same.")


def test_the_same_function_has_the_same_digest_and_another_has_another() -> None:
    assert document_of(numpy).digest == document_of(numpy).digest
    assert document_of(numpy).digest != document_of(func(rest, name="numpy")).digest


def test_containers_and_classes_have_the_schemas_that_generators_need() -> None:
    async def call(
        ctx: Ctx, box: Box, point: Point, pair: tuple[int, str], bag: set[str], m: dict[int, Any]
    ) -> None: ...

    document = document_of(call)
    schemas = schemas_of(call)
    assert document.returns == {"type": "null"}
    assert document.definitions["Box"]["required"] == ["width"]  # type: ignore[index]
    assert schemas["pair"]["maxItems"] == schemas["pair"]["minItems"] == 2
    assert schemas["pair"]["items"] == {"anyOf": schemas["pair"]["prefixItems"]}
    assert "items" in document.definitions["Point"]  # type: ignore[operator]
    assert schemas["bag"]["uniqueItems"]
    assert schemas["m"]["additionalProperties"] is True
    assert "title" not in str(document.as_json())


def test_keyword_arguments_of_a_typed_dict_are_parameters() -> None:
    async def call(ctx: Ctx, **options: typing_extensions.Unpack[Options]) -> None: ...

    document = document_of(call)
    assert document.parameters is not None
    assert [(one.name, one.kind, one.required) for one in document.parameters] == [
        ("quality", "keyword_only", True), ("strip", "keyword_only", False),
    ]  # fmt: skip
    assert schemas_of(call)["strip"] == {"type": "boolean"}


def test_a_hint_that_cannot_be_resolved_is_reported_in_one_line_and_accepts_anything() -> None:
    async def call(ctx: Ctx, a: Missing, b: int, c: list[Missing], d: OldDict) -> Missing: ...

    doubt = doubt_of(func(call, name="call"))
    assert doubt is not None
    assert "\n" not in doubt
    assert "a: NameError: name 'Missing' is not defined" in doubt
    assert "c: NameError" in doubt
    assert "return: NameError" in doubt
    schemas = schemas_of(call)
    assert (schemas["a"], schemas["c"]) == (True, True)
    assert schemas["b"]["type"] == "integer"


@pytest.mark.parametrize("hint", [NoData, list[NoData], Callable[[int], int], type, type[int], "Any"])
def test_a_type_without_schema_accepts_anything_and_is_not_reported(hint: Any) -> None:
    async def call(ctx: Ctx, a: Any, b: int) -> None: ...

    call.__annotations__["a"] = hint
    assert schemas_of(call)["a"] is True
    assert schemas_of(call)["b"] == {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
    assert doubt_of(call) is None


def with_database(function: Any) -> Any:
    @functools.wraps(function)
    async def call(ctx: Ctx, a: Any, *args: Any) -> Any:
        return await function(ctx, "database", a, *args)

    return call


@with_database
async def decorated(ctx: Ctx, database: str, a: int, args: int = 0) -> int:
    """Do something."""
    return a


class Adder:
    async def __call__(self, ctx: Ctx, a: int) -> int:
        return a

    async def add(self, ctx: Ctx, a: int) -> int:
        return a


@pytest.mark.parametrize(
    "function",
    [
        func(decorated, name="f"),
        func(Adder(), name="f"),
        func(Adder().add, name="f"),
        func(functools.partial(numpy, y=3), name="f"),
    ],
)
def test_functions_of_every_kind_are_described(function: Any) -> None:
    document = document_of(function)
    assert document.parameters is not None
    first = document.parameters[0]
    assert first.name in ("a", "x")
    assert first.schema["type"] == "integer"  # type: ignore[index]
    # A wrapper's own *args has no hint, whatever the function calls its parameters.
    assert all(one.schema is True for one in document.parameters if one.kind == "var_positional")


def test_a_builtin_without_signature_is_described_by_its_docstring() -> None:
    document = document_of(func(max, name="max"))
    assert document.parameters is None
    assert document.description is not None


@pytest.mark.parametrize(
    ("default", "plain"),
    [
        (1, 1), (None, None), ((1, 2), [1, 2]), (Size.LARGE, "large"), (math.nan, NO_DEFAULT),
        (2**70, NO_DEFAULT), ("\ud800", NO_DEFAULT), (["\ud800"], NO_DEFAULT),
        (b"a", "YQ=="), (object(), NO_DEFAULT), ({"b", "a"}, ["a", "b"]), (Box(1), {"width": 1, "height": 1}),
        (Picture(path="x"), {"path": "x", "size": "small", "taken": None, "parts": []}),
    ],
)  # fmt: skip
def test_defaults_are_plain_data_or_left_out(default: Any, plain: Any) -> None:
    async def call(ctx: Ctx, a: Any = default) -> None: ...

    [parameter] = document_of(call).parameters or ()
    assert (parameter.required, parameter.default) == (False, plain)


def test_descriptions_of_annotated_hints_count_where_the_docstring_says_nothing() -> None:
    async def call(ctx: Ctx, a: Annotated[int, Field(gt=0, description="A number.")]) -> None: ...

    call.__annotations__["a"] = Annotated[int, Field(gt=0, description="A number.")]
    [parameter] = document_of(call).parameters or ()
    assert parameter.description == "A number."
    assert parameter.schema["exclusiveMinimum"] == 0  # type: ignore[index]


@pytest.mark.skipif(not hasattr(typing, "override"), reason="pydantic takes it from Python 3.12")
def test_a_typed_dict_of_typing() -> None:
    async def call(ctx: Ctx, d: OldDict) -> None: ...

    assert schemas_of(call)["d"] != {}


@pytest.mark.skipif(hasattr(typing, "override"), reason="pydantic takes it from Python 3.12")
def test_a_typed_dict_of_typing_is_reported() -> None:
    async def call(ctx: Ctx, d: OldDict) -> None: ...

    assert schemas_of(call)["d"] is True
    assert "typing_extensions.TypedDict" in (doubt_of(call) or "")
