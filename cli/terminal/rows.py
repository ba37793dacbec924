"""Records that are written as they come, any number of them."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobgate.cli.terminal import streams
from jobgate.cli.terminal.columns import Column
from jobgate.cli.terminal.json_text import json_line

if TYPE_CHECKING:
    from jobgate.cli.terminal.tables import Layout


class Rows:
    """A table without an end, whose first records decide how wide its columns are.

    Args:
        columns: What people see of the records.
        is_json: Whether each record is written as one line of JSON.
        has_head: Whether the first rows have a head.
    """

    def __init__(self, columns: Sequence[Column], *, is_json: bool, has_head: bool = True) -> None:
        self._columns = columns
        self._is_json = is_json
        self._has_head = has_head
        self._layout: Layout | None = None

    def show(self, records: Sequence[Any]) -> None:
        """Write some records at once."""
        if not records:
            return
        if self._is_json:
            streams.write(b"".join(map(json_line, records)))
            return
        from jobgate.cli.terminal.tables import Layout  # noqa: PLC0415 - it imports Rich

        console = streams.console(sys.stdout)
        is_first = self._layout is None
        if self._layout is None:
            self._layout = Layout.of(records, self._columns, console.width)
        console.print(self._layout.table(records, has_head=self._has_head and is_first))
