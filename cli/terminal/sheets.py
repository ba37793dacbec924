"""Several tables below each other, once or as a view that changes in its place."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from jobgate.cli.terminal import streams
from jobgate.cli.terminal.columns import Column
from jobgate.cli.terminal.json_text import json_line
from jobgate.cli.terminal.text import escaped

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table

#: Lines of a live view that are not rows: the head and the line below it, and the last line.
_OVERHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its records."""

    records: Sequence[Any]
    columns: Sequence[Column]
    #: Stands above it; empty = nothing does.
    title: str = ""
    #: What people see in its place where there are no records.
    nothing: str = "None."
    #: What programs get of a record; None = the record.
    to_json: Callable[[Any], Any] | None = None

    @property
    def lines(self) -> bytes:
        """The records as lines of JSON."""
        records = self.records if self.to_json is None else map(self.to_json, self.records)
        return b"".join(map(json_line, records))


def write_sheets(sheets: Sequence[Sheet], *, is_json: bool) -> None:
    """Write tables. Programs get the records of the first one: the others are for people."""
    if is_json:
        streams.write(sheets[0].lines)
        return
    console = streams.console(sys.stdout)
    console.print(_drawn(sheets, console.width))


class LiveSheets:
    """Tables that are written again and again; used as a context manager.

    People see them change in their place. Programs get the lines of all records each time.

    Args:
        is_json: Whether records are written as JSON.
    """

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin."""
        if not self._is_json:
            from rich.live import Live  # noqa: PLC0415 - it takes a tenth of a second

            self._live = Live(console=streams.console(sys.stdout), auto_refresh=False).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave what was shown last."""
        if self._live is not None:
            self._live.__exit__(kind, error, traceback)

    def show(self, sheets: Sequence[Sheet], note: str, *, is_news: bool = True) -> None:
        """Show tables in place of those before.

        Args:
            sheets: The tables.
            note: A line below them, for people.
            is_news: Whether the tables have been read anew; programs do not get them again.

        Raises:
            OSError: The terminal is gone.
        """
        if self._live is None:
            if is_news:
                write_sheets(sheets, is_json=True)
            return
        if not sys.stdout.isatty():  # Rich would write nothing, and say nothing
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        from rich.console import Group  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415

        console = self._live.console
        room = console.height - _OVERHEAD - sum(_OVERHEAD + len(one.records) for one in sheets[1:])
        cut, left_out = _cut(sheets, max(room, 1))
        more = f"{left_out} more rows need a higher terminal. " if left_out else ""
        line = Text(escaped(f"{more}{note}"), style="dim", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(_drawn(cut, console.width), line), refresh=True)


def _cut(sheets: Sequence[Sheet], rows: int) -> tuple[Sequence[Sheet], int]:
    """Return the tables with so many rows of the first one, and how many are left out."""
    first, *others = sheets
    shown = replace(first, records=first.records[:rows])
    return [shown, *others], max(len(first.records) - rows, 0)


def _drawn(sheets: Sequence[Sheet], room: int) -> "Group":
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    from jobgate.cli.terminal.tables import table  # noqa: PLC0415 - it imports Rich

    drawn: list[Text | Table] = []
    for number, sheet in enumerate(sheets):
        if number:
            drawn.append(Text(""))
        if sheet.title:
            drawn.append(Text(escaped(sheet.title), style="bold"))
        is_empty = not sheet.records
        drawn.append(Text(sheet.nothing) if is_empty else table(sheet.records, sheet.columns, room))
    return Group(*drawn)
