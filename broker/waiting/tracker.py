"""Notices of writes to keys: Redis' CLIENT TRACKING, redirected to a subscriber.

A tracked read of a key is the registration: when anyone writes the key later, even a stock arq worker, Redis
sends one notice and forgets the registration, until the key is read again.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio.connection import AbstractConnection

from jobgate.broker.errors import BrokerUnavailable
from jobgate.broker.link import Link, packed, translate
from jobgate.broker.waiting.subscription import LONGEST_SILENCE, Subscription, ask, subscribe

_CHANNEL = "__redis__:invalidate"


class TrackedReader:
    """Reads keys on the one connection whose reads are tracked."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        #: Set when the connection can no longer be used.
        self.closed = asyncio.Event()

    async def read(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Run read-only commands in one round trip; returns their answers in order.

        Raises:
            BrokerUnavailable: The connection failed and was closed.
        """
        async with self._turn:
            if self.closed.is_set():
                # redis-py would reconnect by itself, without tracking.
                raise BrokerUnavailable
            try:
                wire = b"".join(map(packed, commands))
                await self._connection.send_packed_command(wire, check_health=False)
                async with asyncio.timeout(LONGEST_SILENCE):
                    answers = [await self._connection.read_response(timeout=math.inf) for _ in commands]
            except Exception as error:
                await self.close()
                raise translate(error) from error
            except BaseException:
                await self.close()
                raise
        return answers

    async def close(self) -> None:
        """Close the connection."""
        self.closed.set()
        await self._connection.disconnect(nowait=True)


@asynccontextmanager
async def tracked_reader(
    link: Link, notify: Callable[[list[bytes] | None], None]
) -> AsyncIterator[TrackedReader]:
    """Open the pair of connections; the reader is closed when either fails.

    Args:
        link: Where Redis is.
        notify: Called with the keys that were written; None = any key may have been (FLUSHALL).

    Raises:
        BrokerUnavailable: Redis is unavailable.
        BrokerMisconfigured: Redis, or a proxy in front of it, refuses tracking.
    """
    async with subscribe(link, _CHANNEL) as subscription:
        connection = await link.connection(timeout=link.deadline)
        try:
            await ask(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", subscription.client_id)
            reader = TrackedReader(connection)
            pump = asyncio.create_task(_pump(subscription, notify, reader))
            try:
                yield reader
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)
                reader.closed.set()
        finally:
            await connection.disconnect(nowait=True)


async def _pump(
    subscription: Subscription, notify: Callable[[list[bytes] | None], None], reader: TrackedReader
) -> None:
    try:
        # There is a notice for almost each call: `messages` would pass each on once more.
        async for _, keys in subscription.labelled_messages():
            notify(keys)
    except BrokerUnavailable:
        # Without the subscriber no notices arrive, so the next read of the reader must fail.
        await reader.close()
