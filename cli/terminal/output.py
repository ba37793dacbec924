"""What a command writes to standard output, in the form that its reader wants."""

import sys
from collections.abc import Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from jobgate.cli.option import Body, option
from jobgate.cli.terminal import streams
from jobgate.cli.terminal.columns import Column
from jobgate.cli.terminal.json_text import indented_json, json_line
from jobgate.cli.terminal.rows import Rows
from jobgate.cli.terminal.sheets import LiveSheets, Sheet, write_sheets
from jobgate.cli.terminal.text import escaped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

#: Longest JSON that is shown in colours, in characters: more would take seconds.
_LONGEST_IN_COLOUR: Final = 50_000
_HINT: Final = (
    "For tables and colours install jobgate with its extra [cli], in its folder: pip install '.[cli]'."
)


class Output:
    """Standard output: JSON lines for programs, tables and colours for people.

    Args:
        as_json: Whether the user wants JSON lines in any case.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        #: Whether the user wants JSON in any case, so that a plain id is not enough.
        self.is_json_wanted = as_json
        is_for_people = not as_json and sys.stdout.isatty()
        #: Whether each record is written as one line of JSON.
        self.is_json = not (is_for_people and streams.has_rich())
        if is_for_people and self.is_json:
            streams.say(_HINT)

    def value(self, value: Any) -> None:
        """Write a value such as the result of a job, as JSON."""
        if self.is_json:
            streams.write(json_line(value))
            return
        text = escaped(indented_json(value), kept="\n")
        if isinstance(value, dict | list) and len(text) <= _LONGEST_IN_COLOUR:
            self._print(_coloured(text))
        else:
            streams.write_text(text)

    def facts(self, record: Any, members: Sequence[tuple[str, object]]) -> None:
        """Write one record.

        Args:
            record: What is written as JSON: a mapping or a dataclass.
            members: What people see of it: names and values.
        """
        if self.is_json:
            streams.write(json_line(record))
            return
        from jobgate.cli.terminal.tables import facts  # noqa: PLC0415 - it imports Rich

        self._print(facts(members))

    def records(self, records: Sequence[Any], columns: Sequence[Column], *, nothing: str = "None.") -> None:
        """Write records: a line of JSON for each, or a table.

        Args:
            records: Mappings or dataclasses.
            columns: What people see of them.
            nothing: Sentence for people where there are no records; it goes to standard error.
        """
        if not records:
            streams.say(nothing)
        elif self.is_json:
            streams.write(b"".join(map(json_line, records)))
        else:
            self._print(self._table(records, columns))

    def rows(self, columns: Sequence[Column], *, has_head: bool = True) -> Rows:
        """Return a table to which records are added as they come."""
        return Rows(columns, is_json=self.is_json, has_head=has_head)

    def sheets(self, sheets: Sequence[Sheet]) -> None:
        """Write several tables: programs get the records of the first one."""
        write_sheets(sheets, is_json=self.is_json)

    def live(self) -> LiveSheets:
        """Return tables that change in their place."""
        return LiveSheets(is_json=self.is_json)

    def line(self, text: str) -> None:
        """Write one line of text, such as an id."""
        streams.write_text(escaped(text))

    @staticmethod
    def _table(records: Sequence[Any], columns: Sequence[Column]) -> "Table":
        from jobgate.cli.terminal.tables import table  # noqa: PLC0415 - it imports Rich

        return table(records, columns, streams.console(sys.stdout).width)

    @staticmethod
    def _print(shown: "RenderableType") -> None:
        streams.console(sys.stdout).print(shown)


def _coloured(text: str) -> "Text":
    from rich.highlighter import JSONHighlighter  # noqa: PLC0415 - it takes a tenth of a second
    from rich.text import Text  # noqa: PLC0415

    shown = Text(text)
    JSONHighlighter().highlight(shown)
    return shown


_JSON: Final = option(
    "--json",
    "as_json",
    section="Output",
    is_flag=True,
    help="Write JSON, one value a line, as in a pipe.",
)


def output_options(function: Body) -> Body:
    """Give a command the options of its output; it gets an `Output` as `output`."""

    @wraps(function)
    def command(*args: Any, as_json: bool, **options: Any) -> Any:
        return function(*args, output=Output(as_json=as_json), **options)

    return _JSON(command)
