"""What the code that logs much agrees on with the log that writes it, so that a line costs little."""

import logging
from collections.abc import Callable, Mapping


class PatientRecord(logging.LogRecord):
    """A record of a log that may be written a moment later, together with others: it reports an end.

    What begins is logged at once, before it can print anything or end the process.
    """


class PlainLog(logging.Handler):
    """A handler that can write a line of level INFO without a record."""

    @property
    def needs_no_records(self) -> bool:
        """Whether a record would make no difference: neither a filter nor a formatter of others sees it."""
        raise NotImplementedError

    def write_line(
        self, name: str, message: str, about: Callable[[], Mapping[str, object]], *, may_wait: bool
    ) -> None:
        """Write a line.

        Args:
            name: Name of the logger.
            message: Its text.
            about: Returns what `extra=` would add to the record.
            may_wait: As of a `PatientRecord`.
        """
        raise NotImplementedError
