"""What has changed in queues in a span of time: counts, and the newest jobs that have ended."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Final

from jobgate.broker.fleet import FunctionActivity
from jobgate.broker.views import JobEnd

#: Most jobs that are named.
MOST_ENDS: Final = 20
_KINDS: Final = tuple(each.name for each in fields(FunctionActivity))


@dataclass(kw_only=True, slots=True)
class Changes:
    """What has changed; it grows until somebody reads it."""

    #: By queue. One that is here without counts has changed in another way: a job has started, for example.
    queues: dict[str, FunctionActivity] = field(default_factory=dict)
    #: The newest jobs that have ended, the newest first.
    ends: list[JobEnd] = field(default_factory=list)
    #: Whether more may have changed.
    has_gap: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing has changed."""
        return not (self.queues or self.has_gap)

    def of(self, queue: str) -> FunctionActivity:
        """Return the counts of a queue, to be added to."""
        return self.queues.setdefault(queue, FunctionActivity())

    def count(self, queue: str, more: FunctionActivity) -> None:
        """Add counts to those of a queue."""
        counts = self.of(queue)
        for kind in _KINDS:
            setattr(counts, kind, getattr(counts, kind) + getattr(more, kind))

    def name(self, ends: Iterable[JobEnd]) -> None:
        """Name more jobs that have ended; the oldest are dropped."""
        self.ends = sorted((*ends, *self.ends), key=lambda end: -end.time_ms)[:MOST_ENDS]


def difference(now: FunctionActivity, before: FunctionActivity) -> FunctionActivity:
    """Return what has been counted since; counters that are lower than before have begun anew."""
    counts = FunctionActivity()
    for kind in _KINDS:
        new, old = getattr(now, kind), getattr(before, kind)
        setattr(counts, kind, new - old if new >= old else new)
    return counts


def is_nothing(counts: FunctionActivity) -> bool:
    """Whether nothing has been counted."""
    return not any(getattr(counts, kind) for kind in _KINDS)
