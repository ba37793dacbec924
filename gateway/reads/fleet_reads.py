"""Reads queues and workers from Redis, once for all callers that ask at the same time."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from jobgate.broker import (
    Broker,
    BrokerError,
    LiveWorker,
    LostWorker,
    MinuteActivity,
    NotAQueue,
    QueueDepth,
    SharedReads,
)
from jobgate.gateway.functions import QueueNames
from jobgate.gateway.reads.last_hours import LastHours

logger = logging.getLogger("jobgate.gateway")

#: Queues that are read together.
_AT_ONCE: Final = 20
#: Most queues that are noted because they were seen to hold jobs or a pause.
_MOST_SEEN: Final = 1000
#: Queues that are looked at for workers at a time.
_MOST_LOOKED_AT: Final = 100
#: Seconds between two looks for queues to note.
_NOTE_EVERY: Final = 1.0
#: Seconds after which these are noted again: sooner than they are forgotten.
_NOTE_AGAIN: Final = 3600.0
#: Longest id of a worker that is shown; those of jobgate are shorter.
_LONGEST_ID: Final = 256


@dataclass(frozen=True, slots=True)
class QueueState:
    """What is in a queue, and what has happened there."""

    depth: QueueDepth
    #: The last 60 minutes, the oldest first; the last one is still running.
    minutes: Sequence[MinuteActivity]


#: Workers that are live, and those that were lost.
_Workers = tuple[list[LiveWorker], Sequence[LostWorker]]


class FleetReads:
    """Reads the queues that requests may look at, and their workers.

    Args:
        broker: The broker.
        names: Which queues requests may look at.
        local: Returns the queues that this gateway knows by itself.
        enqueued: Returns the queues that jobs were enqueued into through this gateway.
    """

    def __init__(
        self,
        broker: Broker,
        names: QueueNames,
        *,
        local: Callable[[], Iterable[str]],
        enqueued: Callable[[], Iterable[str]],
    ) -> None:
        self._broker = broker
        self._names = names
        self._local = local
        self._enqueued = enqueued
        #: Queues that held jobs, or were paused, when they were last read.
        self._seen: dict[str, None] = {}
        self._states: SharedReads[tuple[str, ...], list[QueueState]] = SharedReads()
        self._hours = LastHours(broker.activities)
        self._lists: SharedReads[None, list[str]] = SharedReads()
        #: How many of the queues without workers `served` has looked at.
        self._looked_at = 0
        self._workers: SharedReads[tuple[str, ...], _Workers] = SharedReads()

    async def queues(self) -> list[str]:
        """Return the queues that are in use and that requests may look at, sorted."""
        return await self._lists.read(None, self._queues)

    async def _queues(self) -> list[str]:
        known = {*self._local(), *self._enqueued(), *await self._broker.known_queues()}
        return sorted(name for name in known if self._names.why_not_shown(name) is None)

    async def state(self, queue: str) -> QueueState:
        """Return the state of a queue; raises `NotAQueue` if its key holds another type of value."""
        found = await self.states([queue])
        if not found:
            raise NotAQueue
        return found[0]

    async def states(self, queues: Sequence[str]) -> list[QueueState]:
        """Return the states of queues, without those whose key holds another type of value."""
        parts = [tuple(queues[at : at + _AT_ONCE]) for at in range(0, len(queues), _AT_ONCE)]
        found = [await self._states.read(part, partial(self._read_states, part)) for part in parts]
        return [state for some in found for state in some]

    async def _read_states(self, queues: Sequence[str]) -> list[QueueState]:
        depths = [depth for depth in await self._broker.queue_depths(queues) if depth is not None]
        for depth in depths:
            self._note_seen(depth)
        hours = await self._hours.of([depth.queue for depth in depths])
        return [QueueState(depth, minutes) for depth, minutes in zip(depths, hours, strict=True)]

    def _note_seen(self, depth: QueueDepth) -> None:
        self._seen.pop(depth.queue, None)
        is_in_use = depth.is_paused or depth.queued + depth.deferred + depth.in_progress > 0
        if is_in_use and len(self._seen) < _MOST_SEEN:
            self._seen[depth.queue] = None

    async def workers(self, queue: str | None = None) -> list[LiveWorker]:
        """Return the live workers of a queue, or of all queues that requests may look at, sorted by id."""
        return (await self.live_and_lost_workers(queue))[0]

    async def live_and_lost_workers(self, queue: str | None = None) -> _Workers:
        """Return the live workers, sorted by id, and those that were lost lately, the newest loss first."""
        queues = tuple(await self.queues()) if queue is None else (queue,)
        found, lost = await self._workers.read(queues, lambda: self._broker.live_and_lost_workers(queues))
        live = [worker for worker in found if len(worker.record.worker_id) <= _LONGEST_ID]
        return (
            sorted(live, key=lambda worker: worker.record.worker_id),
            [worker for worker in lost if len(worker.worker_id) <= _LONGEST_ID],
        )

    async def served(self, known: Collection[str]) -> list[str]:
        """Return queues with live workers besides the known ones; of very many queues, some at each call."""
        others = [name for name in await self.queues() if name not in known]
        at = self._looked_at if self._looked_at < len(others) else 0
        some, self._looked_at = others[at : at + _MOST_LOOKED_AT], at + _MOST_LOOKED_AT
        if not some:
            return []
        served = {name for one in await self._broker.live_workers(some) for name in one.record.queues}
        return [name for name in some if name in served]

    async def note_queues(self) -> None:
        """Make queues that this gateway finds to be in use known to all gateways, until cancelled.

        These are queues that jobs are enqueued into, and those that held jobs or a pause when they were read:
        whoever watches a queue keeps it in the list.
        """
        clock = asyncio.get_running_loop().time
        noted: dict[str, float] = {}
        while True:
            new = [name for name in {*self._enqueued(), *self._seen} if noted.get(name, 0.0) <= clock()]
            if new and await self._are_noted(new):
                still = {name: until for name, until in noted.items() if until > clock()}
                noted = still | dict.fromkeys(new, clock() + _NOTE_AGAIN)
            await asyncio.sleep(_NOTE_EVERY)

    async def _are_noted(self, queues: Sequence[str]) -> bool:
        try:
            await self._broker.note_queues(queues)
        except BrokerError as error:  # requests report it
            logger.debug("queues in use not noted, still retrying: %s", error)
            return False
        return True
