"""Limits the waits of one key over all gateways, for keys that have a limit of their own."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from jobgate.broker import Broker, BrokerError
from jobgate.gateway.auth.callers import Caller
from jobgate.gateway.http import Problem

logger = logging.getLogger("jobgate.gateway.callers")

#: Seconds for each of the two calls: while Redis is away, waits are counted by each gateway for itself.
_TIMEOUT: Final = 0.5
#: Seconds for which a wait is counted after its end, if its gateway could not report the end.
_SLACK: Final = 5.0


class SharedWaits:
    """The waits of all gateways, counted in Redis for each key.

    Args:
        broker: Counts them.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        #: Calls that continue although their request has ended.
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def place(self, caller: Caller, seconds: float) -> AsyncIterator[None]:
        """Hold one slot for a wait of this many seconds; raises `Problem` 429 if there is none."""
        token, may_be_counted = secrets.token_hex(8), True
        try:
            may_be_counted = await self._admits(caller, token, seconds)
            if not may_be_counted:
                raise Problem("too-many-waits", "This key has too many waits in flight.")
            yield
        finally:
            if may_be_counted:
                # Also when the client hangs up, even before Redis has answered.
                ending = asyncio.create_task(self._end(caller.name or "", token))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
                await asyncio.shield(ending)

    async def drain(self) -> None:
        """Wait for calls that are still under way."""
        await asyncio.gather(*self._ending)

    async def _admits(self, caller: Caller, token: str, seconds: float) -> bool:
        try:
            return await self._broker.admit_wait(
                caller.name or "", token, most=caller.waits or 0, seconds=seconds + _SLACK, timeout=_TIMEOUT
            )
        except BrokerError as error:
            # The gateway's own limit holds; errors of the request's other calls to Redis say more.
            logger.debug("a wait of %s is not counted for all gateways: %s", caller.name, error)
            return True

    async def _end(self, caller: str, token: str) -> None:
        try:
            await self._broker.end_wait(caller, token, timeout=_TIMEOUT)
        except BrokerError as error:
            logger.debug("a wait of %s counts until its time is over: %s", caller, error)
