"""Tables in terminals of any width, with text from outside in every cell."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from harness.documents.guide import DOCS
from jobgate.cli.commands.look.schedules import _COLUMNS as SCHEDULES
from jobgate.cli.operate import queue_sheet
from jobgate.cli.terminal.columns import Column
from jobgate.cli.terminal.sheets import LiveSheets, Sheet
from jobgate.cli.terminal.tables import Layout, table
from jobgate.client import QueueInfo, ScheduledRun, ScheduleInfo

HOSTILE = "\x1b]0;title\x07\x1b[2J[bold red]x[/] \u202e\r\n\t:smile: \ud800 日本"
COLUMNS = (
    Column("job", fold=True),
    Column("function"),
    Column("tries", right=True, optional=True),
    Column("error", fold=True),
    Column("queue", optional=True),
)


@dataclass(frozen=True)
class Record:
    job: str
    function: str = "send"
    tries: int = 1
    error: str = "KeyError"
    queue: str = "arq:queue"


def drawn(width: int, *records: object, columns: Sequence[Column] = COLUMNS) -> list[str]:
    file = StringIO()
    console = Console(file=file, width=width, markup=False, emoji=False, highlight=False)
    console.print(table(records, columns, width))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_there_is_room_for_all() -> None:
    assert drawn(80, Record("a"), Record("bb", tries=12)) == [
        "job  function  tries  error     queue",
        "─" * 41,
        "a    send          1  KeyError  arq:queue",
        "bb   send         12  KeyError  arq:queue",
    ]


@pytest.mark.parametrize("width", [8, 20, 30, 40, 60, 200])
def test_no_line_is_longer_than_the_terminal_and_no_id_is_cut(width: int) -> None:
    job, error = "0123456789abcdef0123456789abcdef", "an error with a long text " * 10
    lines = drawn(width, Record(job, error=error))
    if width >= 20:
        assert max(map(len, lines)) <= width
        column = Layout.of([Record(job, error=error)], COLUMNS, width).widths[0]
        assert "".join(line[:column].strip() for line in lines[2:]) == job
    assert any("queue" in line for line in lines) == (width >= 100)


def test_text_from_outside_stays_text() -> None:
    text = "\n".join(drawn(400, Record(HOSTILE, HOSTILE, error=HOSTILE, queue=HOSTILE)))
    assert (
        text.count(
            "\\u001b]0;title\\u0007\\u001b[2J[bold red]x[/] \\u202e\\u000d\\u000a\\u0009:smile: \\ud800 日本"
        )
        == 4
    )
    assert all(character.isprintable() or character == "\n" for character in text)


def test_rows_that_come_later_stand_below_the_first_ones() -> None:
    layout = Layout.of([Record("a" * 10)], COLUMNS, 60)
    assert layout.widths == [10, 8, 5, 8, 9]
    assert Layout.of([], (Column("job", least=32),), 60).widths == [32]
    assert len(layout.table([Record("b" * 40)], has_head=False).columns) == 5


def test_the_guide_shows_the_columns_of_queues() -> None:
    (head,) = re.findall(r"^queue +queued.*$", (DOCS / "command-line.md").read_text(), re.MULTILINE)
    assert re.split("  +", head) == [column.title for column in queue_sheet([]).columns]


def test_a_live_view_ends_with_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)  # as it says once the other end is closed
    with LiveSheets(is_json=False) as live, pytest.raises(OSError, match="Input/output error"):
        live.show([Sheet([], COLUMNS)], "")


def test_the_table_of_queues_says_where_jobs_wait_for_nobody() -> None:
    queues = [
        QueueInfo(queue=name, queued=queued, deferred=0, in_progress=0, **more)
        for name, queued, more in (
            ("a", 1, {}), ("b", 0, {}), ("c", 1, {"workers": 1}), ("d", 1, {"health_line": True}),
            ("arq:operations", 1, {}), ("e", 1, {"paused": True}),
        )
    ]  # fmt: skip
    (state,) = (column for column in queue_sheet(queues).columns if column.title == "state")
    assert [state.value(queue) for queue in queues] == ["no worker", "", "", "", "", "paused"]


def test_the_table_of_schedules_shows_the_error_of_the_last_run_in_80_columns() -> None:
    now = datetime.now(UTC)
    failed = ScheduledRun(outcome="failed", job_id="a", due_time=now, error="KeyError: 'no such customer'")
    schedule = ScheduleInfo(
        id="1",
        function="cron:reports.send_monthly_statements",
        description=None,
        queue="arq:queue",
        words="on the first day of each month at 03:00",
        timezone="Europe/Berlin",
        workers=2,
        next_runs=(now + timedelta(days=3),),
        last_runs=(failed,),
    )
    lines = drawn(80, schedule, columns=SCHEDULES)
    assert max(map(len, lines)) <= 80
    start = lines[0].index("last run")
    last = " ".join(line[start:].strip() for line in lines[2:])
    assert re.match(r"failed .*: KeyError: 'no such customer'", last), lines
