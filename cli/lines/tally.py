"""How far one job for each line has come, and how it has ended."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self

from jobgate.cli.lines.progress import Progress
from jobgate.cli.lines.reading import Line
from jobgate.cli.remote import Connection, ExitCode, exit_code_of, message_of
from jobgate.cli.terminal import Bar, Output, say

if TYPE_CHECKING:
    from jobgate.client import JobgateError

#: Seconds between two updates of the bar.
_STEP: Final = 0.1


class Tally:
    """Counts what comes of the lines, writes each, and shows how far it is; used as a context manager.

    Args:
        total: Number of lines; None = not known.
        output: Where records go.
        connection: Where the jobs are.
        waits: Whether results are waited for, so that each line has a record of its own.
    """

    def __init__(self, total: int | None, output: Output, connection: Connection, *, waits: bool) -> None:
        # In a terminal, lines of JSON and a bar below them would mix.
        self._bar = Bar(counts=True, is_wanted=not (output.is_json and sys.stdout.isatty()))
        self._total = total
        self._output = output
        self._connection = connection
        self._has_records = output.is_json_wanted or (waits and output.is_json)
        self._start = monotonic()
        self._showing: asyncio.Task[None] | None = None
        self._progress: Progress | None = None
        self.succeeded = 0
        self.existing = 0
        self.failed = 0
        #: Exit code of the lines so far: the lowest one of all failures.
        self.code = ExitCode.OK

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.__enter__()
        self._showing = asyncio.create_task(self._show())
        return self

    def __exit__(self, *raised: Any) -> None:
        """Take the bar away."""
        if self._showing is not None:
            self._showing.cancel()
        self._bar.__exit__(*raised)

    @property
    def done(self) -> int:
        """How many lines are done with."""
        return self.succeeded + self.existing + self.failed

    def enqueued(self, line: Line, job_id: str, *, existed: bool = False) -> None:
        """Take down a job that exists now."""
        if existed:
            self.existing += 1
        else:
            self.succeeded += 1
        if self._has_records:
            self._output.value({"line": line.number, "job_id": job_id, "existed": existed})
        elif self._output.is_json:
            self._output.line(job_id)

    def returned(self, line: Line, job_id: str, result: Any) -> None:
        """Take down the result of a job."""
        self.succeeded += 1
        if self._has_records:
            record = {"line": line.number, "job_id": job_id, "success": True, "result": result}
            self._output.value(record)

    def unusable(self, line: Line, error: ValueError) -> None:
        """Take down a line that means no call."""
        self._failed(line, ExitCode.REFUSED, str(error), None, {"message": str(error)})

    def refused(self, line: Line, error: "JobgateError") -> None:
        """Take down a line that was not accepted, or whose job failed."""
        text = message_of(error, self._connection)
        members = {name: getattr(error, name, None) for name in ("type", "message", "code")}
        why = members if members["code"] else {"message": text}
        self._failed(line, exit_code_of(error), text, getattr(error.job, "id", None), why)

    def _failed(self, line: Line, code: ExitCode, text: str, job_id: str | None, why: Any) -> None:
        self.failed += 1
        self.code = min(self.code or code, code)
        if self._has_records:
            self._output.value({"line": line.number, "job_id": job_id, "success": False, "error": why})
        say(f"line {line.number}: {text}")

    @asynccontextmanager
    async def following(self, progress: Progress) -> AsyncIterator[None]:
        """Show the progress of the lines under way as well, until the block ends."""
        if not self._bar.is_wanted:
            yield
            return
        self._progress = progress
        asking = asyncio.create_task(progress.follow())
        try:
            yield
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    async def _show(self) -> None:
        while self._bar.is_wanted:
            parts = [self._rate(monotonic())]
            if self.failed:
                parts.append(f"{self.failed:,} failed")
            begun = 0.0
            if self._progress is not None and (text := self._progress.text):
                begun = self._progress.done
                parts.append(text)
            self._bar.show(self.done, self._total, ", ".join(parts), begun=begun)
            await asyncio.sleep(_STEP)

    def summary(self, verb: str) -> str:
        """Return what has been done, in one line."""
        now = monotonic()
        parts = [f"{self.succeeded:,} {verb} in {now - self._start:.1f} s ({self._rate(now)})"]
        if self.existing:
            parts.append(f"{self.existing:,} existed already")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        return "; ".join(parts) + "."

    def _rate(self, now: float) -> str:
        return f"{self.done / max(now - self._start, 0.001):,.0f}/s"


def is_of_one_line(error: "JobgateError") -> bool:
    """Whether an error is about one line, so that others may fare better."""
    from jobgate import client  # noqa: PLC0415 - it takes longer to import than all of this

    if isinstance(error, client.Unauthorized | client.Forbidden | client.UnknownFunction):
        return False
    return exit_code_of(error) in {ExitCode.JOB_FAILED, ExitCode.REFUSED, ExitCode.NOT_FINISHED}
