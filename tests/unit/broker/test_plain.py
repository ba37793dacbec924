"""Real values as data that JSON can hold."""

import dataclasses
import datetime
from collections import deque
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import orjson
import pytest

from harness.naming import stable_repr
from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles.plain import MAX_DEPTH, plain


class Colour(Enum):
    RED = "red"


class Word(StrEnum):
    HELLO = "hello"


@dataclasses.dataclass
class Point:
    x: float
    y: Any


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, None, True, 1.5, "x"]}, {"a": [1, None, True, 1.5, "x"]}),
        ((1, (2,)), [1, [2]]),
        (2**64, "18446744073709551616"),
        (float("inf"), "Infinity"),
        ({1}, [1]),
        (deque([1]), [1]),
        (b"ab", "YWI="),
        ({None: 1, True: 2, 1.5: 3}, {"null": 1, "true": 2, "1.5": 3}),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), "2026-01-02T00:00:00+00:00"),
        (datetime.timedelta(minutes=1), 60.0),
        (datetime.UTC, "UTC"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Word.HELLO, "hello"),
        (Point(1.0, Colour.RED), {"x": 1.0, "y": "red"}),
        (range(10**15), "range(0, 1000000000000000)"),
        (ValueError("bad"), {"type": "ValueError", "message": "bad"}),
        (Unprintable(), {"type": "Unprintable", "message": "(its text cannot be shown)"}),
        (object(), {"__class__": "builtins.object"}),
        (Point, {"__class__": f"{__name__}.Point"}),
        ("\udcff", r"\udcff"),
    ],
    ids=stable_repr,
)
def test_values_become_what_json_can_hold(value: Any, expected: Any) -> None:
    written = plain(value)
    assert written == expected
    assert orjson.loads(orjson.dumps(written)) == expected


def test_what_is_too_deep_is_refused() -> None:
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(DecodeError, match=f"{MAX_DEPTH} levels"):
        plain(deep)


def test_what_is_too_large_is_refused() -> None:
    shared: list[Any] = ["x"]
    for _ in range(30):
        shared = [shared, shared]
    with pytest.raises(DecodeError, match="values"):
        plain(shared)
    with pytest.raises(DecodeError, match="characters"):
        plain(["x" * (1 << 20)] * 40)
    with pytest.raises(DecodeError, match="digits"):
        plain(1 << 100_000)
