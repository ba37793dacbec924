"""An idle worker waits here, until a script pushes a wake token, or a notice of a job to abort.

wake.lua pushes the tokens, for the transitions enqueue, claim, retry, release and resume.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from redis.asyncio.connection import AbstractConnection

from jobgate.broker.backoff import with_jitter
from jobgate.broker.errors import BrokerError, BrokerUnavailable
from jobgate.broker.link import packed
from jobgate.broker.part import Core, Part
from jobgate.broker.waiting.subscription import subscribe

#: Seconds that the answer may take longer than the wait.
_LATE_BY = 3.0
#: Seconds; to Redis' blocking commands a timeout of 0 would mean for ever.
_SHORTEST_WAIT = 0.001
#: Seconds after the end of a wait at which a server that has not answered is nudged.
_NUDGE_AFTER = 0.002
_RECONNECT_PAUSE = 0.5
#: More digits than a time in unix ms has.
_MOST_DIGITS = 16


class WakePart(Part):
    """Blocks on wake tokens, one connection for each set of queues, and listens for notices of aborts."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._connections: dict[tuple[str, ...], AbstractConnection] = {}
        self._nudging: asyncio.Task[None] | None = None

    async def wait_for_work(
        self, queues: str | Sequence[str], timeout: float, *, is_prompt: bool = True
    ) -> int | None:
        """Return when there may be a job to claim in one of the queues, or after `timeout` seconds.

        Args:
            queues: Names of queues.
            timeout: Longest wait in seconds.
            is_prompt: A job is due then. Otherwise the wait may last a tenth of a second longer: that saves
                a command.

        Returns:
            When the wake token was made, in unix ms by the clock of Redis, as `claim` takes it; None = the
            time is over, or a program of an earlier release made the token.
        """
        waited_for = (queues,) if isinstance(queues, str) else tuple(queues)
        connection = self._connections.get(waited_for)
        if connection is None:
            connection = await self._core.link.connection(timeout=self._core.link.deadline)
            self._connections[waited_for] = connection
        tokens = [self.keys.wake(queue) for queue in waited_for]
        wait = max(timeout, _SHORTEST_WAIT)
        loop = asyncio.get_running_loop()
        nudge = loop.call_later(wait + _NUDGE_AFTER, self._nudge) if is_prompt else None
        try:
            async with asyncio.timeout(wait + _LATE_BY):
                await connection.send_packed_command(packed(("BLPOP", *tokens, wait)), check_health=False)
                answer = await connection.read_response()
        except BaseException as error:
            self._connections.pop(waited_for, None)
            await connection.disconnect(nowait=True)
            if isinstance(error, Exception):
                raise self._core.link.note_error(connection, error) from error
            raise
        finally:
            if nudge is not None:
                nudge.cancel()
        return None if answer is None else _made_at(answer[1])

    async def abort_notices(
        self, queue: str, *, is_needed: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[str]:
        """Yield ids of running jobs to abort; `LeaseRenewer.renew` returns those that this misses.

        Args:
            queue: Name of the queue.
            is_needed: Whether jobs run now. If not, the connection is seldom checked.
        """
        channel = self.keys.abort_channel(queue)
        while True:
            try:
                async with subscribe(self._core.link, channel, is_needed=is_needed) as subscription:
                    async for job_id in subscription.messages():
                        yield job_id.decode(errors="surrogateescape")
            except BrokerUnavailable:
                # Every renewal reads the abort marks, and so finds what is missed here.
                await asyncio.sleep(with_jitter(_RECONNECT_PAUSE))

    def _nudge(self) -> None:
        """Make the server check its timeouts: an idle one does so only ten times a second."""
        if self._nudging is None or self._nudging.done():
            self._nudging = asyncio.create_task(self._ping())

    async def _ping(self) -> None:
        with contextlib.suppress(BrokerError):  # the wait itself raises it
            await self._core.link.command("PING")

    async def _drain(self) -> None:
        if self._nudging is not None:
            self._nudging.cancel()
            await asyncio.gather(self._nudging, return_exceptions=True)
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            await connection.disconnect(nowait=True)
        await super()._drain()


def _made_at(token: bytes) -> int | None:
    """Return the time in a wake token; earlier releases write only `1`."""
    return int(token) if 1 < len(token) < _MOST_DIGITS and token.isdigit() else None
