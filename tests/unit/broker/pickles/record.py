"""Records pickles of one Python: `python record.py`, once for each version.

A line is the version, the protocol, and the pickle of VALUES in base64. Of equal pickles recorded.jsonl keeps
one, with all its versions; test_recorded_pickles.py reads them.
"""

import base64
import collections
import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import pickle
import sys
import uuid
from dataclasses import dataclass
from typing import Any

if sys.version_info >= (3, 9):  # noqa: UP036 (arq 0.26 runs on 3.8)
    from zoneinfo import ZoneInfo

    ZONES: "list[Any]" = [ZoneInfo("Europe/Berlin")]
else:
    ZONES: "list[Any]" = []
UTC = datetime.timezone.utc  # noqa: UP017 (older Pythons run this)


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Order:
    number: int
    lines: "list[str]"


class Plain:
    def __init__(self) -> None:
        self.name = "x"


Point = collections.namedtuple("Point", "x y")


class Refused(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")


MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
VALUES = {
    "nothing": [None, True, False, [], (), {}, "", b""],
    "numbers": [0, -1, 255, 256, 65536, -(2**31), 2**63, -(2**70), 1.5, -0.25, 1j],
    "text": ["é\n", "\U0001f600", "a\\b", "\ud800"],
    "octets": [b"\x00\xff", bytearray(b"ab")],
    "nested": {"a": [(1, 2, 3, 4), {"b": ({"c": []},)}]},
    "sets": [{1}, frozenset([2])],
    "kin": [
        collections.OrderedDict([("a", 1)]),
        collections.defaultdict(list, {"a": [1]}),
        collections.Counter("aab"),
        collections.deque([1, 2], 5),
    ],
    "times": [
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.date(),
        MOMENT.timetz(),
        datetime.timedelta(1, 2, 3),
        UTC,
    ],
    "zones": [
        datetime.timezone(datetime.timedelta(hours=-3)),
        *(MOMENT.replace(tzinfo=zone) for zone in ZONES),
    ],
    "texts": [decimal.Decimal("1.50"), uuid.UUID(int=5), pathlib.PurePosixPath("/a/b"), range(1, 9, 2)],
    "objects": [Order(1, ["a"]), Plain(), Point(1, 2)],
    "classes": [Colour, Order, len],
    "exceptions": [
        ValueError("no", 1),
        OSError(2, "gone", "f"),
        KeyError("k"),
        UnicodeDecodeError("utf-8", b"a", 0, 1, "x"),
    ],
    "named": [
        Colour.RED,
        Level.LOW,
        fractions.Fraction(1, 3),
        ipaddress.ip_address("127.0.0.1"),
        Refused(1, "no"),
    ],
}

if __name__ == "__main__":
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        blob = base64.b64encode(pickle.dumps(VALUES, protocol)).decode()
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.stdout.write(json.dumps({"python": version, "protocol": protocol, "pickle": blob}) + "\n")
