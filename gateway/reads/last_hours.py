"""The last hour of queues, minute by minute: minutes that are over are remembered, only the last are read."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jobgate.broker import MinuteActivity

#: Minutes that are shown.
MINUTES: Final = 60
_MINUTE_MS: Final = 60_000
#: Seconds after which all minutes are read again: Redis may have lost data.
_READ_AGAIN: Final = 30.0
#: Minutes that may have changed within these seconds, with one to spare for a slow answer.
_MAY_CHANGE: Final = 3
#: Most functions of minutes that are remembered, of all queues together: some 30 MB.
_MOST_REMEMBERED: Final = 200_000


_Minutes = Sequence[MinuteActivity]


@dataclass(frozen=True, slots=True)
class _Hour:
    """What was read of one queue."""

    minutes: _Minutes
    #: When all of it was read, by the clock of the loop.
    whole_at: float

    @property
    def size(self) -> int:
        return sum(len(each.functions) for each in self.minutes)


class LastHours:
    """Reads the counters of queues by minute.

    Args:
        read: Returns the last minutes of queues, as `Broker.activities`.
    """

    def __init__(self, read: Callable[[Sequence[str], int], Awaitable[Sequence[_Minutes]]]) -> None:
        self._read = read
        #: The one that was read last comes last.
        self._hours: dict[str, _Hour] = {}

    async def of(self, queues: Sequence[str]) -> list[_Minutes]:
        """Return the last 60 minutes of queues, the oldest first; the last one is still running."""
        now = asyncio.get_running_loop().time()
        found = {name: one for name in queues if (one := self._known(name, now)) is not None}
        hours = await self._continued(found)
        whole = [name for name in queues if name not in hours]
        if whole:
            all_minutes = await self._read(whole, MINUTES)
            hours |= {name: _Hour(one, now) for name, one in zip(whole, all_minutes, strict=True)}
        self._remember(hours)
        return [hours[name].minutes for name in queues]

    def _known(self, queue: str, now: float) -> _Hour | None:
        known = self._hours.get(queue)
        return known if known is not None and now - known.whole_at < _READ_AGAIN else None

    async def _continued(self, known: Mapping[str, _Hour]) -> dict[str, _Hour]:
        """Return these hours up to now, without those that have gaps: the clock of Redis was set."""
        some = await self._read(list(known), _MAY_CHANGE) if known else []
        hours = {
            name: _Hour(_joined(hour.minutes, new), hour.whole_at)
            for (name, hour), new in zip(known.items(), some, strict=True)
        }
        return {name: hour for name, hour in hours.items() if len(hour.minutes) == MINUTES}

    def _remember(self, hours: Mapping[str, _Hour]) -> None:
        for name, hour in hours.items():
            self._hours.pop(name, None)
            self._hours[name] = hour
        size = sum(each.size for each in self._hours.values())
        while size > _MOST_REMEMBERED:
            oldest = next(iter(self._hours))
            size -= self._hours.pop(oldest).size


def _joined(before: _Minutes, some: _Minutes) -> _Minutes:
    """Return the hour that ends with the minutes which were read anew."""
    first, last = some[0].minute_ms, some[-1].minute_ms
    start = last - (MINUTES - 1) * _MINUTE_MS
    return [*(each for each in before if start <= each.minute_ms < first), *some]
