"""Results get the type of the return hint; pydantic is needed only where that is more than JSON."""

import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NewType, TypedDict, TypeVar
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict as NewTypedDict

from jobgate.client import InvalidOption, JobgateError, ResultMismatch
from jobgate.client.values import reader_of

if TYPE_CHECKING:
    from decimal import Context

T = TypeVar("T")
Words = NewType("Words", int)


class Colour(Enum):
    RED = "red"


@dataclass
class Blob:
    data: bytes
    when: datetime | None = None


class Report(BaseModel):
    id: UUID
    lines: list[Blob] = []


class Strict(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def _n(cls, value: int) -> int:
        raise RuntimeError("not today")


class Tree(TypedDict):
    name: str
    children: "list[Tree]"


class Stamped(NewTypedDict):
    at: datetime


class Pair(NamedTuple):
    a: int
    b: date


class Handle:
    """No data."""


class Broken:
    """pydantic asks it for its schema."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        raise TypeError("no schema today")


def returning(hint: Any) -> Callable[..., Any]:
    async def function(ctx: Any) -> Any:
        """Never called."""

    function.__annotations__["return"] = hint
    return function


@pytest.mark.parametrize(
    "hint",
    [
        None, bool, int, float, str, list, dict, object, Any, list[int], dict[str, list[float | None]],
        Sequence[str], Mapping[str, Any], Literal["a", 1, None], Words, T, Annotated[int, Field(gt=0)],
        int | str, Tree, Coroutine[Any, Any, int], Awaitable[str], "int", "list[str] | None",
    ],
    ids=str,
)  # fmt: skip
def test_plain_results_stay_as_they_are(hint: Any) -> None:
    assert reader_of(returning(hint)) is None


def test_a_function_without_a_hint_returns_plain_data() -> None:
    assert reader_of(lambda ctx: 1) is None


@pytest.mark.parametrize(
    ("hint", "plain", "value"),
    [
        (datetime, "2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        (date, "2024-05-06", date(2024, 5, 6)),
        (time, "07:08:00", time(7, 8)),
        (timedelta, "P1DT2H", timedelta(days=1, hours=2)),
        (UUID, str(UUID(int=7)), UUID(int=7)),
        (Decimal, "1.10", Decimal("1.10")),
        (bytes, "-_8=", b"\xfb\xff"),
        (bytes, "+/8=", b"\xfb\xff"),
        (Colour, "red", Colour.RED),
        (set[int], [1, 2], {1, 2}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (Pair, [1, "2024-05-06"], Pair(1, date(2024, 5, 6))),
        (Pair, (1, "2024-05-06"), Pair(1, date(2024, 5, 6))),
        (Blob, {"data": "-_8=", "when": None}, Blob(b"\xfb\xff")),
        (list[Blob], [{"data": "-_8="}], [Blob(b"\xfb\xff")]),
        (Report, {"id": str(UUID(int=7))}, Report(id=UUID(int=7))),
        (Report | None, None, None),
        (Stamped, {"at": "2024-05-06"}, {"at": datetime(2024, 5, 6)}),  # noqa: DTZ001
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (dict[str, tuple[float, int]], {"a": [float("inf"), 2**70]}, {"a": (float("inf"), 2**70)}),
        (Coroutine[Any, Any, date], "2024-05-06", date(2024, 5, 6)),
        ("list[Colour]", ["red"], [Colour.RED]),
        # Real objects, as pickle and msgpack carry them.
        (Report, Report(id=UUID(int=7)), Report(id=UUID(int=7))),
        (Blob, Blob(b"a", datetime(2024, 5, 6, tzinfo=UTC)), Blob(b"a", datetime(2024, 5, 6, tzinfo=UTC))),
        (tuple[bytes, date], [b"raw", "2024-05-06"], (b"raw", date(2024, 5, 6))),
        (set[str], {"a"}, {"a"}),
    ],
    ids=str,
)
def test_results_are_converted(hint: Any, plain: Any, value: Any) -> None:
    read = reader_of(returning(hint))
    assert read is not None
    assert read(plain) == value
    assert type(read(plain)) is type(value)


@pytest.mark.parametrize(
    ("hint", "plain", "says"),
    [
        (date, "tomorrow", "valid date"),
        (date, None, "valid"),
        (Report, {"id": "x", "lines": [{}]}, r"id: .*UUID.* \(and 1 more\)"),
        (list[Blob], [{"data": "-_8="}, {"data": 7}], r"1\.data: "),
        (bytes, "not base64!", "valid base64"),
        (Strict, {"n": 1}, "RuntimeError: not today"),
    ],
    ids=str,
)
def test_a_result_that_does_not_fit_is_still_there(hint: Any, plain: Any, says: str) -> None:
    read = reader_of(returning(hint))
    assert read is not None
    with pytest.raises(ResultMismatch, match=says) as caught:
        read(plain)
    assert caught.value.result is plain
    assert "The job succeeded" in str(caught.value)
    assert isinstance(caught.value, JobgateError)


def test_real_objects_of_any_class_come_through_pickle() -> None:
    read, handle = reader_of(returning(Handle)), Handle()
    assert read is not None
    assert read(handle) is handle
    with pytest.raises(ResultMismatch):
        read({"a": 1})


def test_hints_of_parameters_need_not_exist_at_run_time() -> None:
    async def function(ctx: Any, context: "Context") -> "date":
        return date.today()  # noqa: DTZ011

    read = reader_of(function)
    assert read is not None
    assert read("2024-05-06") == date(2024, 5, 6)


def test_a_return_hint_that_does_not_exist_at_run_time_is_named() -> None:
    def function(ctx: Any) -> "Context":
        raise NotImplementedError

    with pytest.raises(
        InvalidOption, match=r"the return hint of .*function.*'Context' is not defined.*by its name"
    ):
        reader_of(function)


def test_a_return_hint_that_pydantic_cannot_use_is_named() -> None:
    with pytest.raises(InvalidOption, match=r"cannot be converted .*no schema today"):
        reader_of(returning(Broken | date))


def test_what_a_decorator_wraps_counts() -> None:
    def function(ctx: Any) -> date:
        raise NotImplementedError

    @wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    read = reader_of(wrapper)
    assert read is not None
    assert read("2024-05-06") == date(2024, 5, 6)


def test_the_converter_of_a_function_is_made_once() -> None:
    function = returning(date)
    assert reader_of(function) is reader_of(function)


WITHOUT_PYDANTIC = """
import asyncio, sys
sys.modules["pydantic"] = None
from datetime import date
from jobgate.client import Client, GatewayUnavailable, MissingExtra

def today(ctx) -> date: ...
def add(ctx, a: int, b: int) -> int: ...

async def main():
    async with Client("http://127.0.0.1:1", request_timeout=0) as client:
        for call in (client.call, client.enqueue):
            try:
                await call(today)
            except MissingExtra as error:
                print(error)
            try:
                await call(add, 1, 2)
            except GatewayUnavailable:
                print("sent")

asyncio.run(main())
"""


def test_without_pydantic_only_results_that_need_it_are_refused_and_nothing_is_sent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYDANTIC], capture_output=True, text=True, check=False
    )
    needed, sent, *again = done.stdout.splitlines()
    assert needed == (
        "'today' returns more than plain data, which needs pydantic: install jobgate with its extra [typed], "
        "in its folder: pip install '.[typed]'."
    )
    assert (sent, again, done.stderr) == ("sent", [needed, sent], "")


def test_pydantic_is_not_loaded_before_it_is_needed() -> None:
    code = """
import sys
from jobgate.client.values import reader_of
def add(ctx, a: int) -> dict[str, int]: ...
assert reader_of(add) is None
assert "pydantic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
