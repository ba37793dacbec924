"""Which data Redis holds: a name that is written once and is lost only together with everything else.

It distinguishes a job that has ended from one that was lost with all data, by FLUSHALL, by a restart without
persistence or by a change of servers.
"""

import logging

logger = logging.getLogger("jobgate.broker")


class DataSet:
    """The name of the data set as this process last saw it."""

    def __init__(self) -> None:
        #: The last name that was found; None = none so far.
        self.known: str | None = None
        #: The name at the last read; None = there was none.
        self.latest: str | None = None
        self._has_warned = False

    def note(self, name: bytes | None) -> None:
        """Keep the name that was just read; logs a warning if the data set has changed."""
        self.latest = name.decode(errors="replace") if name else None
        if self.known is not None and self.latest != self.known and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "Redis no longer holds its earlier data: jobs that were acknowledged before may be gone. "
                "Was it flushed, restarted without its data or replaced?"
            )
        if self.latest is not None:
            self.known, self._has_warned = self.latest, False

    def changed_since(self, name: str | None) -> bool:
        """Return whether the last read found another data set than `name`; False if that is None."""
        return name is not None and self.latest != name
