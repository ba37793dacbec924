"""Work on many jobs in short turns, so that other requests need not wait for all of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import monotonic
from typing import Final, TypeVar

Part = TypeVar("Part")

#: Seconds of work after which other requests have their turn. Most chunks take less, but each job that is
#: refused may take milliseconds, as when similar names are searched.
_TURN: Final = 0.005


async def in_turns(parts: Iterable[Part]) -> AsyncIterator[Part]:
    """Yield the parts of some work; let other requests run when the last parts have taken long."""
    until = monotonic() + _TURN
    for part in parts:
        yield part
        if monotonic() > until:
            await asyncio.sleep(0)
            until = monotonic() + _TURN
