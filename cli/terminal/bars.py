"""Progress bars on standard error, which are seen only where it is a terminal."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from jobgate.cli.terminal import streams
from jobgate.cli.terminal.text import in_one_line

if TYPE_CHECKING:
    from rich.progress import Progress

#: Longest text beside a bar, in characters; a terminal cuts it where it is narrower.
_LONGEST: Final = 200


class Bar:
    """A bar for one job or for many; used as a context manager, and shown from the first `show` on.

    Args:
        counts: Whether it counts something, so that it shows numbers and a rate; else it is of one job.
        is_wanted: Whether it is shown at all.
    """

    def __init__(self, *, counts: bool, is_wanted: bool = True) -> None:
        self._counts = counts
        #: Whether anybody sees it.
        self.is_wanted = is_wanted and sys.stderr.isatty() and streams.has_rich()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        """Do nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away; what has been written above it stays."""
        if self._progress is not None:
            self._progress.stop()

    def show(self, done: float, total: float | None, text: str = "", *, begun: float = 0) -> None:
        """Show how much is done.

        Args:
            done: How much.
            total: Of how much; None = not known.
            text: What is going on, in a few words.
            begun: How much is done of what does not count yet: only the bar shows it.
        """
        if not self.is_wanted:
            return
        if self._progress is None:
            self._progress = _progress(counts=self._counts)
            self._progress.add_task("", total=total, text="", count="")
            self._progress.start()
        (row,) = self._progress.task_ids
        of = "?" if total is None else str(int(total))
        count = f"{int(done):{len(of)}d} of {of}"
        text = in_one_line(text, _LONGEST)
        self._progress.update(row, completed=done + begun, total=total, text=text, count=count)


def _progress(*, counts: bool) -> "Progress":
    from rich import progress  # noqa: PLC0415 - it takes a tenth of a second
    from rich.table import Column  # noqa: PLC0415

    bar = progress.BarColumn(bar_width=24)
    elapsed = progress.TimeElapsedColumn()
    text = progress.TextColumn(
        "{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
    )
    count = progress.TextColumn("{task.fields[count]}", style="progress.download", markup=False)
    of_many = (count, elapsed, progress.TimeRemainingColumn(), text)
    columns = of_many if counts else (progress.TaskProgressColumn(), elapsed, text)
    return progress.Progress(
        bar, *columns, console=streams.console(sys.stderr), transient=True, redirect_stdout=False, expand=True
    )
