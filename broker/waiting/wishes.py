"""Outcomes that are not kept (`keep_result` 0) are handed over to those who wait for them, then forgotten.

Whoever waits says so: in the request of its own job (`JobRequest.wants_outcome`), else in a key that lives a
few seconds and is written again while it waits. The worker encodes the outcome only then, and it stands under
a key of its own for a moment, so that the id is free at once.
"""

import asyncio
from collections.abc import Sequence

from jobgate.broker.core import Core
from jobgate.broker.link.coalescer import Coalescer
from jobgate.broker.scripts.loader import script

#: How long an outcome can be fetched, in ms: longer than two looks of a wait lie apart.
OUTCOME_TTL_MS = 10_000
#: How long a wait is remembered, in ms, and after how many seconds it is told again.
WANTED_TTL_MS = 10_000
_TELL_EVERY = 3.0


class Wishes:
    """Tells workers who waits; those of one turn of the event loop share a script call."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._told: Coalescer[str, int] = Coalescer(self._send)

    def want(self, job_id: str) -> None:
        """Have the outcome of a job handed over. A Redis that is away may never hear of it."""
        self._told.submit(job_id).add_done_callback(_ignore)

    async def drain(self) -> None:
        """Wait for everything under way."""
        await self._told.drain()

    async def _send(self, job_ids: Sequence[str], since: float) -> Sequence[int]:
        keys, ids = self._core.keys, dict.fromkeys(job_ids)
        await self._core.link.run(script("want"), [], [keys.wanted(""), WANTED_TTL_MS, *ids], since=since)
        return [1] * len(job_ids)


class Wish:
    """Tells again and again that somebody waits for one job."""

    def __init__(self, wishes: Wishes, job_id: str) -> None:
        self._wishes = wishes
        self._job_id = job_id
        self._next = 0.0

    def tell(self) -> None:
        """Tell it, if it is time to."""
        now = asyncio.get_running_loop().time()
        if now >= self._next:
            self._next = now + _TELL_EVERY
            self._wishes.want(self._job_id)


def _ignore(future: "asyncio.Future[int]") -> None:
    """Fetch an error, so that asyncio does not log it: it is told again soon."""
    if not future.cancelled():
        future.exception()
