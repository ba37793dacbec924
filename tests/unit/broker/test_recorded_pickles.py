"""What Python 3.8 to 3.13 pickled (pickles/record.py), in all protocols, reads as the same plain data."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from jobgate.broker.pickles import read_pickle

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent / "pickles" / "recorded.jsonl").read_text().splitlines()
]
MOMENT = "2026-01-02T03:04:05.000678"
READ: dict[str, Any] = {
    "nothing": [None, True, False, [], [], {}, "", ""],
    "numbers": [
        *(0, -1, 255, 256, 65536, -(2**31), 2**63),
        *("-1180591620717411303424", 1.5, -0.25, "complex(0.0, 1.0)"),
    ],
    "text": ["é\n", "\U0001f600", "a\\b", "\\ud800"],
    "octets": ["AP8=", "YWI="],
    "nested": {"a": [[1, 2, 3, 4], {"b": [{"c": []}]}]},
    "sets": [[1], [2]],
    "kin": [{"a": 1}, {"a": [1]}, {"a": 2, "b": 1}, [1, 2]],
    "times": [f"{MOMENT}+00:00", MOMENT, "2026-01-02", "03:04:05.000678+00:00", 86402.000003, "UTC"],
    "texts": ["1.50", "00000000-0000-0000-0000-000000000005", "/a/b", "range(1, 9, 2)"],
    "objects": [
        {"__class__": "__main__.Order", "number": 1, "lines": ["a"]},
        {"__class__": "__main__.Plain", "name": "x"},
        {"__class__": "__main__.Point", "__values__": [1, 2]},
    ],
    "classes": [{"__class__": name} for name in ("__main__.Colour", "__main__.Order", "builtins.len")],
    "named": [
        {"__class__": name}
        for name in (
            "__main__.Colour",
            "__main__.Level",
            "fractions.Fraction",
            "ipaddress.IPv4Address",
            "__main__.Refused",
        )
    ],
}


@pytest.mark.parametrize("record", RECORDED, ids=lambda record: f"{record['python']}-{record['protocol']}")
def test_every_python_is_read_alike(record: dict[str, Any]) -> None:
    read = read_pickle(base64.b64decode(record["pickle"]))
    exceptions, zones = read.pop("exceptions"), read.pop("zones")
    assert read == READ
    # Python 3.8 has no zones of its own; protocols 0 to 2 name OSError where it was a FileNotFoundError.
    assert zones in (["UTC-03:00", f"{MOMENT}[Europe/Berlin]"], ["UTC-03:00"])
    kinds = [(each["type"], each["message"]) for each in exceptions]
    assert kinds[1] in {("OSError", "[Errno 2] gone: f"), ("FileNotFoundError", "[Errno 2] gone: f")}
    assert kinds[::2] == [("ValueError", "no, 1"), ("KeyError", "k")]


def test_all_pythons_that_arq_runs_on_are_there() -> None:
    versions = {version for record in RECORDED for version in record["python"]}
    assert versions == {"3.8", "3.9", "3.11", "3.12", "3.13"}
    assert {record["protocol"] for record in RECORDED} == set(range(6))
