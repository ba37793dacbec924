"""What each codec keeps, changes and refuses."""

import dataclasses
import datetime
import math
import pickle
import sys
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest

from jobgate.broker.bodies.codecs import CODEC_NAMES, codec_named, custom_codec
from jobgate.broker.errors import DecodeError, EncodeError

TEXT_FORMS = [
    pytest.param(
        datetime.datetime.fromisoformat("2026-01-02T03:04:05"), "2026-01-02T03:04:05", id="naive datetime"
    ),
    pytest.param(datetime.date(2026, 1, 2), "2026-01-02", id="date"),
    pytest.param(datetime.time(3, 4), "03:04:00", id="time"),
    pytest.param(UUID(int=7), "00000000-0000-0000-0000-000000000007", id="UUID"),
    pytest.param(Decimal("1.50"), "1.50", id="Decimal"),
]


class Colour(Enum):
    RED = "red"
    NOTHING = math.nan


class Level(IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: float
    y: float


def there_and_back(name: str, value: Any) -> Any:
    codec = codec_named(name)
    return codec.loads(codec.dumps({"value": value}))["value"]


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize(
    "value", [None, True, 0, -(2**63), 2**64 - 1, 1.5, "hé\n", [1, [2]], {"a": {"b": None}}, ""], ids=repr
)
def test_plain_data_come_back_as_they_were(name: str, value: Any) -> None:
    assert there_and_back(name, value) == value


@pytest.mark.parametrize("name", ["json", "msgpack"])
@pytest.mark.parametrize(("value", "text"), TEXT_FORMS)
def test_values_without_a_form_of_their_own_become_text(name: str, value: Any, text: str) -> None:
    assert there_and_back(name, [value]) == [text]


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_tuples_enums_and_dataclasses_become_plain(name: str) -> None:
    assert there_and_back(name, (1, Colour.RED, Level.HIGH, Point(1.0, 2.5))) == [
        1,
        "red",
        3,
        {"x": 1.0, "y": 2.5},
    ]


def test_json_writes_aware_datetimes_as_rfc_3339() -> None:
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    assert there_and_back("json", datetime.datetime(2026, 1, 2, tzinfo=east)) == "2026-01-02T00:00:00+05:30"


def test_msgpack_brings_the_moment_back_in_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=east)
    back = there_and_back("msgpack", moment)
    assert back == moment
    assert back.tzinfo is datetime.UTC


def test_msgpack_keeps_bytes_and_non_finite_numbers() -> None:
    assert there_and_back("msgpack", b"\x00\xff") == b"\x00\xff"
    assert math.isnan(there_and_back("msgpack", math.nan))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(2**64, "64 bits", id="positive beyond 64 bits"),
        pytest.param(-(2**63) - 1, "64 bits", id="negative beyond 64 bits"),
        pytest.param({1: "a"}, "key", id="number as a key"),
        pytest.param("\ud800", "surrogates", id="lone surrogate"),
        pytest.param(math.nan, "NaN", id="NaN"),
        pytest.param([None, {"deep": (1.0, [math.inf])}], "infinity", id="infinity inside"),
        pytest.param([-math.inf], "infinity", id="negative infinity"),
        pytest.param([Point(1.0, math.nan)], "NaN", id="NaN in a dataclass"),
        pytest.param([Colour.NOTHING], "NaN", id="NaN in an Enum"),
        pytest.param({1, 2}, "set", id="set"),
        pytest.param(b"bytes", "bytes", id="bytes"),
        pytest.param(object(), "object", id="object"),
        pytest.param(Point, "type", id="class"),
    ],
)
def test_json_refuses(value: Any, reason: str) -> None:
    with pytest.raises(EncodeError, match=reason) as caught:
        codec_named("json").dumps({"value": value})
    assert str(caught.value).endswith(".")


def test_json_refuses_what_is_nested_too_deep() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(EncodeError, match="254 levels"):
        codec_named("json").dumps({"value": deep})


def test_json_refuses_nan_beside_the_dicts_own_null() -> None:
    with pytest.raises(EncodeError, match="NaN"):
        codec_named("json").dumps({"t": None, "r": math.nan})


@pytest.mark.parametrize("text", ["null", "a null in words", '"null"'])
def test_the_word_null_is_no_nan(text: str) -> None:
    assert there_and_back("json", [text, None, 1.5]) == [text, None, 1.5]


@pytest.mark.parametrize(
    "value", [2**64, {1, 2}, object(), "\ud800"], ids=["int beyond 64 bits", "set", "object", "surrogate"]
)
def test_msgpack_refuses(value: Any) -> None:
    with pytest.raises(EncodeError, match="msgpack cannot hold"):
        codec_named("msgpack").dumps({"value": value})


def test_pickle_keeps_what_it_can_and_refuses_the_rest() -> None:
    assert there_and_back("pickle", ({1}, (2**70,), Colour.RED)) == ({1}, (2**70,), Colour.RED)
    with pytest.raises(EncodeError, match="pickle cannot hold"):
        codec_named("pickle").dumps({"value": lambda: None})


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize(
    "blob", [b"", b"\xc1", b'{"a":', b"\x81\xa1a", b"\x80\x04]", b"cno_such_module\nX\n."]
)
def test_bytes_that_are_none_of_its_own_are_a_decode_error(name: str, blob: bytes) -> None:
    with pytest.raises(DecodeError):
        codec_named(name).loads(blob)


def test_trusted_pickles_of_arqs_exceptions_load_without_arq(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("arq", "arq.worker"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    blob = b"\x80\x03}X\x01\x00\x00\x00rcarq.worker\nJobExecutionFailed\nX\x0b\x00\x00\x00job expired\x85Rs."
    raised = codec_named("pickle").loads(blob)["r"]
    assert isinstance(raised, RuntimeError)
    assert (type(raised).__name__, str(raised)) == ("JobExecutionFailed", "job expired")


def test_an_unknown_name_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="json, msgpack, pickle"):
        codec_named("xml")


def test_msgpack_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ValueError, match=r"extra \[msgpack\], in its folder: pip install"):
        codec_named("msgpack")


def test_a_custom_codec_is_the_users_two_functions() -> None:
    codec = custom_codec(pickle.dumps, pickle.loads)
    assert (codec.name, codec.dumps, codec.loads) == ("custom", pickle.dumps, pickle.loads)
