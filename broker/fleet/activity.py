"""What happened to the jobs of a queue, by function and minute, from the counters that the scripts keep."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: The counters of a minute are kept for two hours.
MOST_MINUTES: Final = 119
_MINUTE_MS: Final = 60_000
#: Counters that one call of the script reads. They take a few milliseconds, in which Redis does nothing else.
_FIELDS: Final = 2000

#: Digits of a number that the scripts may have counted; JSON holds sums of such numbers exactly.
_MOST_DIGITS: Final = 12


@dataclass(slots=True)
class FunctionActivity:
    """What happened to the jobs of one function."""

    enqueued: int = 0
    succeeded: int = 0
    #: Failed for good, not aborted.
    failed: int = 0
    aborted: int = 0
    #: Tries that were followed by another one.
    retried: int = 0


_KINDS: Final = frozenset(FunctionActivity.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True, slots=True)
class MinuteActivity:
    """What happened in one minute."""

    #: Its start, unix ms by the Redis clock.
    minute_ms: int
    #: By function. Those beyond a bounded number, and unknown ones, are together under the empty name.
    functions: Mapping[str, FunctionActivity]


class ActivityPart(Part):
    """Reads the counters of queues."""

    async def activity(self, queue: str, minutes: int = 60) -> Sequence[MinuteActivity]:
        """Return the last minutes of a queue, oldest first; the last one is the current minute.

        Stock arq's workers and producers count nothing.

        Args:
            queue: Name of the queue.
            minutes: From 1 to `MOST_MINUTES`.
        """
        (found,) = await self.activities([queue], minutes)
        return found

    async def activities(self, queues: Sequence[str], minutes: int = 60) -> list[Sequence[MinuteActivity]]:
        """Return the last minutes of queues, as `activity`, in few calls to Redis."""
        minutes = min(max(minutes, 1), MOST_MINUTES)
        prefixes = [self.keys.activity(queue, "") for queue in queues]
        last: int | str = ""
        hashes: list[Sequence[bytes]] = []
        while len(hashes) < len(queues) * minutes:
            last, *some = await self._core.link.read(
                script("activity_of"), [], [last, minutes, len(hashes), _FIELDS, *prefixes]
            )
            hashes += some
        return [_minutes(int(last), hashes[at : at + minutes]) for at in range(0, len(hashes), minutes)]


def _minutes(last: int, hashes: Sequence[Sequence[bytes]]) -> Sequence[MinuteActivity]:
    return [
        MinuteActivity(minute_ms=minute * _MINUTE_MS, functions=_functions(counts))
        for minute, counts in enumerate(hashes, last - len(hashes) + 1)
    ]


def _functions(counts: Sequence[bytes]) -> Mapping[str, FunctionActivity]:
    found: defaultdict[str, FunctionActivity] = defaultdict(FunctionActivity)
    for field, number in zip(counts[::2], counts[1::2], strict=True):
        kind, _, name = field.decode(errors="replace").partition(" ")
        if kind in _KINDS and number.isdigit() and len(number) <= _MOST_DIGITS:
            activity = found[name]
            setattr(activity, kind, getattr(activity, kind) + int(number))
    return dict(found)
