"""The notices of writes, and the answers, that all waits of a process share, over one pair of connections."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from jobgate.broker.backoff import with_jitter
from jobgate.broker.errors import BrokerError, BrokerMisconfigured
from jobgate.broker.part import Core
from jobgate.broker.waiting.tracker import TrackedReader, tracked_reader

logger = logging.getLogger("jobgate.broker")

#: Seconds until a tracking connection is opened again after it was lost, and after Redis refused it.
_LOST_PAUSE, _REFUSED_PAUSE = 0.5, 30.0

#: Most jobs of one read by those who wait: between two reads other requests are served.
MOST_AT_ONCE: Final = 50

#: Is called with the keys that were written; None = any key may have been.
KeyListener = Callable[[list[bytes] | None], None]


class Notices:
    """Keeps the tracking connections open from the first use on, and passes on what arrives there.

    Args:
        core: Where Redis is.
        answer: Takes the answers; see `tracker.Listener`.
    """

    def __init__(self, core: Core, answer: Callable[[bytes], None]) -> None:
        self._core = core
        self._listeners: list[KeyListener] = []
        self.answer = answer
        self._supervisor: asyncio.Task[None] | None = None
        #: Reads that register for notices; None = Redis sends none: it refuses, or the connection is down.
        self.reader: TrackedReader | None = None

    def listen(self, listener: KeyListener) -> None:
        """Pass all notices to a listener, which picks those that concern it."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Connect, unless that was done before."""
        if self._supervisor is None:
            self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    async def close(self) -> None:
        """Close the connections."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None

    def notify(self, keys: list[bytes] | None) -> None:
        """Pass a notice to all listeners."""
        for listener in self._listeners:
            listener(keys)

    async def _supervise(self) -> None:
        while True:
            pause = _LOST_PAUSE
            try:
                async with tracked_reader(self._core, self) as self.reader:
                    # Read what was written while there were no notices.
                    self.notify(None)
                    await self.reader.closed.wait()
            except BrokerMisconfigured:
                pause = _REFUSED_PAUSE
                logger.warning("Redis refuses CLIENT TRACKING: jobs that are waited for are polled")
            except BrokerError:
                logger.debug("the connection that tracks keys is down, they are polled meanwhile")
            finally:
                self.reader = None
            await asyncio.sleep(with_jitter(pause))
