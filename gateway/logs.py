"""Lines that one client, or one outage, could write by the thousand."""

import logging
import time


class SparseLog:
    """At most `limit` warnings a second; the next line tells how many were not logged."""

    def __init__(self, logger: logging.Logger, *, limit: int = 10) -> None:
        self._logger = logger
        self._limit = limit
        self._second = 0
        self._lines = 0
        self._silent = 0

    def line(self, text: str, *values: object) -> None:
        """Log one line, `text % values`, or count it as not logged."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= self._limit:
            self._silent += 1
            return
        self._lines += 1
        more = f" ({self._silent} more were not logged)" if self._silent else ""
        self._silent = 0
        self._logger.warning(f"{text}%s", *values, more)
