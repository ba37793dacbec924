"""Adds how long jobs ran and waited to the histograms in Redis, every few seconds.

The worker's metrics count these times anyway: this writes what they have counted since the last time, so that
a job costs nothing more. What a killed worker has not written is lost; nothing is added twice.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from jobgate.broker import Broker, BrokerError, BrokerUnavailable, FunctionTimes, WriteInDoubt
from jobgate.worker.log import logger, reason_of
from jobgate.worker.roles import TaskRole

#: Seconds between two writes.
_INTERVAL = 5.0
#: Seconds that the end of a worker waits for the last one.
_PATIENCE = 1.0


class TimesWriter(TaskRole):
    """Writes the times of one run of a worker.

    Args:
        broker: Redis.
        read: Returns what has been counted by function, over all runs.
    """

    def __init__(self, broker: Broker, read: Callable[[], Mapping[str, FunctionTimes]]) -> None:
        self._broker = broker
        self._read = read
        self._written = dict(read())

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL)
            await self._write()

    async def stop(self) -> None:
        """Stop, and write the rest."""
        await super().stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._write()

    async def _write(self) -> None:
        counted = self._read()
        new = {
            name: times - self._written.get(name, FunctionTimes())
            for name, times in counted.items()
            if times != self._written.get(name)
        }
        if not new:
            return
        before, self._written = self._written, dict(counted)
        try:
            await self._broker.add_times(new)
        except BrokerError as error:
            if isinstance(error, BrokerUnavailable) and not isinstance(error, WriteInDoubt):
                self._written = before  # nothing was written: they are added to the next ones
            logger.debug("run times are not written: %s", reason_of(error))
