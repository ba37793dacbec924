"""Rate-limited logs, for lines that one client or one outage could cause by the thousand."""

import logging
import time

from jobgate.broker import escape_record

# A filter, so that lines are escaped with a user's own formatter too.
logging.getLogger("jobgate.gateway").addFilter(escape_record)


class SparseLog:
    """Logs at most `limit` lines a second; the next line says how many were left out."""

    def __init__(self, logger: logging.Logger, *, limit: int = 10) -> None:
        self._logger = logger
        self._limit = limit
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def line(self, text: str, *values: object) -> None:
        """Log a warning, `text % values`, or count it as left out."""
        self._log(logging.WARNING, text, values)

    def failure(self, text: str, *values: object) -> None:
        """Log an error with the traceback of the exception being handled, or count it as left out."""
        self._log(logging.ERROR, text, values, exc_info=True)

    def _log(self, level: int, text: str, values: tuple[object, ...], *, exc_info: bool = False) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= self._limit:
            self._left_out += 1
            return
        self._lines += 1
        more = f" ({self._left_out} more were not logged)" if self._left_out else ""
        self._left_out = 0
        self._logger.log(level, f"{text}%s", *values, more, exc_info=exc_info)


class StateLog:
    """Logs a problem when it begins and when it is over, and not in between.

    For frequent checks, such as the probes of a load balancer or the scrapes of Prometheus.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._is_logged = False

    def trouble(self, text: str, *values: object) -> None:
        """Log a warning, `text % values`, unless one was logged since the last `over`."""
        if not self._is_logged:
            self._is_logged = True
            self._logger.warning(text, *values)

    def over(self, text: str) -> None:
        """Log that the problem is over, if one was logged."""
        if self._is_logged:
            self._is_logged = False
            self._logger.info(text)
