"""Pickles as plain data: everything honest is read. What is hostile: test_reader_bounds.py."""

import asyncio
import collections
import dataclasses
import datetime
import pickle
import zoneinfo
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.naming import stable_repr
from jobgate.broker.pickles import read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
EAST = datetime.timezone(datetime.timedelta(hours=2))
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=EAST)


class Colour(Enum):
    RED = 1

    def __reduce_ex__(self, protocol: object) -> Any:
        return Colour, (1,)  # as later ones do


class Shade(Enum):
    DARK = 1

    def __reduce_ex__(self, protocol: object) -> Any:
        return getattr, (
            Shade,
            "DARK",
        )  # as early releases of Python 3.11 do


class Oops(Exception):
    pass


class OopsError(Exception):
    pass


class Thing:
    def __init__(self) -> None:
        self.inside = [1]


class Bare:
    pass


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    y: Any = None


@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    x: int
    y: Any = None


class Pair(NamedTuple):
    x: int
    y: int


class Model:
    """Pickles as pydantic's models do."""

    def __getstate__(self) -> dict[str, Any]:
        return {"__dict__": {"x": 1}, "__pydantic_extra__": None, "__pydantic_private__": {"y": 2}}


class TwoArguments(Exception):
    """It can be pickled, but not loaded."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")


class Rebuilt:
    """Pickles as numpy's arrays do."""

    def __reduce__(self) -> Any:
        return _reconstruct, (Rebuilt, (0,), b"b"), (1, (2,), b"data")


def _reconstruct(*_: Any) -> Any: ...


def noted(error: Exception) -> Exception:
    error.add_note("read this")
    error.__cause__ = KeyError("cause")
    return error


class Listed(list[int]):
    pass


NAMED_POINT = {"__class__": f"{__name__}.Point"}


def read(value: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Any:
    return read_pickle(pickle.dumps({"value": value}, protocol))["value"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (-5, -5),
        (2**63, 2**63),
        (2**64, "18446744073709551616"),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        ("hé\n\U0001f600", "hé\n\U0001f600"),
        ("\ud800", r"\ud800"),
        (b"\x00ab\xff", "AGFi/w=="),
        (b"", ""),
        (bytearray(b"x"), "eA=="),
        ([1, [2, []]], [1, [2, []]]),
        ((), []),
        ((1, 2, 3, 4), [1, 2, 3, 4]),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
        ({1: 2, None: 3, (1, "x"): 4}, {"1": 2, "null": 3, '[1,"x"]': 4}),
        ({1}, [1]),
        (frozenset([1]), [1]),
        (1 + 2j, "complex(1.0, 2.0)"),
        (slice(1, None), "slice(1, None, None)"),
        (MOMENT, "2026-01-02T03:04:05.000678+02:00"),
        (MOMENT.replace(tzinfo=None), "2026-01-02T03:04:05.000678"),
        (MOMENT.astimezone(datetime.UTC), "2026-01-02T01:04:05.000678+00:00"),
        (MOMENT.replace(tzinfo=None, fold=1), "2026-01-02T03:04:05.000678"),
        (EAST, "UTC+02:00"),
        (MOMENT.date(), "2026-01-02"),
        (MOMENT.timetz(), "03:04:05.000678+02:00"),
        (datetime.timedelta(days=1, seconds=-3), 86397.0),
        (Decimal("1.50"), "1.50"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.defaultdict(int, {"a": 1}), {"a": 1}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.deque([1, 2], 5), [1, 2]),
        (Colour.RED, {"__class__": f"{__name__}.Colour"}),
        (Shade.DARK, {"__class__": f"{__name__}.Shade.DARK"}),
        (Bare(), {"__class__": f"{__name__}.Bare"}),
        (Thing(), {"__class__": f"{__name__}.Thing", "inside": [1]}),
        (Thing, {"__class__": f"{__name__}.Thing"}),
        (Point(1, Point(2)), {**NAMED_POINT, "x": 1, "y": {**NAMED_POINT, "x": 2, "y": None}}),
        (Frozen(1, "a"), {"__class__": f"{__name__}.Frozen", "__values__": [1, "a"]}),
        (Pair(1, 2), {"__class__": f"{__name__}.Pair", "__values__": [1, 2]}),
        (Model(), {"__class__": f"{__name__}.Model", "x": 1}),
        (Rebuilt(), {"__class__": f"{__name__}.Rebuilt"}),
        (PurePosixPath("/a/b.c"), "/a/b.c"),
        (PurePosixPath("a") / "b", "a/b"),
        (PurePosixPath(), "."),
        (range(2**70), {"__class__": "builtins.range"}),
        (slice("a", "b"), {"__class__": "builtins.slice"}),
        (noted(ValueError("v")), {"type": "ValueError", "message": "v"}),
        (TwoArguments(5, "five"), {"__class__": f"{__name__}.TwoArguments"}),
        (StopIteration(3), {"type": "StopIteration", "message": "3"}),
        (
            ExceptionGroup("two", [ValueError("v"), KeyError("k")]),
            {
                "type": "ExceptionGroup",
                "message": 'two, [{"type":"ValueError","message":"v"},{"type":"KeyError","message":"k"}]',
            },
        ),
        (Listed([1]), {"__class__": f"{__name__}.Listed"}),
        (Oops("boom"), {"__class__": f"{__name__}.Oops"}),
        (OopsError("boom", 1), {"type": "OopsError", "message": "boom, 1"}),
        (ValueError(), {"type": "ValueError", "message": ""}),
        (KeyError("k"), {"type": "KeyError", "message": "k"}),
        (OSError(28, "disk full", "/tmp/x"), {"type": "OSError", "message": "[Errno 28] disk full: /tmp/x"}),
        (asyncio.CancelledError(), {"type": "CancelledError", "message": ""}),
    ],
    ids=stable_repr,
)
def test_honest_values_are_read(value: Any, expected: Any, protocol: int) -> None:
    assert read(value, protocol) == expected


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_slots_are_shown(protocol: int) -> None:
    """Python pickles them with protocol 2 at least."""
    assert read(Slotted(1), protocol) == {"__class__": f"{__name__}.Slotted", "x": 1, "y": None}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_of_objects_that_hold_each_other_only_the_class_is_shown(protocol: int) -> None:
    point = Point(1)
    point.y = [point]
    assert read([point, "kept"], protocol) == [NAMED_POINT, "kept"]


def test_a_failure_whose_class_wants_more_than_its_args_is_read() -> None:
    stored = {"s": False, "r": TwoArguments(5, "five")}
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(stored))
    assert read_pickle(pickle.dumps(stored))["r"] == {"type": "TwoArguments", "message": "5: five"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_zone_is_only_named(protocol: int) -> None:
    try:
        zone = zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zones")
    assert read(MOMENT.replace(tzinfo=zone), protocol) == "2026-01-02T03:04:05.000678[Europe/Berlin]"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_range_is_text_and_never_expanded(protocol: int) -> None:
    assert read(range(10**15), protocol) == "range(0, 1000000000000000, 1)"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shared_values_are_written_out(protocol: int) -> None:
    shared = ["x"]
    assert read([shared, shared, {"again": shared}], protocol) == [["x"], ["x"], {"again": ["x"]}]


def test_in_a_failed_result_r_is_an_exception_whatever_its_name() -> None:
    stored = {"s": False, "r": Oops("boom")}
    assert read_pickle(pickle.dumps(stored)) == {"s": False, "r": {"type": "Oops", "message": "boom"}}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30)


@settings(max_examples=200, deadline=None)
@given(TREES, st.sampled_from(PROTOCOLS))
def test_plain_data_are_read_as_pickle_reads_them(value: Any, protocol: int) -> None:
    assert read(value, protocol) == value
