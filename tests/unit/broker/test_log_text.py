"""What is logged of outside text: one line, of bounded length, without anything that drives a terminal."""

import io
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from jobgate.broker.texts.log_text import (
    LINE_LIMIT,
    TRACEBACK_LIMIT,
    ForeignTraceback,
    escape_record,
    printable,
    repr_of,
    traceback_text,
    without_secrets,
)
from jobgate.cli.log_lines import JSON_LIMIT, JsonLines, TextLines

#: What ends lines, drives terminals, ends strings, turns the direction of text, or cannot be encoded.
EVIL = "\r\n\x00\x08\x1b[2J\x7f\x85\x9b31m\u00ad\u200b\u202a\u202e\u2028\u2029\u2066\ufeff\ud800\U000e0041"
FORGED = "2026-01-01 00:00:00,000 ERROR jobgate.worker: forged"
KEY = "jg_" + "k3y-_" * 8


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:
        return caught


def chained() -> Exception:
    return raised(ValueError(f"second{EVIL}\n{FORGED}"), raised(KeyError(f"first{EVIL}\n{FORGED}")))


def noted() -> Exception:
    error = ValueError("noted")
    error.add_note(f"note{EVIL}\n{FORGED}")
    return raised(error)


def grouped() -> Exception:
    return raised(ExceptionGroup(f"group{EVIL}\n{FORGED}", [chained(), ExceptionGroup("below", [noted()])]))


def in_context() -> Exception:
    try:
        raise LookupError(f"context\n{FORGED}")
    except LookupError:
        return raised(ValueError("raised meanwhile"))


def of_syntax() -> Exception:
    try:
        compile(f"x = (\x1b[31m\n{FORGED}", "<made\u202e>", "exec")
    except SyntaxError as error:
        return error
    raise AssertionError


def long_line() -> Exception:
    return raised(ValueError("x" * 1_000_000))


def deep() -> Exception:
    def one(depth: int) -> None:
        two(depth - 1)

    def two(depth: int) -> None:
        one(depth - 1) if depth > 0 else chained_here()

    def chained_here() -> None:
        raise ValueError("innermost")

    try:
        one(400)
    except ValueError as error:
        return error
    raise AssertionError


NASTY: list[Callable[[], Exception]] = [chained, noted, grouped, in_context, of_syntax, long_line, deep]


@pytest.mark.parametrize("make", NASTY, ids=lambda make: make.__name__)
def test_only_frames_begin_lines_of_a_traceback(make: Callable[[], Exception]) -> None:
    text = traceback_text(make())
    lines = text.split("\n")
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith("2026")]
    assert max(map(len, lines)) <= 1_000
    assert len(text) <= TRACEBACK_LIMIT
    assert lines[0].startswith(("Traceback", "  + Exception Group Traceback", '  File "<made'))


def test_a_traceback_still_tells_all() -> None:
    lines = traceback_text(chained()).split("\n")
    assert lines.count("Traceback (most recent call last):") == 2
    assert "The above exception was the direct cause of the following exception:" in lines
    assert lines[-1].startswith(r"ValueError: second\r\n\x00\x08\x1b[2J\x7f\x85\x9b31m\xad\u200b")
    assert any(line.endswith(", in raised") for line in lines)
    shown = traceback_text(deep())
    assert "characters omitted" in shown
    assert shown.endswith("ValueError: innermost")


def test_the_traceback_of_another_process_keeps_its_lines() -> None:
    text = traceback_text(raised(ValueError("here"), ForeignTraceback(f"\n{traceback_text(chained())}\x1b")))
    assert text.count("\nTraceback") == 3
    assert all(line.isprintable() for line in text.split("\n"))


def test_an_exception_that_cannot_be_shown_is_named() -> None:
    class Nasty(Exception):
        @property
        def __notes__(self) -> list[str]:  # type: ignore[override]
            raise SystemExit

    assert traceback_text(raised(Nasty())) == "Nasty: its traceback cannot be shown"
    assert traceback_text(None) == ""


def logged(formatter: logging.Formatter, name: str, *args: Any, **options: Any) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger(name)
    logger.addHandler(handler)
    logger.error(*args, **options)
    return stream.getvalue()


def test_a_line_for_people_is_one_line() -> None:
    text = logged(TextLines(), "jobgate", "%s and %s", EVIL, f"\n{FORGED}")
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    long = logged(TextLines(), "jobgate", "%s", "\x1b" * 1_000_000)
    assert len(long) == LINE_LIMIT + 1


@pytest.mark.parametrize("make", NASTY, ids=lambda make: make.__name__)
def test_a_line_of_json_is_one_line_and_its_traceback_harmless(make: Callable[[], Exception]) -> None:
    error = make()
    text = logged(
        JsonLines(),
        "jobgate",
        "it failed: %s",
        error,
        exc_info=error,
        extra={"text": EVIL, "tag": {EVIL: [EVIL]}},
    )
    assert text[:-1].isprintable()
    fields = json.loads(text)
    assert all(line.isprintable() for line in fields["exception"].split("\n"))
    assert fields["text"] == EVIL or "\ud800" in EVIL


@pytest.mark.parametrize(
    "extra",
    [
        {"text": "\x1b" * 2_000_000},
        {"nested": {"list": ["\u202e" * 1_000_000]}},
        {f"member_{number}": "x" * 4_000 for number in range(1_000)},
    ],
)
def test_a_line_of_json_has_a_longest_length(extra: dict[str, Any]) -> None:
    text = logged(JsonLines(), "jobgate", "much", extra=extra)
    assert len(text) <= JSON_LIMIT + 1
    assert json.loads(text)["message"] == "much"


def test_under_a_users_own_formatter_a_record_is_harmless_too() -> None:
    record = logging.LogRecord("jobgate", logging.ERROR, "file", 1, "%s failed", (EVIL,), None)
    record.exc_info = (type(error := chained()), error, error.__traceback__)
    assert escape_record(record)
    text = logging.Formatter("%(message)s").format(record)
    assert all(line.isprintable() for line in text.split("\n"))
    assert FORGED not in text.split("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Bearer {KEY} was refused", "Bearer jg_*** was refused"),
        (f"/jobs/x?key={KEY}&wait=1", "/jobs/x?key=jg_***&wait=1"),
        ("redis://user:secret@cache:6379/0 is away", "redis://***@cache:6379/0 is away"),
        ("rediss://:se/cr?et@cache/0", "rediss://***@cache/0"),
        ("redis://:s@ecret@cache/0", "redis://***@cache/0"),
        ("http://gateway/jobs", "http://gateway/jobs"),
        ("jg_short stays", "jg_short stays"),
    ],
)
def test_secrets_are_left_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    for formatter in (TextLines(), JsonLines()):
        line = logged(formatter, "jobgate", "%s", text)
        assert shown in line
        assert "secret" not in line
        assert KEY not in line
    assert shown in traceback_text(raised(ValueError(text)))


def test_texts_are_cut_and_escaped() -> None:
    assert printable("a\nb\x1b[31m\u2028") == "a\\nb\\x1b[31m\\u2028"
    assert printable("\udcff") == "\\udcff"
    assert printable("Grüße, 世界 🙂") == "Grüße, 世界 🙂"
    assert printable("x" * 500, 80) == "x" * 79 + "…"
    assert len(printable("\n" * 500, 80)) == 80


def test_what_has_no_repr_is_named() -> None:
    class Nasty:
        def __repr__(self) -> str:
            raise RuntimeError

    assert repr_of(Nasty()) == "<Nasty without repr>"
    assert "<Nasty without repr>" in logged(JsonLines(), "jobgate", "x", extra={"nasty": Nasty()})


def test_lines_below_warning_are_formatted_once() -> None:
    class Counted:
        shown = 0

        def __str__(self) -> str:
            Counted.shown += 1
            return "x"

    record = logging.LogRecord("jobgate", logging.INFO, "file", 1, "%s", (Counted(),), None)
    escape_record(record)
    assert Counted.shown == 0
    assert sys.exc_info() == (None, None, None)
