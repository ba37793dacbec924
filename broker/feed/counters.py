"""The counters of queues as they were read last, and what has been added since."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from jobgate.broker.feed.changes import difference, is_nothing
from jobgate.broker.fleet import FunctionActivity, MinuteActivity

#: Minutes that are read: those that may have changed since the last read.
MINUTES: Final = 2

_NOTHING: Final = FunctionActivity()

#: The counters of a queue by minute and function.
_Counts = Mapping[tuple[int, str], FunctionActivity]


class Counted(NamedTuple):
    """What has happened to the jobs of a function."""

    queue: str
    function: str
    counts: FunctionActivity


class Counters:
    """Compares the counters of queues with those of the last read."""

    def __init__(self) -> None:
        self._known: dict[str, _Counts] = {}

    def added(self, activities: Mapping[str, Sequence[MinuteActivity]]) -> Iterator[Counted]:
        """Yield what has been counted since the last read, and remember these counters.

        Nothing is yielded for a queue that was not read before: there is nothing to compare it with.

        Args:
            activities: The last minutes of queues.
        """
        known, self._known = self._known, {name: _counts(one) for name, one in activities.items()}
        for queue, counts in self._known.items():
            if (before := known.get(queue)) is None:
                continue
            for place, now in counts.items():
                more = difference(now, before.get(place, _NOTHING))
                if not is_nothing(more):
                    yield Counted(queue, place[1], more)

    def begin(self, queues: Sequence[str]) -> None:
        """Compare the counters of new queues with zero: whatever they say is new."""
        for queue in queues:
            self._known.setdefault(queue, {})


def _counts(minutes: Sequence[MinuteActivity]) -> _Counts:
    return {
        (minute.minute_ms, function): counts
        for minute in minutes
        for function, counts in minute.functions.items()
    }
