"""What wakes a worker: tokens for new jobs, notices of jobs to abort."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence

from redis.asyncio.connection import AbstractConnection

from jobgate.broker.core import Core
from jobgate.broker.errors import BrokerError, BrokerUnavailable
from jobgate.broker.waiting.subscription import subscribe

#: Seconds that an answer may take longer than the wait that was asked for.
_GRACE = 3.0
#: Redis' timeouts of blocking commands: 0 would mean for ever.
_SHORTEST_WAIT = 0.001
#: Seconds after the end of a wait at which a server that has not answered yet is nudged.
_NUDGE_AFTER = 0.002
_RECONNECT_PAUSE = 0.5


class Waking:
    """Blocks on wake tokens, one connection for each set of queues, and listens for notices of aborts."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._connections: dict[tuple[str, ...], AbstractConnection] = {}
        self._nudging: asyncio.Task[None] | None = None

    async def wait_for_work(self, queues: str | Sequence[str], timeout: float) -> None:
        """Wait for a wake token; see `Broker.wait_for_work`."""
        waited_for = (queues,) if isinstance(queues, str) else tuple(queues)
        connection = self._connections.get(waited_for)
        if connection is None:
            connection = await self._core.link.connection(timeout=self._core.link.deadline)
            self._connections[waited_for] = connection
        tokens = [self._core.keys.wake(queue) for queue in waited_for]
        wait = max(timeout, _SHORTEST_WAIT)
        nudge = asyncio.get_running_loop().call_later(wait + _NUDGE_AFTER, self._nudge)
        try:
            await connection.send_command("BLPOP", *tokens, wait, check_health=False)
            async with asyncio.timeout(wait + _GRACE):
                await connection.read_response(timeout=wait + 2 * _GRACE)
        except BaseException as error:
            self._connections.pop(waited_for, None)
            await connection.disconnect(nowait=True)
            if isinstance(error, Exception):
                raise self._core.link.note_error(connection, error) from error
            raise
        finally:
            nudge.cancel()

    def _nudge(self) -> None:
        """Make the server look at its timeouts: one that is idle does so ten times a second only."""
        if self._nudging is None or self._nudging.done():
            self._nudging = asyncio.create_task(self._ping())

    async def _ping(self) -> None:
        with contextlib.suppress(BrokerError):  # whoever waits is told by the wait itself
            await self._core.link.command("PING")

    async def abort_notices(self, queue: str) -> AsyncIterator[str]:
        """Yield ids of jobs to abort; see `Broker.abort_notices`."""
        while True:
            try:
                async with subscribe(self._core.link, self._core.keys.abort_channel(queue)) as subscription:
                    async for job_id in subscription.messages():
                        yield job_id.decode(errors="surrogateescape")
            except BrokerUnavailable:
                # What is missed meanwhile is in the abort marks, which every renewal reads.
                await asyncio.sleep(_RECONNECT_PAUSE * random.uniform(0.5, 1.5))

    async def close(self) -> None:
        """Close the blocking connections."""
        if self._nudging is not None:
            self._nudging.cancel()
            await asyncio.gather(self._nudging, return_exceptions=True)
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            await connection.disconnect(nowait=True)
