"""Several lists of jobs as one, in the order of their scores, read from all of them piece by piece."""

import asyncio
import math
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from operator import itemgetter
from typing import Generic, TypeVar

from jobgate.broker.errors import InvalidCursor

Item = TypeVar("Item")
#: Reads some of a list after a place, each with its own place; and the place where the list continues. An
#: empty place is the beginning, or the end.
Read = Callable[[str], Awaitable[tuple[Sequence[tuple[str, Item]], str]]]
_Key = tuple[float, bytes]

#: Where the bytes of ids that come last come first.
_INVERTED = bytes(range(255, -1, -1))
_START: _Key = (float("-inf"), b"")


class Merge(Generic[Item]):
    """Lists that are each in the order of score and id, as one list in this order.

    A place is `<score>:<id>` of the last item before it, in whichever of the lists that was.

    Args:
        lists: Read the lists.
        newest: Whether the highest score comes first.
        place: Where to begin; empty = at the beginning.
    """

    def __init__(self, lists: Sequence[Read[Item]], *, newest: bool, place: str = "") -> None:
        self._lists = lists
        self._newest = newest
        #: How far each list that has more was read.
        self._read_to = dict.fromkeys(range(len(lists)), place)
        #: What was read of each list and may come after what was not read of another.
        self._later: list[Sequence[tuple[str, Item]]] = [[] for _ in lists]
        #: What comes next, in order.
        self._next: list[tuple[_Key, str, Item]] = []
        #: Where the items that have not been taken begin; empty = there are none.
        self.place = place
        #: Whether all have been taken.
        self.is_over = not lists
        #: How often a list was read.
        self.reads = 0

    async def take(self, most: int) -> list[Item]:
        """Return the next items, at most so many. There may be none although more follow.

        Raises:
            InvalidCursor: The place is none.
        """
        if not self._next:
            found = await self._following()
            self._next = sorted(((self._key(one), one, item) for one, item in found), key=itemgetter(0))
        taken, self._next = self._next[:most], self._next[most:]
        self._note_place(taken[-1][1] if self._next else "")
        return [item for *_, item in taken]

    async def take_some(self) -> list[Item]:
        """Return all of the next items that are at hand, in no order: that costs less."""
        taken = [item for *_, item in self._next] or [item for _, item in await self._following()]
        self._next = []
        self._note_place("")
        return taken

    def _note_place(self, last: str) -> None:
        """Note where the rest begins: after the last item that was taken, or after all that were at hand."""
        self.is_over = not (last or self._read_to)
        self.place = last or min(self._read_to.values(), key=self._key, default="")

    async def _following(self) -> list[tuple[str, Item]]:
        """Return the items that come before all that were not read, in no order."""
        await self._read_on()
        bound = min(map(self._key, self._read_to.values()), default=None)
        found: list[tuple[str, Item]] = []
        for number, items in enumerate(self._later):
            ready = len(items) if bound is None else bisect_right(items, bound, key=self._key_of)
            found += items[:ready]
            self._later[number] = items[ready:]
        return found

    async def _read_on(self) -> None:
        """Read on in the lists that were read least far."""
        bound = min(map(self._key, self._read_to.values()), default=_START)
        behind = [number for number, place in self._read_to.items() if self._key(place) == bound]
        found = await asyncio.gather(*(self._lists[number](self._read_to[number]) for number in behind))
        self.reads += len(behind)
        for number, (items, place) in zip(behind, found, strict=True):
            self._later[number] = [*self._later[number], *items]
            if place:
                self._read_to[number] = place
            else:
                del self._read_to[number]

    def _key_of(self, item: tuple[str, Item]) -> _Key:
        return self._key(item[0])

    def _key(self, place: str) -> _Key:
        """Return what orders places."""
        if not place:
            return _START
        score, _, job_id = place.partition(":")
        try:
            number = float(score)
        except ValueError:
            raise InvalidCursor from None
        if math.isnan(number):  # it has no place in any order: nothing would ever be read after it
            raise InvalidCursor
        encoded = job_id.encode(errors="surrogateescape")
        return (-number, encoded.translate(_INVERTED) + b"\xff") if self._newest else (number, encoded)
