"""Everything that happens in queues, for those who look on: bounded in memory and in reads."""

from jobgate.broker.feed.feed import Feed
from jobgate.broker.feed.happening import FeedCursor, Happening, HappeningKind
from jobgate.broker.feed.onlooker import Onlooker

__all__ = ["Feed", "FeedCursor", "Happening", "HappeningKind", "Onlooker"]
