"""docs/pickle.md says what the reader of pickles does: its allow-list, its limits, and its examples."""

import collections
import dataclasses
import datetime
import pickle
import re
import sys
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from harness.naming import stable_repr
from harness.zones import zone_named
from jobgate.broker.errors import DecodeError
from jobgate.broker.pickles import read_pickle
from jobgate.broker.pickles.limits import FULL
from jobgate.broker.pickles.objects import EXCEPTION_ENDINGS, FORMS, MAPPINGS
from jobgate.broker.pickles.plain import MAX_DEPTH

DOC = (Path(__file__).resolve().parents[3] / "docs" / "pickle.md").read_text()
ROWS = dict(re.findall(r"^\| (.*?) \| (.*?) \|$", DOC, re.MULTILINE)[1:])
#: What opcodes make without naming a class.
BY_OPCODE = {"None", "bool", "str", "float", "int", "bytes", "bytearray"}


class Colour(Enum):
    RED = 1


@dataclasses.dataclass
class Order:
    number: int


class Point(NamedTuple):
    x: int
    y: int


class BadError(Exception):
    pass


def shown(value: Any) -> Any:
    text = re.sub(rf"{re.escape(__name__)}\.", "shop.", repr(read_pickle(pickle.dumps({"v": value}))["v"]))
    return text.replace("'", '"')


def test_the_allow_list_is_the_codes() -> None:
    named = {
        name for cell in ROWS if not cell.startswith("exceptions") for name in re.findall(r"`(\w+)`", cell)
    }
    # A zone is made by a method of its class.
    allowed = {path.removesuffix("._unpickle").rpartition(".")[2] for path in {*FORMS, *MAPPINGS}}
    assert named == allowed | BY_OPCODE


def test_the_endings_of_exceptions_are_the_codes() -> None:
    (cell,) = [cell for cell in ROWS if cell.startswith("exceptions")]
    assert tuple(re.findall(r"`…(\w+)`", cell)) == EXCEPTION_ENDINGS


def test_the_limits_are_the_codes() -> None:
    (sentence,) = re.findall(r"A pickle is read up to (.*?)\.", DOC, re.DOTALL)
    numbers = [int(number) for number in re.findall(r"\d+", sentence)]
    digits = sys.int_info.default_max_str_digits
    assert numbers == [FULL.bytes, FULL.opcodes, FULL.values, FULL.text, MAX_DEPTH, digits]
    longest = 10**digits - 1
    assert read_pickle(pickle.dumps({"r": longest})) == {"r": "9" * digits}
    with pytest.raises(DecodeError, match="digits"):
        read_pickle(pickle.dumps({"r": longest + 1}))


@pytest.mark.parametrize(
    ("value", "row"),
    [
        (2**64, "larger numbers"),
        (float("nan"), "larger numbers"),
        (float("inf"), "larger numbers"),
        (datetime.timezone(datetime.timedelta(hours=2)), "`timezone`"),
        (range(3), "`complex`"),
        (ValueError("no"), "exceptions"),
        (Order(1), "dataclasses"),
        (Point(1, 2), "named tuples"),
        (Colour, "classes"),
    ],
    ids=stable_repr,
)
def test_the_examples_are_true(value: Any, row: str) -> None:
    (cell,) = [told for kind, told in ROWS.items() if kind.startswith(row)]
    text = shown(value)
    assert text in cell


def test_the_example_of_a_zone_is_true() -> None:
    zone = zone_named("Europe/Berlin")
    assert shown(zone) in ROWS["`timezone`, `ZoneInfo`"]
    assert shown(datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone)) in ROWS["`datetime`, `date`, `time`"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([(1,), {2}, frozenset([3]), collections.deque([4])], [[1], [2], [3], [4]]),
        ({1: "a", (1, 2): "b"}, {"1": "a", "[1,2]": "b"}),
        (datetime.timedelta(minutes=1), 60.0),
        ([Decimal("1.50"), UUID(int=1), PurePosixPath("/a")], ["1.50", str(UUID(int=1)), "/a"]),
        (BadError("a", 2), {"type": "BadError", "message": "a, 2"}),
    ],
    ids=stable_repr,
)
def test_the_other_rows_are_true(value: Any, expected: Any) -> None:
    assert read_pickle(pickle.dumps({"v": value}))["v"] == expected
