"""Type hints with values that fit them and values that do not, as JSON and as Python has them."""

import collections
import dataclasses
import enum
import fractions
import ipaddress
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import typing_extensions
from pydantic import (
    UUID4,
    AliasChoices,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    HttpUrl,
    JsonValue,
    NaiveDatetime,
    RootModel,
    StrictInt,
    StringConstraints,
)

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Mixed(enum.Enum):
    A = "a"
    ONE = 1
    NOTHING = None
    HALF = 0.5


class Rights(enum.Flag):
    READ = 4
    WRITE = 2


class Numbers(enum.IntFlag):
    ONE = 1
    TWO = 2


class Inner(BaseModel):
    a: int
    b: str = "x"


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


class Aliased(BaseModel):
    a: int = Field(alias="A")
    b: int = Field(0, validation_alias=AliasChoices("B", "bb"), serialization_alias="B")


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = ""


class Tree(BaseModel):
    value: int
    children: "list[Tree]" = []


class Page(BaseModel, Generic[T]):
    items: list[T]


class Stripped(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_min_length=1, str_max_length=3)
    s: str


class Blob(BaseModel):
    data: bytes


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    when: datetime
    pair: tuple[int, str]
    color: Color


class Names(RootModel[list[str]]): ...


@dataclasses.dataclass
class Box:
    width: int
    data: bytes = b""
    tags: list[str] = dataclasses.field(default_factory=list)


class Point(NamedTuple):
    x: int
    y: float = 0.0


class Options(typing_extensions.TypedDict):
    quality: int
    name: typing_extensions.NotRequired[str]


Row = tuple[Any, list[tuple[Any, Any]], list[Any]]

KEY = "123e4567-e89b-42d3-a456-426614174000"
DAY, NOON = date(2026, 1, 2), datetime(2026, 1, 2, 12, tzinfo=UTC)
EAST = timezone(timedelta(hours=1))

#: A hint, (JSON, what the function gets), JSON that is refused.
ROWS: list[Row] = [
    (int, [(1, 1), (-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1), (1.0, 1)], [1.5, "x", None, [], 1e300, 1e19]),
    (float, [(1.5, 1.5), (2, 2.0)], ["x", None, []]),
    (bool, [(True, True), (False, False)], ["x", 2, None]),
    (str, [("", ""), ("ä", "ä")], [1, None, True, []]),
    (None, [(None, None)], [0, "", False]),
    (Any, [(None, None), ([1], [1]), ("x", "x")], []),
    (object, [({"a": 1}, {"a": 1})], []),
    (bytes, [("QQ==", b"A"), ("QQ", b"A"), ("-_8=", b"\xfb\xff"), ("+/8=", b"\xfb\xff")], ["Q", "QR==", "+_8=", "!", 1]),
    (Base64Bytes, [("QUI=", b"AB")], ["Q"]),
    (list[Base64Bytes | None], [(["QUI=", None], [b"AB", None])], [["Q"]]),
    (Decimal, [("1.50", Decimal("1.50")), (1.5, Decimal("1.5")), (7, Decimal(7)), ("1e5", Decimal("1e5"))], ["x", "", "NaN", None]),
    (complex, [("1+2j", 1 + 2j), (1, 1 + 0j)], ["x", None]),
    (fractions.Fraction, [("2/3", fractions.Fraction(2, 3))], ["1/0", "x"]),
    (datetime, [("2026-01-02T12:00:00Z", NOON), ("2026-01-02T12:00:00", NOON.replace(tzinfo=None)), ("2026-01-02T13:00:00+01:00", NOON)], ["2026-02-30T00:00:00Z", "x", "2026-01-02T24:00:00Z", "2026-01-02T12:00:60Z", "12:00", None]),
    (NaiveDatetime, [("2026-01-02T12:00:00", NOON.replace(tzinfo=None))], ["2026-01-02T12:00:00Z", "2026-01-02T12:00:00-01:00"]),
    (AwareDatetime, [("2026-01-02T13:00:00+01:00", NOON)], ["2026-01-02T12:00:00", "2026-01-02"]),
    (date, [("2026-01-02", DAY)], ["2026-02-30", "2026-1-2", "x", None, "2026-01-02T12:00:00", "0000-01-01"]),
    (time, [("12:00", time(12)), ("12:00:00.5Z", time(12, 0, 0, 500_000, UTC))], ["25:00", "x", "12:00:60"]),
    (timedelta, [("PT1H30M", timedelta(minutes=90)), ("-P1D", timedelta(days=-1)), ("00:01:30", timedelta(seconds=90))], ["x", "PT", "P99999999999D", None]),
    (UUID, [(KEY, UUID(KEY)), (KEY.upper(), UUID(KEY))], ["x", KEY[:-1], None]),
    (UUID4, [(KEY, UUID(KEY))], ["123e4567-e89b-12d3-a456-426614174000"]),
    (pathlib.Path, [("/tmp/x", pathlib.Path("/tmp/x"))], [1, None]),
    (ipaddress.IPv4Address, [("10.0.0.1", ipaddress.IPv4Address("10.0.0.1"))], ["10.0.0.256", "::1"]),
    (ipaddress.IPv6Network, [("fe80::/64", ipaddress.IPv6Network("fe80::/64"))], ["fe80::1/64", "x"]),
    (ByteSize, [("1 kib", ByteSize(1024)), (5, ByteSize(5))], ["5 parsec", -1]),
    (JsonValue, [({"a": [1, None]}, {"a": [1, None]})], []),
    (StrictInt, [(1, 1), (1.0, 1)], ["1", True, 1.5]),
    (list, [([], []), ([1, "a"], [1, "a"])], [{}, "x", None]),
    (list[int], [([1, 2], [1, 2])], [["x"], {}, [None]]),
    (list[list[date]], [([["2026-01-02"]], [[DAY]])], [[["x"]], ["2026-01-02"]]),
    (Sequence[int], [([1], [1])], ["x", ["x"]]),
    (Iterable[int], [([1], [1])], [["x"], 1]),
    (collections.deque[int], [([1], collections.deque([1]))], [["x"]]),
    (set, [([1, "a"], {1, "a"})], [[[]], [{}], {}]),
    (set[int], [([1, 2], {1, 2}), ([], set())], [["x"], {}]),
    (frozenset[str], [(["a"], frozenset("a"))], [[1]]),
    (set[tuple[int, str]], [([[1, "a"]], {(1, "a")})], [[[1]]]),
    (tuple, [([1, "a"], (1, "a"))], [{}, 1]),
    (tuple[()], [([], ())], [[1]]),
    (tuple[int, str], [([1, "a"], (1, "a"))], [[1], [1, "a", 2], ["a", 1], {}]),
    (tuple[int, ...], [([], ()), ([1, 2], (1, 2))], [["x"]]),
    (dict, [({"a": [1]}, {"a": [1]})], [[], "x"]),
    (dict[str, int], [({"a": 1}, {"a": 1})], [{"a": "x"}, []]),
    (dict[str, Any], [({"a": None}, {"a": None})], [[]]),
    (dict[int, str], [({"1": "a", "-7": "b"}, {1: "a", -7: "b"})], [{"x": "a"}, {"1.5": "a"}, {"": "a"}]),
    (dict[Annotated[int, Field(gt=5, lt=12)], int], [({"6": 1, "11": 1}, {6: 1, 11: 1})], [{"5": 1}, {"12": 1}, {"-6": 1}]),
    (dict[float, int], [({"1.5": 1}, {1.5: 1})], [{"x": 1}]),
    (dict[bool, int], [({"true": 1}, {True: 1})], [{"x": 1}]),
    (dict[UUID, int], [({KEY: 1}, {UUID(KEY): 1})], [{"x": 1}]),
    (dict[date, int], [({"2026-01-02": 1}, {DAY: 1})], [{"x": 1}]),
    (dict[Color, int], [({"red": 1}, {Color.RED: 1})], [{"green": 1}]),
    (dict[Number, int], [({"1": 1}, {Number.ONE: 1})], [{"3": 1}]),
    (dict[Literal["a", "b"], int], [({"a": 1}, {"a": 1})], [{"c": 1}]),
    (dict[tuple[int, int], int], [({}, {})], [{"1": 1}]),
    (dict[bytes, int], [({"QQ==": 1}, {b"A": 1})], [{"Q": 1}]),
    (dict[Annotated[str, Field(pattern="^a")], int], [({"ab": 1}, {"ab": 1})], [{"b": 1}]),
    (Mapping[str, list[int]], [({"a": [1]}, {"a": [1]})], [{"a": 1}]),
    (collections.OrderedDict[str, int], [({"a": 1}, collections.OrderedDict(a=1))], [{"a": "x"}]),
    (collections.Counter[str], [({"a": 1}, collections.Counter(a=1))], [{"a": "x"}]),
    (Literal["a", 1, None], [("a", "a"), (1, 1), (None, None)], ["b", 2, []]),
    (Literal[True], [(True, True)], [False, "x"]),
    (Color, [("red", Color.RED)], ["RED", "green", 1, None]),
    (Number, [(1, Number.ONE), (2.0, Number.TWO)], [3, "x"]),
    (Mixed, [("a", Mixed.A), (1, Mixed.ONE), (None, Mixed.NOTHING), (0.5, Mixed.HALF)], ["b", 2]),
    (Rights, [(6, Rights.READ | Rights.WRITE), (0, Rights(0))], [1, 8, "x"]),
    (Numbers, [(3, Numbers.ONE | Numbers.TWO)], ["x", 1.5]),
    (int | None, [(1, 1), (None, None)], ["x", []]),
    (int | str, [(1, 1), ("1", "1")], [[], None]),
    (int | list[int], [(1, 1), ([1], [1])], [["x"], {}]),
    (date | int, [("2026-01-02", DAY), (5, 5)], ["x", 1.5]),
    (Inner | Closed, [({"a": 1, "z": 2}, Inner(a=1)), ({"a": 1, "b": "y"}, Inner(a=1, b="y"))], [{"a": "x"}]),
    (Annotated[Cat | Dog, Field(discriminator="kind")], [({"kind": "cat", "lives": 9}, Cat(lives=9)), ({"kind": "dog"}, Dog(kind="dog"))], [{"lives": 9}, {"kind": "cow"}, {"kind": "cat"}, {}]),
    (Inner, [({"a": 1}, Inner(a=1)), ({"a": 1, "z": 2}, Inner(a=1))], [{}, {"a": "x"}, {"a": 1, "b": 2}, [], None]),
    (Closed, [({"a": 1}, Closed(a=1))], [{"a": 1, "z": 2}]),
    (Open, [({"a": 1, "z": [2]}, Open.model_validate({"a": 1, "z": [2]}))], [{"z": 1}]),
    (Aliased, [({"A": 1, "B": 2}, Aliased.model_validate({"A": 1, "B": 2}))], [{"a": 1}, {"A": 1, "B": "x"}]),
    (Tree, [({"value": 1, "children": [{"value": 2}]}, Tree(value=1, children=[Tree(value=2)]))], [{"value": 1, "children": [{"value": "x"}]}, {"value": 1, "children": [{}]}]),
    (Page[int], [({"items": [1]}, Page[int](items=[1]))], [{"items": ["x"]}]),
    (Page[Inner], [({"items": [{"a": 1}]}, Page[Inner](items=[Inner(a=1)]))], [{"items": [1]}]),
    (Names, [(["a"], Names(["a"]))], [[1], {}]),
    (Strict, [({"when": "2026-01-02T12:00:00Z", "pair": [1.0, "a"], "color": "red"}, Strict(when=NOON, pair=(1, "a"), color=Color.RED))], [{"when": "x", "pair": [1, "a"], "color": "red"}]),
    (Stripped, [({"s": " abc "}, Stripped(s="abc"))], [{"s": "  "}, {"s": " abcd "}]),
    (Blob, [({"data": "QQ=="}, Blob(data=b"QQ=="))], [{"data": 1}]),
    (Box, [({"width": 1, "data": "QQ=="}, Box(1, b"A")), ({"width": 1, "tags": ["a"]}, Box(1, tags=["a"]))], [{}, {"width": 1, "data": "Q"}, {"width": "x"}]),
    (Point, [([1], Point(1)), ([1, 2.5], Point(1, 2.5))], [[], [1, 2, 3], ["x"]]),
    (Options, [({"quality": 1}, {"quality": 1})], [{}, {"quality": 1, "name": 2}]),
    (list[Inner], [([{"a": 1}], [Inner(a=1)])], [[{}]]),
    (Annotated[int, Field(gt=0)], [(1, 1)], [0, -1]),
    (Annotated[int, Field(ge=0, lt=10)], [(0, 0), (9, 9)], [10, -1]),
    (Annotated[int, Field(multiple_of=3)], [(6, 6)], [7]),
    (Annotated[float, Field(gt=0, le=1)], [(0.5, 0.5), (1, 1.0)], [0, 1.5]),
    (Annotated[str, Field(min_length=2, max_length=3)], [("ab", "ab"), ("äöü", "äöü")], ["a", "abcd"]),
    (Annotated[str, Field(pattern="^[a-c]+$")], [("abc", "abc")], ["abd", "", "abc\n"]),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=3)], [(" ab ", "ab")], [" a ", "abcd", "  "]),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], [("a ", "a")], [" ", "\u2003", ""]),
    (Annotated[str, StringConstraints(strip_whitespace=True, pattern="^.{2}$")], [("ab", "ab")], ["abc", "a", "a "]),
    (Annotated[list[int], Field(min_length=1, max_length=2)], [([1], [1])], [[], [1, 2, 3]]),
    (Annotated[set[int], Field(min_length=2)], [([1, 2], {1, 2})], [[1], [1, 1]]),
    (Annotated[dict[str, int], Field(max_length=1)], [({"a": 1}, {"a": 1})], [{"a": 1, "b": 2}]),
    (Annotated[bytes, Field(min_length=1, max_length=2)], [("QUI=", b"AB"), ("QQ", b"A")], ["", "QUJD"]),
    (Annotated[Decimal, Field(gt=0)], [("0.01", Decimal("0.01")), (1, Decimal(1))], ["0", "-1", 0, -0.5]),
    (Annotated[Decimal, Field(ge=Decimal("0.5"), lt=Decimal("12.25"))], [("0.5", Decimal("0.5")), ("12.24", Decimal("12.24")), (12.2, Decimal("12.2"))], ["0.49", "12.25", "100", 12.25]),
    (Annotated[Decimal, Field(decimal_places=2)], [("1.50", Decimal("1.50")), (0.07, Decimal("0.07")), ("1.500", Decimal("1.500"))], ["1.005", 1.005]),
    (Annotated[Decimal, Field(max_digits=4, decimal_places=2)], [("12.34", Decimal("12.34")), (99.99, Decimal("99.99"))], ["123.4", "1.234", 100]),
    (Annotated[Decimal, Field(max_digits=38, decimal_places=2)], [("1" * 36 + ".25", Decimal("1" * 36 + ".25"))], ["1" * 37, "1.234"]),
    (Annotated[int, Field(le=10**30, ge=-(10**30), multiple_of=5)], [(10, 10), (2**63 - 8, 2**63 - 8)], [1, 1e19]),
    (Annotated[Decimal, Field(max_digits=3)], [("0.12", Decimal("0.12")), ("007", Decimal(7)), (999, Decimal(999))], ["1234", "12.34", 1000]),
    (Annotated[Decimal, Field(multiple_of=0.05)], [(0.15, Decimal("0.15")), ("1.5", Decimal("1.5"))], [0.07]),
    (HttpUrl, [("http://x.y/", HttpUrl("http://x.y/"))], ["ftp://x.y/", "x", ""]),
]  # fmt: skip
