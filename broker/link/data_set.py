"""Which data Redis holds: a name that is written once and vanishes with everything else.

It tells a job that has ended from one that went with all data: FLUSHALL, a restart without its data, another
server.
"""

import logging

logger = logging.getLogger("jobgate.broker")


class DataSet:
    """The name as this process has last seen it."""

    def __init__(self) -> None:
        #: The last name that was there; None = none was seen yet.
        self.known: str | None = None
        #: The name at the last look; None = there was none.
        self.latest: str | None = None
        self._told = False

    def note(self, name: bytes | None) -> None:
        """Take what a look has found, and log when the data set is another than before."""
        self.latest = name.decode(errors="replace") if name else None
        if self.known is not None and self.latest != self.known and not self._told:
            self._told = True
            logger.warning(
                "Redis no longer holds its earlier data: jobs that were acknowledged before may be gone. "
                "Was it flushed, restarted without its data or replaced?"
            )
        if self.latest is not None:
            self.known, self._told = self.latest, False

    def changed_since(self, name: str | None) -> bool:
        """Whether the last look found another data set than `name`; no, where that is None."""
        return name is not None and self.latest != name
