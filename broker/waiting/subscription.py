"""Pub/sub channels on a connection of their own, which is checked for silence."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio.connection import AbstractConnection

from jobgate.broker.errors import BrokerUnavailable
from jobgate.broker.link import Link, translate

#: Seconds between two PINGs, and seconds of silence after which the connection counts as dead: a frozen
#: server returns no error, so a reader would wait for ever.
PING_INTERVAL, LONGEST_SILENCE = 3.0, 7.0
#: Seconds in which a PING must be answered.
_LONGEST_PING = LONGEST_SILENCE - PING_INTERVAL
#: Seconds between two PINGs of a subscription that nobody needs now: they keep the way to Redis open.
_IDLE_PING_INTERVAL = 30.0


class Subscription:
    """A subscribed connection. Messages are hints; the keys are authoritative."""

    def __init__(self, connection: AbstractConnection, client_id: int, is_needed: Callable[[], bool]) -> None:
        self._connection = connection
        self._is_needed = is_needed
        #: Monotonic instant of the PING that has not been answered; None = all have.
        self._asked_at: float | None = None
        #: Redis' id of this connection, the target of CLIENT TRACKING REDIRECT.
        self.client_id = client_id

    async def add(self, channel: str | bytes) -> None:
        """Subscribe to one more channel, before messages are read. Raises BrokerError."""
        await ask(self._connection, "SUBSCRIBE", channel)

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
                if answer is None and self._is_dead():
                    raise BrokerUnavailable
                if answer is None:
                    continue
                self._asked_at = None
                if answer[0] == b"message":
                    yield answer[1], answer[2]
        except BrokerUnavailable:
            raise
        except Exception as error:
            raise translate(error) from error

    async def keep_alive(self) -> None:
        """Send PINGs until the connection ends."""
        due_at = 0.0
        while self._connection.is_connected:
            await asyncio.sleep(PING_INTERVAL)
            now = time.monotonic()
            if now >= due_at or self._is_needed():
                due_at = now + _IDLE_PING_INTERVAL
                self._asked_at = self._asked_at or now
                await self._connection.send_command("PING", check_health=False)

    def _is_dead(self) -> bool:
        """Whether a PING has been unanswered for long."""
        return self._asked_at is not None and time.monotonic() >= self._asked_at + _LONGEST_PING


@asynccontextmanager
async def subscribe(
    link: Link, *channels: str | bytes, is_needed: Callable[[], bool] = lambda: True
) -> AsyncIterator[Subscription]:
    """Open a connection and subscribe it to these channels.

    Args:
        link: Where Redis is.
        channels: Names of the channels.
        is_needed: Whether messages matter now. If not, the connection is seldom checked.

    Raises:
        BrokerUnavailable: Redis is unavailable.
        BrokerMisconfigured: Redis refuses the command.
    """
    connection = await link.connection(timeout=link.deadline)
    pings: asyncio.Task[None] | None = None
    try:
        client_id = await ask(connection, "CLIENT", "ID")
        await ask(connection, "SUBSCRIBE", *channels)
        subscription = Subscription(connection, client_id, is_needed)
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
