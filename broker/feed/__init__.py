"""Everything that happens in queues, for onlookers: bounded in memory and in reads."""

from jobgate.broker.feed.changes import Changes
from jobgate.broker.feed.feed import Feed
from jobgate.broker.feed.happening import FeedCursor, Happening, HappeningKind
from jobgate.broker.feed.onlooker import Onlooker
from jobgate.broker.feed.pulse import Pulse, PulseReader

__all__ = [
    "Changes", "Feed", "FeedCursor", "Happening", "HappeningKind", "Onlooker", "Pulse", "PulseReader",
]  # fmt: skip
