"""What words, lines and values mean on the command line, and how values are shown in a terminal."""

import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from jobgate.cli.calls.arguments import Arguments
from jobgate.cli.calls.values import json_or_text
from jobgate.cli.lines.reading import Line
from jobgate.cli.terminal import Output, streams
from jobgate.cli.terminal.columns import cell
from jobgate.cli.terminal.json_text import indented_json, json_line
from jobgate.cli.terminal.text import escaped, in_one_line

FIXED = Arguments([9], {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("7", 7),
        ("12345678901234567890123", 12345678901234567890123),  # not a float
        ("1e3", 1000.0),
        ("true", True),
        ("null", None),
        (' {"a": [1]} ', {"a": [1]}),
        ('"7"', "7"),
        ("007", "007"),
        ("NaN", "NaN"),
        ("[NaN]", "[NaN]"),
        ("-Infinity", "-Infinity"),
        ("True", "True"),
        ("{a: 1}", "{a: 1}"),
        ("", ""),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_what_is_json_is_json_and_all_else_is_text(word: str, value: Any) -> None:
    found = json_or_text(word)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("data", "args", "kwargs"),
    [
        (b"a b.png", ["a b.png", 9], {"a": 1, "b": 2}),
        (b"7", [7, 9], {"a": 1, "b": 2}),
        (b"[1, 2]", [1, 2, 9], {"a": 1, "b": 2}),
        (b'{"b": 3, "c": 4}', [9], {"a": 1, "b": 3, "c": 4}),
    ],
)
def test_a_line_precedes_what_all_lines_have(data: bytes, args: list[Any], kwargs: dict[str, Any]) -> None:
    found = Line(1, data).arguments(FIXED, is_text=False)
    assert (found.args, found.kwargs) == (args, kwargs)


def test_a_line_of_text_is_text() -> None:
    assert Line(1, b'{"b": 3}').arguments(Arguments(), is_text=True).args == ['{"b": 3}']


@pytest.mark.parametrize(("data", "says"), [(b"\xff", "not in UTF-8"), (b'{"_queue": "x"}', "'_queue'")])
def test_a_line_that_means_nothing_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Line(1, data).arguments(FIXED, is_text=False)


def test_ids_depend_on_function_and_line_alone() -> None:
    first = Line(1, b"a").job_id("p", "fn")
    assert first == Line(7, b"a").job_id("p", "fn")
    assert len({first, Line(1, b"b").job_id("p", "fn"), Line(1, b"a").job_id("p", "gn")}) == 3
    assert first.startswith("p-")


HOSTILE = "\x1b]0;title\x07\u202e[red]\r\n\ud800\U000e0001\t"


def test_text_from_outside_cannot_control_a_terminal() -> None:
    line = in_one_line(HOSTILE, 1000)
    assert line == r"\u001b]0;title\u0007\u202e[red]\u000d\u000a\ud800\udb40\udc01\u0009"
    assert escaped("a\nb\t", kept="\n") == "a\nb\\u0009"
    assert escaped("漢字 é 🎉") == "漢字 é 🎉"
    assert in_one_line("a" * 11, 10) == "a" * 9 + "…"
    # Escaped JSON is the same JSON.
    assert orjson.loads(escaped(indented_json({"a": HOSTILE[:-4]}), kept="\n")) == {"a": HOSTILE[:-4]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        ((), "-"),
        (0, "0"),
        (False, "no"),
        (0.12345, "0.123"),
        (1234.5, "1234"),
        (["a", 1, True], "a, 1, yes"),
        ("a\nb", r"a\u000ab"),
    ],
)
def test_values_in_tables(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_what_json_cannot_hold_is_text() -> None:
    value = {"time": datetime(2030, 1, 1, tzinfo=UTC), "huge": 1 << 70, "odd": {1}, "lone": "\ud800"}
    assert json_line(value) == (
        b'{"time": "2030-01-01 00:00:00+00:00", "huge": 1180591620717411303424, "odd": "{1}", '
        b'"lone": "\\ud800"}\n'
    )
    assert json_line({"time": value["time"]}) == b'{"time":"2030-01-01T00:00:00Z"}\n'


def test_without_rich_people_get_json_and_a_hint(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(streams, "has_rich", lambda: False)
    Output().value({"a": 1})
    written = capfd.readouterr()
    assert written.out == '{"a":1}\n'
    assert written.err.count("pip install '.[cli]'") == 1
