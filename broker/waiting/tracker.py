"""Notices of writes to keys: Redis' CLIENT TRACKING, redirected to a subscriber.

A tracked read of a key is the registration: when anyone writes the key later, even a stock arq worker, Redis
sends one notice and forgets the registration, until the key is read again.

The subscriber also receives answers: jobgate's workers send an outcome there if the job's request says so.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection

from jobgate.broker.errors import BrokerError, BrokerMisconfigured, BrokerUnavailable
from jobgate.broker.link import packed, translate
from jobgate.broker.part import Core
from jobgate.broker.waiting.subscription import LONGEST_SILENCE, Subscription, ask, subscribe

logger = logging.getLogger("jobgate.broker")

_INVALIDATE = b"__redis__:invalidate"
#: Part of Redis' error for a subscriber whose connection has ended.
_NO_SUBSCRIBER = "does not exist"


class Listener(Protocol):
    """Takes what the subscriber receives."""

    def notify(self, keys: list[bytes] | None) -> None:
        """Take the keys that were written; None = any key may have been (FLUSHALL)."""

    def answer(self, message: bytes) -> None:
        """Take an answer: number of a call, a space, and the outcome as stored, or nothing if it is large."""


class TrackedReader:
    """Reads keys on the one connection whose reads are tracked.

    Args:
        connection: The connection.
        process: Name under which answers reach the subscriber; None = Redis refuses that.
    """

    def __init__(self, connection: AbstractConnection, process: str | None) -> None:
        self._connection = connection
        self.process = process
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
async def tracked_reader(core: Core, listener: Listener) -> AsyncIterator[TrackedReader]:
    """Open the pair of connections; the reader is closed when either fails.

    Args:
        core: Where Redis is.
        listener: Takes what arrives.

    Raises:
        BrokerUnavailable: Redis is unavailable.
        BrokerMisconfigured: Redis, or a proxy in front of it, refuses tracking.
    """
    async with subscribe(core.link, _INVALIDATE) as subscription:
        process = await _subscribed_to_answers(core, subscription)
        connection = await core.link.connection(timeout=core.link.deadline)
        try:
            await _track(connection, subscription)
            reader = TrackedReader(connection, process)
            pump = asyncio.create_task(_pump(subscription, listener, reader))
            try:
                yield reader
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)
                reader.closed.set()
        finally:
            await connection.disconnect(nowait=True)


async def _track(connection: AbstractConnection, subscription: Subscription) -> None:
    """Redirect the notices of a connection's reads to the subscriber."""
    try:
        await ask(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", subscription.client_id)
    except BrokerMisconfigured as error:
        if _NO_SUBSCRIBER in str(error):
            raise BrokerUnavailable from error
        raise


async def _subscribed_to_answers(core: Core, subscription: Subscription) -> str | None:
    """Have answers sent to this connection; return the name for it, which no other ever has."""
    process = secrets.token_hex(8)
    try:
        await subscription.add(core.keys.answers(process))
    except BrokerMisconfigured:
        logger.debug("Redis refuses the channel of answers, results are read instead")
        return None
    return process


async def _pump(subscription: Subscription, listener: Listener, reader: TrackedReader) -> None:
    try:
        # There is a message for almost each call: `messages` would pass each on once more.
        async for channel, payload in subscription.labelled_messages():
            if channel != _INVALIDATE:
                listener.answer(payload)
            elif payload is None or isinstance(payload, list):
                listener.notify(payload)
            # Else it is another program's message: anyone may publish to this channel.
    except BrokerError:
        logger.debug("the connection for notices and answers has ended")
    finally:
        # Without the subscriber no notices arrive, so the next read of the reader must fail.
        await reader.close()
