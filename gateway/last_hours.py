"""The last hour of queues, minute by minute: minutes that are over are remembered, only the last are read."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jobgate.broker import MinuteActivity, SharedReads

#: Minutes that are shown.
MINUTES: Final = 60
_MINUTE_MS: Final = 60_000
#: Seconds after which all minutes are read again: Redis may have lost data.
_READ_AGAIN: Final = 30.0
#: Minutes that may have changed within these seconds, with one to spare for a slow answer.
_MAY_CHANGE: Final = 3
#: Most functions of minutes that are remembered, of all queues together: some 30 MB.
_MOST_REMEMBERED: Final = 200_000


@dataclass(frozen=True, slots=True)
class _Hour:
    """What was read of one queue."""

    minutes: Sequence[MinuteActivity]
    #: When all of it was read, by the clock of the loop.
    whole_at: float

    @property
    def size(self) -> int:
        return sum(len(each.functions) for each in self.minutes)


class LastHours:
    """Reads the counters of queues by minute, once for all callers that ask at the same time.

    Args:
        read: Returns the last minutes of a queue, as `Broker.activity`.
    """

    def __init__(self, read: Callable[[str, int], Awaitable[Sequence[MinuteActivity]]]) -> None:
        self._read = read
        self._reads: SharedReads[str, Sequence[MinuteActivity]] = SharedReads()
        #: The one that was read last comes last.
        self._hours: dict[str, _Hour] = {}

    async def of(self, queue: str) -> Sequence[MinuteActivity]:
        """Return the last 60 minutes of a queue, the oldest first; the last one is still running."""
        return await self._reads.read(queue, lambda: self._fresh(queue))

    async def _fresh(self, queue: str) -> Sequence[MinuteActivity]:
        now, known = asyncio.get_running_loop().time(), self._hours.pop(queue, None)
        minutes: Sequence[MinuteActivity] = ()
        if known is not None and now - known.whole_at < _READ_AGAIN:
            minutes = _continued(known.minutes, await self._read(queue, _MAY_CHANGE))
        if known is None or len(minutes) != MINUTES:  # or the clock of Redis was set
            known = _Hour(await self._read(queue, MINUTES), now)
        else:
            known = _Hour(minutes, known.whole_at)
        self._remember(queue, known)
        return known.minutes

    def _remember(self, queue: str, hour: _Hour) -> None:
        self._hours[queue] = hour
        size = sum(each.size for each in self._hours.values())
        while size > _MOST_REMEMBERED:
            oldest = next(iter(self._hours))
            size -= self._hours.pop(oldest).size


def _continued(before: Sequence[MinuteActivity], some: Sequence[MinuteActivity]) -> Sequence[MinuteActivity]:
    """Return the hour that ends with the minutes which were read anew."""
    first, last = some[0].minute_ms, some[-1].minute_ms
    start = last - (MINUTES - 1) * _MINUTE_MS
    return [*(each for each in before if start <= each.minute_ms < first), *some]
