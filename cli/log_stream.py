"""Writes the log of a command to standard error, with fewer calls of the system than lines."""

import asyncio
import logging
import os
import time
from typing import Any, Final, TextIO

from jobgate.broker import PatientRecord, PlainLog
from jobgate.cli.log_lines import About, JsonLines, TextLines

_FORMATTERS: Final = (TextLines, JsonLines)
#: Most characters that are written together: longer texts of several processes may mix in a full pipe.
_AT_ONCE: Final = 2048


class LogStream(logging.StreamHandler[TextIO], PlainLog):
    """Writes each line at once, except those that may wait.

    They are written with the next line, at the latest when the event loop has finished its turn. So the order
    stays, and a process that is killed loses no more than such lines of that turn.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[str] = []
        #: Characters of the waiting lines.
        self._size = 0
        #: The loop that writes the waiting lines at the end of its turn.
        self._loop: asyncio.AbstractEventLoop | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self.flush)  # else the child would write the waiting lines, too

    @property
    def needs_no_records(self) -> bool:
        """Whether no filter and no formatter of others sees the records."""
        return type(self.formatter) in _FORMATTERS and not self.filters and self.level <= logging.INFO

    def write_line(self, name: str, message: str, about: About, *, may_wait: bool) -> None:
        """Write a line of level INFO; `needs_no_records` must hold."""
        lines = self.formatter
        self.acquire()
        try:
            if isinstance(lines, _FORMATTERS):
                self._put(lines.line(time.time(), "INFO", name, message, about), may_wait=may_wait)
        except Exception:
            self.handleError(logging.makeLogRecord({}))
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or keep its line until the end of the turn."""
        try:
            self._put(self.format(record), may_wait=type(record) is PatientRecord)
        except Exception:
            self.handleError(record)

    def _put(self, line: str, *, may_wait: bool) -> None:
        if self._size + len(line) > _AT_ONCE:
            self._write_waiting()
        self._waiting.append(line)
        self._size += len(line)
        loop = asyncio._get_running_loop() if may_wait else None
        if loop is None:
            self._write_waiting()
        elif loop is not self._loop:
            self._loop = loop
            loop.call_soon(self._end_turn)

    def flush(self) -> None:
        """Write the waiting lines."""
        self.acquire()
        try:
            self._write_waiting()
        finally:
            self.release()

    def _write_waiting(self) -> None:
        lines, self._waiting, self._size = self._waiting, [], 0
        stream: Any = self.stream  # None if standard error is closed
        if stream is not None and lines:
            stream.write("\n".join([*lines, ""]))
            stream.flush()

    def _end_turn(self) -> None:
        self._loop = None
        try:
            self.flush()
        except Exception:
            self.handleError(logging.makeLogRecord({}))
