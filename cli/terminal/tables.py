"""Tables and records by Rich. This module is imported only where there is a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from jobgate.cli.terminal.columns import Column, cell, style
from jobgate.cli.terminal.text import escaped

#: Characters between two columns.
_GAP: Final = 2
#: A column is not made narrower than this.
_NARROWEST: Final = 6
#: A text that may take several lines needs no more than this.
_ENOUGH: Final = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that there is room for, and how wide each is."""

    columns: Sequence[Column]
    widths: Sequence[int]

    @classmethod
    def of(cls, records: Sequence[Any], columns: Sequence[Column], room: int) -> Self:
        """Return the layout of these records: optional columns are left out first, then the widest are cut.

        Args:
            records: What is shown.
            columns: All columns.
            room: Width of the terminal.
        """
        wanted = {each: max([_least(each), *(_width(each, one) for one in records)]) for each in columns}
        while cls._needed(wanted) > room and (left_out := [one for one in wanted if one.optional]):
            del wanted[left_out[-1]]
        widths = list(wanted.values())
        while sum(widths) + _GAP * (len(widths) - 1) > room and max(widths) > _NARROWEST:
            widths[widths.index(max(widths))] -= 1
        return cls(tuple(wanted), widths)

    @staticmethod
    def _needed(wanted: dict[Column, int]) -> int:
        widths = [min(width, _ENOUGH) if column.fold else width for column, width in wanted.items()]
        return sum(widths) + _GAP * (len(widths) - 1)

    def table(self, records: Sequence[Any], *, has_head: bool = True) -> Table:
        """Return a table with a line for each record."""
        made = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
            show_header=has_head,
            header_style="bold",
        )
        for each, width in zip(self.columns, self.widths, strict=True):
            made.add_column(
                Text(each.title),
                width=width,
                justify="right" if each.right else "left",
                overflow="fold" if each.fold else "ellipsis",
                no_wrap=not each.fold,
            )
        for record in records:
            made.add_row(*(_text(each.value(record)) for each in self.columns))
        return made


def table(records: Sequence[Any], columns: Sequence[Column], room: int) -> Table:
    """Return a table with a line for each record, for a terminal of this width."""
    return Layout.of(records, columns, room).table(records)


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


def _least(column: Column) -> int:
    return max(cell_len(column.title), column.least)


def _width(column: Column, record: Any) -> int:
    return cell_len(cell(column.value(record)))


def _text(value: object) -> Text:
    shown = cell(value)
    return Text(shown, style=style(shown))
