"""Outcomes that are not kept (`keep_result` 0) are handed to those who wait for them, then forgotten.

A waiter announces itself: in the request of its own job (`JobRequest.wants_outcome`), else in a key with a
short TTL that it renews while it waits. Only then does the worker encode the outcome. It is stored for a
moment under a key of its own, so that the job id is free at once.
"""

import asyncio
from collections.abc import Sequence

from jobgate.broker.link import Coalescer
from jobgate.broker.part import Core
from jobgate.broker.scripts import script

#: TTL of a wish in ms, and the seconds after which a waiter renews it.
_WANTED_TTL_MS = 10_000
_RENEW_EVERY = 3.0


class Wishes:
    """Writes who waits for which outcome (want.lua)."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._wishes: Coalescer[str, int] = Coalescer(self._send)

    def want(self, job_id: str) -> "asyncio.Future[int]":
        """Ask for the outcome of a job, once; the request is lost if Redis is unavailable.

        Returns:
            A future that is done when Redis has the request, or has not answered in time.
        """
        wish = self._wishes.submit(job_id)
        wish.add_done_callback(_ignore)
        return wish

    async def drain(self) -> None:
        """Wait for pending calls."""
        await self._wishes.drain()

    async def _send(self, job_ids: Sequence[str], since: float) -> Sequence[int]:
        keys, ids = self._core.keys, dict.fromkeys(job_ids)
        await self._core.link.run(script("want"), [], [keys.wanted(""), _WANTED_TTL_MS, *ids], since=since)
        return [1] * len(job_ids)


class Wish:
    """One waiter's wish for the outcome of one job, renewed while it waits."""

    def __init__(self, wishes: Wishes, job_id: str) -> None:
        self._wishes = wishes
        self._job_id = job_id
        self._due = 0.0

    def renew(self) -> None:
        """Write the wish if it is due."""
        now = asyncio.get_running_loop().time()
        if now >= self._due:
            self._due = now + _RENEW_EVERY
            #: The last request.
            self.sent = self._wishes.want(self._job_id)


def _ignore(future: "asyncio.Future[int]") -> None:
    """Retrieve an error so that asyncio does not log it: the wish is renewed soon."""
    if not future.cancelled():
        future.exception()
