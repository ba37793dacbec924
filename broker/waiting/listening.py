"""Notices of what happens to the jobs of queues, while somebody listens. They are hints, never the truth."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jobgate.broker.backoff import with_jitter
from jobgate.broker.errors import BrokerError
from jobgate.broker.part import Part
from jobgate.broker.waiting.subscription import subscribe

#: For how long scripts publish after a listener was last there, in ms, and how often it says so, in seconds.
_LISTENS_MS: Final = 15_000
_SAYS_SO_EVERY: Final = 4.0
_RECONNECT_PAUSE: Final = 0.5


class NoticeKind(StrEnum):
    """What has happened."""

    ENQUEUED = "enqueued"
    STARTED = "started"
    RETRIED = "retried"
    FINISHED = "finished"
    #: Notices may have been lost, or the listening begins: look at the jobs themselves.
    GAP = "gap"


_KINDS: Final = {kind.value.encode(): kind for kind in NoticeKind if kind is not NoticeKind.GAP}


@dataclass(frozen=True, slots=True)
class JobNotice:
    """What has happened to some jobs of a queue."""

    kind: NoticeKind
    #: Name of the queue; empty for a gap.
    queue: str = ""
    #: Ids of the jobs; those that contain a space are not reliable.
    job_ids: Sequence[str] = ()


class ListenPart(Part):
    """Listens to what happens in queues."""

    async def events(self, queues: Sequence[str]) -> AsyncGenerator[JobNotice]:
        """Yield notices of these queues until closed, beginning with a gap, also while Redis is away.

        A reader that is slow holds no memory here: Redis ends the connection, and a gap follows.

        Args:
            queues: Names of the queues, at least one.
        """
        channels = {self.keys.job_channel(queue).encode(): queue for queue in queues}
        while True:
            with suppress(BrokerError):
                async with (
                    subscribe(self._core.link, *channels) as subscription,
                    self._listening(queues),
                ):
                    yield JobNotice(NoticeKind.GAP)
                    async for channel, message in subscription.labelled_messages():
                        if notice := _notice(channels.get(channel), message):
                            yield notice
            await asyncio.sleep(with_jitter(_RECONNECT_PAUSE))

    @asynccontextmanager
    async def _listening(self, queues: Sequence[str]) -> AsyncIterator[None]:
        """Have the scripts publish, from now on and as long as this runs."""
        await self._say_so(queues)
        task = asyncio.create_task(self._keep_saying_so(queues))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_saying_so(self, queues: Sequence[str]) -> None:
        while True:
            await asyncio.sleep(_SAYS_SO_EVERY)
            with suppress(BrokerError):
                await self._say_so(queues)

    async def _say_so(self, queues: Sequence[str]) -> None:
        for queue in queues:
            await self._core.link.command("SET", self.keys.listeners(queue), "", "PX", _LISTENS_MS)


def _notice(queue: str | None, message: bytes) -> JobNotice | None:
    word, _, ids = message.partition(b" ")
    kind = _KINDS.get(word)
    if queue is None or kind is None:
        return None  # another program's message
    return JobNotice(kind, queue, ids.decode(errors="surrogateescape").split(" "))
