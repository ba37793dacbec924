"""Writes the log of a command to standard error, with fewer calls of the system than lines."""

import asyncio
import logging
from typing import TextIO

from jobgate.broker import PatientRecord


class LogStream(logging.StreamHandler[TextIO]):
    """Writes each line at once, except those that may wait.

    They are written with the next line, at the latest when the event loop has finished its turn. So the order
    stays, and a process that is killed loses no more than such lines of that turn.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[str] = []
        #: The loop that writes the waiting lines at the end of its turn.
        self._loop: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or keep it until the end of the turn."""
        try:
            self._waiting.append(self.format(record) + self.terminator)
            loop = asyncio._get_running_loop() if type(record) is PatientRecord else None
            if loop is None:
                self.flush()
            elif loop is not self._loop:
                self._loop = loop
                loop.call_soon(self._end_turn)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write the waiting lines."""
        self.acquire()
        try:
            lines, self._waiting = self._waiting, []
            self.stream.write("".join(lines))
            super().flush()
        finally:
            self.release()

    def _end_turn(self) -> None:
        self._loop = None
        try:
            self.flush()
        except Exception:
            self.handleError(logging.makeLogRecord({}))
