"""Carries out one operation on many jobs, some at a time, through outages of Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from jobgate.broker import PASSING_ERRORS, Backoff, BrokerError, NotAQueue, with_jitter
from jobgate.gateway.operations.actions import ERROR, Actions
from jobgate.gateway.operations.bulk_order import BulkOrder
from jobgate.gateway.operations.tally import Tally
from jobgate.gateway.operations.targets import Target, Targets

#: Pauses between tries while Redis is away.
_BACKOFF: Final = Backoff(first=0.1, longest=5.0)

Answer = TypeVar("Answer")


class Stopped(Exception):
    """The operation is to stop: it was aborted, or another gateway carries it out."""


class Operation:
    """One operation.

    Args:
        order: What to do.
        targets: Finds its jobs.
        actions: Acts on each.
        at_once: How many jobs it acts on at the same time.
    """

    def __init__(self, order: BulkOrder, targets: Targets, actions: Actions, *, at_once: int) -> None:
        self.order = order
        self.tally: Tally | None = None
        self._targets = targets
        self._actions = actions
        self._rate = order.rate
        self._at_once = at_once if self._rate is None else max(min(at_once, int(self._rate)), 1)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Have `run` raise `Stopped` after the jobs that it is acting on."""
        self._stop.set()

    async def run(
        self, tally: Tally | None, started_ms: int, save: Callable[[Tally], Awaitable[bool]]
    ) -> Tally:
        """Return the tally once all is done.

        Args:
            tally: Where an earlier run came to; None = this is the first.
            started_ms: The time of the start, by the Redis clock.
            save: Stores how far it is; returns False if another gateway runs the operation by now.

        Raises:
            Stopped: `stop` was called.
            NotAQueue: The key of the filter's queue holds another type of value.
        """
        if tally is None:
            # Stored before the first job is touched: what ends later may be a job that this operation made.
            tally = await self._until_done(lambda: self._targets.begin(started_ms))
            await self._saved(tally, save)
        self.tally = tally
        while not tally.is_over:
            before = tally.done
            await self._act_on_some(tally)
            await self._saved(tally, save)
            if self._rate and not tally.is_over:
                await self._rest((tally.done - before) / self._rate)
        return tally

    async def _act_on_some(self, tally: Tally) -> None:
        most = min(self._at_once, self.order.limit - tally.done)
        targets = await self._until_done(lambda: self._targets.following(tally, most))
        pending = list(targets)
        failures = 0
        while pending:
            pending = await self._act_on(pending, tally)
            if pending:
                failures += 1
                await self._pause(failures)
        if tally.done >= self.order.limit:
            tally.is_over = True

    async def _act_on(self, targets: Sequence[Target], tally: Tally) -> list[Target]:
        """Act on some jobs at the same time; return those with which to try again."""
        acts = (self._actions.act(target) for target in targets)
        again: list[Target] = []
        for target, outcome in zip(targets, await asyncio.gather(*acts, return_exceptions=True), strict=True):
            if isinstance(outcome, str):
                tally.note(target.job_id, outcome)
            elif _passes(outcome):
                again.append(target)
            elif isinstance(outcome, BrokerError):
                tally.note(target.job_id, ERROR, str(outcome))
            else:
                raise outcome
        return again

    async def _saved(self, tally: Tally, save: Callable[[Tally], Awaitable[bool]]) -> None:
        if not await self._until_done(lambda: save(tally)) or self._stop.is_set():
            raise Stopped

    async def _until_done(self, step: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat a step that changes no job until Redis carries it out."""
        failures = 0
        while True:
            try:
                return await step()
            except BrokerError as error:
                if not _passes(error):
                    raise
            failures += 1
            await self._pause(failures)

    async def _pause(self, failures: int) -> None:
        await self._rest(with_jitter(_BACKOFF.pause(failures)))

    async def _rest(self, seconds: float) -> None:
        """Wait; raises `Stopped` if the operation is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
        raise Stopped


def _passes(error: BaseException) -> bool:
    return isinstance(error, PASSING_ERRORS) and not isinstance(error, NotAQueue)
