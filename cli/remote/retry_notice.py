"""A line for people while the client retries a request, which otherwise looks like a hang."""

import logging
from time import monotonic
from typing import Final, Self

from jobgate.cli.terminal import say

#: Seconds of retries without a line, and between two lines.
_QUIET: Final = 1.0
_PAUSE: Final = 30.0
_LOGGER: Final = logging.getLogger("jobgate.client")


class RetryNotice(logging.Handler):
    """Says that requests are retried, as the client's log does; used as a context manager."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._before = _LOGGER.level
        self._next = 0.0

    def __enter__(self) -> Self:
        """Listen to the client's log."""
        _LOGGER.addHandler(self)
        _LOGGER.setLevel(logging.DEBUG)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        _LOGGER.removeHandler(self)
        _LOGGER.setLevel(self._before)

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, if it has lasted for a while."""
        now = monotonic()
        if not self._next:
            self._next = now + _QUIET
        elif now >= self._next:
            self._next = now + _PAUSE
            why = record.args[-1] if isinstance(record.args, tuple) else ""
            say(f"{why}\nStill trying. Ctrl-C ends this.")
