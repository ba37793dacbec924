"""Lines that one client, or one outage, could write by the thousand."""

import logging
import time

from jobgate.broker import escape_record

# For lines whose formatter is the user's own.
logging.getLogger("jobgate.gateway").addFilter(escape_record)


class SparseLog:
    """At most `limit` lines a second; the next line tells how many were not logged."""

    def __init__(self, logger: logging.Logger, *, limit: int = 10) -> None:
        self._logger = logger
        self._limit = limit
        self._second = 0
        self._lines = 0
        self._silent = 0

    def line(self, text: str, *values: object) -> None:
        """Log one warning, `text % values`, or count it as not logged."""
        self._log(logging.WARNING, text, values)

    def failure(self, text: str, *values: object) -> None:
        """Log one error with the traceback of the exception that is being handled, or count it."""
        self._log(logging.ERROR, text, values, exc_info=True)

    def _log(self, level: int, text: str, values: tuple[object, ...], *, exc_info: bool = False) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= self._limit:
            self._silent += 1
            return
        self._lines += 1
        more = f" ({self._silent} more were not logged)" if self._silent else ""
        self._silent = 0
        self._logger.log(level, f"{text}%s", *values, more, exc_info=exc_info)


class StateLog:
    """Tells of a trouble when it begins and when it is over, and not in between.

    For what is looked at again and again: the probes of a load balancer, the scrapes of Prometheus.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._is_told = False

    def trouble(self, text: str, *values: object) -> None:
        """Log a warning, `text % values`, unless one was logged and nothing was `over` since."""
        if not self._is_told:
            self._is_told = True
            self._logger.warning(text, *values)

    def over(self, text: str) -> None:
        """Log that there is no trouble any more, if one was told of."""
        if self._is_told:
            self._is_told = False
            self._logger.info(text)
