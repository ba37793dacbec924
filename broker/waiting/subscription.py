"""Pub/sub channels on a connection of their own, which is checked for silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio.connection import AbstractConnection

from jobgate.broker.errors import BrokerUnavailable
from jobgate.broker.link import Link, translate

#: Seconds between two PINGs, and seconds of silence after which the connection counts as dead: a frozen
#: server returns no error, so a reader would wait for ever.
PING_INTERVAL, LONGEST_SILENCE = 3.0, 7.0


class Subscription:
    """A subscribed connection. Messages are hints; the keys are authoritative."""

    def __init__(self, connection: AbstractConnection, client_id: int) -> None:
        self._connection = connection
        #: Redis' id of this connection, the target of CLIENT TRACKING REDIRECT.
        self.client_id = client_id

    async def messages(self) -> AsyncIterator[Any]:
        """Yield the payloads that arrive; raises as `labelled_messages`."""
        async for _, payload in self.labelled_messages():
            yield payload

    async def labelled_messages(self) -> AsyncIterator[tuple[bytes, Any]]:
        """Yield channel and payload of the messages that arrive.

        Raises:
            BrokerUnavailable: The connection was lost or has been silent for too long.
        """
        try:
            while True:
                answer = await self._connection.read_response(timeout=LONGEST_SILENCE)
                if answer is None:
                    raise BrokerUnavailable
                if answer[0] == b"message":
                    yield answer[1], answer[2]
        except BrokerUnavailable:
            raise
        except Exception as error:
            raise translate(error) from error

    async def keep_alive(self) -> None:
        """Send PINGs until the connection ends."""
        while self._connection.is_connected:
            await asyncio.sleep(PING_INTERVAL)
            await self._connection.send_command("PING", check_health=False)


@asynccontextmanager
async def subscribe(link: Link, *channels: str | bytes) -> AsyncIterator[Subscription]:
    """Open a connection and subscribe it to these channels.

    Raises:
        BrokerUnavailable: Redis is unavailable.
        BrokerMisconfigured: Redis refuses the command.
    """
    connection = await link.connection(timeout=link.deadline)
    pings: asyncio.Task[None] | None = None
    try:
        client_id = await ask(connection, "CLIENT", "ID")
        await ask(connection, "SUBSCRIBE", *channels)
        subscription = Subscription(connection, client_id)
        pings = asyncio.create_task(subscription.keep_alive())
        yield subscription
    finally:
        if pings is not None:
            pings.cancel()
            await asyncio.gather(pings, return_exceptions=True)
        await connection.disconnect(nowait=True)


async def ask(connection: AbstractConnection, *command: Any) -> Any:
    """Send one command on a connection and read its answer. Raises BrokerError."""
    try:
        await connection.send_command(*command, check_health=False)
        answer = await connection.read_response(timeout=LONGEST_SILENCE)
    except Exception as error:
        raise translate(error) from error
    if answer is None:
        raise BrokerUnavailable
    return answer
