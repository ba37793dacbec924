"""Every record is one JSON object in one line, whatever is in it."""

import json
import logging
import sys
from typing import Any

import pytest

from jobgate.cli.log_lines import JsonLines

CYCLE: list[Any] = []
CYCLE.append(CYCLE)


def record(message: str, *args: object, **extra: Any) -> logging.LogRecord:
    logger = logging.getLogger("jobgate.test")
    return logger.makeRecord(logger.name, logging.INFO, "file", 1, message, args, None, extra=extra)


def read(line: str) -> dict[str, Any]:
    assert len(line.splitlines()) == 1
    fields: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    return fields


def test_a_plain_record() -> None:
    fields = read(JsonLines().format(record("%s is %d", "it", 5)))
    assert fields.pop("time").endswith("+00:00")
    assert fields == {"level": "INFO", "logger": "jobgate.test", "message": "it is 5"}


def test_what_is_added_to_a_record_has_members_of_its_own() -> None:
    fields = read(JsonLines().format(record("x", job_id="a", tags=["b"], job_try=2)))
    assert (fields["job_id"], fields["tags"], fields["job_try"]) == ("a", ["b"], 2)


@pytest.mark.parametrize(
    "value",
    [2**70, float("nan"), "\ud800", "a\nb\u2028c\x00", {1: {2}}, object(), b"\xff", CYCLE, {(1, 2): 3}],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_added_the_line_is_json(value: object) -> None:
    fields = read(JsonLines().format(record("x", value=value)))
    assert fields["message"] == "x"
    assert "value" in fields


def test_a_traceback_stays_in_the_line() -> None:
    try:
        raise LookupError("first\nsecond")
    except LookupError:
        made = record("it failed")
        made.exc_info = sys.exc_info()
    fields = read(JsonLines().format(made))
    assert fields["exception"].startswith("Traceback")
    assert fields["exception"].endswith("\nLookupError: first\\nsecond")
