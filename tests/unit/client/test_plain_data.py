"""Arguments become plain data, and a worker that knows their types gets back what the caller passed."""

import enum
import re
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from math import inf, nan
from pathlib import Path, PureWindowsPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_serializer

from jobgate.client import InvalidArguments
from jobgate.client.http.request_body import encode
from jobgate.client.requests import Options, new_job
from jobgate.client.values import JSON, MSGPACK

IDENTITY = UUID("12345678-1234-5678-1234-567812345678")


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Nested(enum.Enum):
    PAIR = (1, 2)


@dataclass
class Point:
    x: int
    _y: int = 2
    tags: set[str] = field(default_factory=set)

    @cached_property
    def length(self) -> float:
        return 5.0


@dataclass(frozen=True, slots=True)
class Slim:
    when: datetime


class Line(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    ends: tuple[int, int]
    day: date | None = None
    unit: str = Field("mm", alias="the-unit")


class Picky(BaseModel):
    n: int = 1

    @field_serializer("n")
    def _n(self, value: int) -> int:
        raise RuntimeError("not today")


class Text(str):
    __slots__ = ()


class Share(float):
    __slots__ = ()


Pair = namedtuple("Pair", "a b")


def measured() -> Point:
    point = Point(1)
    assert point.length
    return point


#: What a caller passes -> what is sent -> the type by which a worker turns it back, None = it is not equal.
TABLE: list[tuple[Any, Any, Any]] = [
    (datetime(2024, 5, 6, 7, 8, 9), "2024-05-06T07:08:09", datetime),  # noqa: DTZ001
    (datetime(2024, 5, 6, 7, 8, 9, 10, UTC), "2024-05-06T07:08:09.000010+00:00", datetime),
    (date(2024, 5, 6), "2024-05-06", date),
    (time(7, 8), "07:08:00", time),
    (time(7, 8, tzinfo=timezone(timedelta(hours=2))), "07:08:00+02:00", time),
    (timedelta(0), "P0DT0H0M0S", timedelta),
    (timedelta(days=1, hours=2, minutes=3, seconds=4), "P1DT2H3M4S", timedelta),
    (timedelta(microseconds=-1), "-P0DT0H0M0.000001S", timedelta),
    (timedelta(days=-400), "-P400DT0H0M0S", timedelta),
    (IDENTITY, str(IDENTITY), UUID),
    (Decimal("1.10"), "1.10", Decimal),
    (Decimal("1E+30"), "1E+30", Decimal),
    (Colour.RED, "red", Colour),
    (Level.HIGH, 3, Level),
    (Nested.PAIR, [1, 2], None),
    (b"\xfb\xff\xfe\x00", "+//+AA==", None),
    (bytearray(b"ab"), "YWI=", None),
    (memoryview(b"ab"), "YWI=", None),
    ({7}, [7], set[int]),
    (frozenset({7}), [7], frozenset[int]),
    (deque([1, 2]), [1, 2], deque[int]),
    ((1, (2, "a")), [1, [2, "a"]], tuple[int, tuple[int, str]]),
    (Pair(1, 2), [1, 2], None),
    (Point(1, tags={"a"}), {"x": 1, "_y": 2, "tags": ["a"]}, Point),
    (measured(), {"x": 1, "_y": 2, "tags": []}, None),
    (Slim(datetime(2024, 5, 6, tzinfo=UTC)), {"when": "2024-05-06T00:00:00+00:00"}, Slim),
    (
        Line.model_validate({"ends": (1, 2), "day": date(2024, 5, 6), "the-unit": "m"}),
        {"ends": [1, 2], "day": "2024-05-06", "the-unit": "m"},
        Line,
    ),
    (
        [Line.model_validate({"ends": [1, 2], "the-unit": "mm"})],
        [{"ends": [1, 2], "day": None, "the-unit": "mm"}],
        list[Line],
    ),
    (Path("/tmp/a"), "/tmp/a", Path),
    (PureWindowsPath("C:\\a"), "C:\\a", None),
    (Text("a"), "a", None),
    (Share(0.5), 0.5, float),
    (OrderedDict(a=1), {"a": 1}, dict[str, int]),
    (MappingProxyType({"a": {1}}), {"a": [1]}, None),
    ({1: "a", Colour.RED: "b"}, {"1": "a", "red": "b"}, None),
    ({1: "a"}, {"1": "a"}, dict[int, str]),
    ({date(2024, 5, 6): [IDENTITY]}, {"2024-05-06": [str(IDENTITY)]}, dict[date, list[UUID]]),
    ({"a": None, "b": True}, {"a": None, "b": True}, dict[str, Any]),
    (2**64 - 1, 2**64 - 1, None),
    (-(2**63), -(2**63), int),
]


def sent(*args: Any, **kwargs: Any) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(encode(new_job("fn", args, kwargs, Options())))
    return {"args": body["args"], "kwargs": body["kwargs"]}


@pytest.mark.parametrize(("value", "plain", "hint"), TABLE, ids=lambda one: type(one).__name__)
def test_both_transports_send_the_same_and_workers_turn_it_back(value: Any, plain: Any, hint: Any) -> None:
    assert sent(value, key=[value]) == {"args": [plain], "kwargs": {"key": [plain]}}
    # The second one makes the walk through all values necessary.
    for more in ({}, {"none": None}):
        args, kwargs = JSON.of("fn", (value,), {"key": [value], **more})
        assert orjson.loads(orjson.dumps([args, kwargs])) == [[plain], {"key": [plain], **more}]
    if hint is not None:
        assert TypeAdapter(hint).validate_json(orjson.dumps(plain)) == value


@settings(max_examples=200, deadline=None)
@given(st.timedeltas())
def test_every_duration_comes_back(duration: timedelta) -> None:
    assert TypeAdapter(timedelta).validate_json(orjson.dumps(sent(duration)["args"][0])) == duration


def test_bytes_come_back() -> None:
    adapter = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))
    every = bytes(range(256))
    assert adapter.validate_json(orjson.dumps(sent(every)["args"][0])) == every


@pytest.mark.parametrize(
    ("value", "place", "says"),
    [
        (object(), "", "object is not plain data: pass"),
        ([1, nan], "/1", "NaN"),
        ({"a/b": [inf]}, "/a~1b/0", "infinities"),
        (Point(1, tags=nan), "/tags", "NaN"),  # type: ignore[arg-type]
        ({"deep": {"~": 2**64}}, "/deep/~0", "64 bits"),
        ("\ud800", "", "surrogates"),
        ({"\ud800": 1}, "", "surrogates"),
        ({1.5: 1}, "", "float cannot be a key"),
        ({None: 1}, "", "NoneType cannot be a key"),
        ({True: 1}, "", "bool cannot be a key"),
        ({1: 1, "1": 2}, "", "the same text"),
        (Line, "", "ModelMetaclass|Line|type"),
        (Picky(), "", "not today"),
        (1 + 2j, "", "complex"),
        (len, "", "builtin_function"),
    ],
    ids=lambda one: one if isinstance(one, str) and one.isprintable() else type(one).__name__,
)
def test_what_cannot_be_sent_is_named(value: Any, place: str, says: str) -> None:
    for refused in (lambda: sent(1, value), lambda: JSON.of("fn", (1, value), {})):
        with pytest.raises(InvalidArguments, match="'fn' cannot be sent") as caught:
            refused()
        (error,) = caught.value.errors
        assert error.pointer == f"#/args/1{place}"
        assert re.search(says, error.detail)


def test_all_that_cannot_be_sent_is_named_up_to_a_limit() -> None:
    with pytest.raises(InvalidArguments) as caught:
        sent({1: object()}, *[nan] * 40, key=object())
    pointers = [error.pointer for error in caught.value.errors]
    assert pointers[:3] == ["#/args/0/1", "#/args/1", "#/args/2"]
    assert len(pointers) == 20


def test_what_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    twice: list[Any] = []
    twice += [twice, twice]
    for value in (loop, deep, twice):
        with pytest.raises(InvalidArguments, match="nested deeper"):
            sent(value)
        with pytest.raises(InvalidArguments, match="nested deeper"):
            JSON.of("fn", (), {"a": value})


def test_msgpack_keeps_what_it_can_hold() -> None:
    now = datetime.now(UTC)
    kept = [b"raw", bytearray(b"raw"), now, inf, {1: "a", None: "b"}]
    args, _ = MSGPACK.of("fn", kept, {})
    assert args == kept
    assert [type(one) for one in args] == [type(one) for one in kept]
    assert MSGPACK.of("fn", [{1}, Point(1), timedelta(1)], {}) == (
        [[1], {"x": 1, "_y": 2, "tags": []}, "P1DT0H0M0S"],
        {},
    )
