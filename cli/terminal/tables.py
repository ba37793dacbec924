"""Tables and records by Rich. This module is imported only where there is a terminal."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from jobgate.cli.terminal.columns import Column, cell, style
from jobgate.cli.terminal.text import escaped


def table(records: Sequence[Any], columns: Sequence[Column]) -> Table:
    """Return a table with a line for each record."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for each in columns:
        made.add_column(
            Text(each.title),
            justify="right" if each.right else "left",
            overflow="fold" if each.fold else "ellipsis",
            no_wrap=not each.fold,
        )
    for record in records:
        made.add_row(*(_text(each.value(record)) for each in columns))
    return made


def facts(members: Sequence[tuple[str, object]]) -> Table:
    """Return a table of names and values, one in each line."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in members:
        # A description may have several lines.
        is_text = isinstance(value, str) and "\n" in value
        made.add_row(Text(name), Text(escaped(str(value), kept="\n")) if is_text else _text(value))
    return made


def _text(value: object) -> Text:
    shown = cell(value)
    return Text(shown, style=style(shown))
