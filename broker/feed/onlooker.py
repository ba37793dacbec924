"""One reader of a feed, with its filter and what it has not read yet."""

from collections import deque
from collections.abc import Callable
from typing import Final

from jobgate.broker.feed.happening import FeedCursor, Happening, HappeningKind

#: Most happenings that wait for one reader; further ones are left out.
_MOST: Final = 1000


class Onlooker:
    """One reader.

    Args:
        queue: The only queue that it wants to see; None = all.
        function: The only function; None = all.
        sees: Whether it may see jobs of this owner; None stands for none, or an unknown one.
        notify: Called when there is something to read.
    """

    def __init__(
        self,
        *,
        queue: str | None,
        function: str | None,
        sees: Callable[[str | None], bool],
        notify: Callable[[], None],
    ) -> None:
        self.queue = queue
        self._function = function
        self._sees = sees
        self._notify = notify
        self._waiting: deque[Happening] = deque()
        self._missed = 0
        #: Where the feed was when it began to look on; None = it has not begun yet.
        self.begin: FeedCursor | None = None
        #: The place of the last happening, seen or not.
        self.cursor = FeedCursor(0)

    def start(self, cursor: FeedCursor) -> None:
        """Begin to look on."""
        if self.begin is None:
            self.begin = self.cursor = cursor
            self._notify()

    def wants(self, happening: Happening) -> bool:
        """Whether it is to see something; a gap concerns everybody."""
        if happening.kind is HappeningKind.GAP:
            return True
        return (
            self.queue in (None, happening.queue)
            and self._function in (None, happening.function)
            and self._sees(happening.owner)
        )

    def put(self, happening: Happening) -> None:
        """Show it something that has happened."""
        self.cursor = happening.cursor
        if self.begin is None or not self.wants(happening):
            return
        if len(self._waiting) < _MOST:
            self._waiting.append(happening)
        else:
            self._missed += happening.missed or 1
        self._notify()

    def take(self) -> Happening | None:
        """Return the next thing; None if there is none at present."""
        if self._waiting:
            return self._waiting.popleft()
        if self._missed:
            missed, self._missed = self._missed, 0
            return Happening(kind=HappeningKind.GAP, cursor=self.cursor, missed=missed)
        return None
