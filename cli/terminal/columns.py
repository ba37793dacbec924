"""Columns of tables, and how their values are shown to people."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from jobgate.cli.terminal.text import in_one_line

#: Longest value in a table, in characters.
_LONGEST: Final = 1_000
_UNKNOWN: Final = "-"
_STYLES: Final = {
    "deferred": "cyan", "queued": "blue", "in_progress": "yellow", "complete": "green", "failed": "red",
    "aborted": "magenta", "no worker": "red", "succeeded": "green",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        of: Returns its value of a record; by default the record's attribute with the name of the title, in
            which a space is `_`.
        right: Whether it is aligned to the right, as numbers are.
        fold: Whether a long value takes several lines; else it is cut at the end of the line.
        optional: Whether it is left out where the terminal is too narrow for all columns.
        least: Its least width, for records that come one by one.
    """

    title: str
    of: Callable[[Any], object] | None = None
    right: bool = False
    fold: bool = False
    optional: bool = False
    least: int = 0

    def value(self, record: Any) -> object:
        """Return the value of a record."""
        if self.of is not None:
            return self.of(record)
        return getattr(record, self.title.replace(" ", "_"))


def cell(value: object) -> str:
    """Return a value for people, in one line. Times are local; a dash is for what is not known or empty."""
    if value is None or value in ("", (), [], {}):
        return _UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    return in_one_line(str(value), _LONGEST)


def style(text: str) -> str:
    """Return the style in which a word such as a status is shown; empty for all other text."""
    return _STYLES.get(text, "")
