"""Live workers: who they are, and what they do; and those that were lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobgate.broker.bodies import (
    LARGEST_VITALS,
    WorkerRecord,
    WorkerVitals,
    heartbeat_ms,
    worker_record,
    worker_vitals,
)
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Largest record of a worker in bytes: enough for a thousand queues.
_LARGEST_RECORD = 262_144
#: Most lost workers that are named, the last ones.
_MOST_LOST = 100
#: Queues whose workers are read at the same time.
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker that has announced itself within the last 15 seconds."""

    record: WorkerRecord
    #: When it did so last, in unix ms; None = another program wrote its record.
    heartbeat_ms: int | None


@dataclass(frozen=True, slots=True)
class LostWorker:
    """A worker that has not announced itself any more, within the last ten minutes, and did not retire."""

    worker_id: str
    #: When it was given up, in unix ms.
    lost_ms: int


class WorkerPart(Part):
    """Reads the workers of queues (workers.lua) and what they do (vitals.lua)."""

    async def workers(self, queue: str | None = None) -> list[WorkerRecord]:
        """Return the live workers of a queue, by default the default queue; stock arq workers are unknown."""
        return [worker.record for worker in await self.live_workers([self.keys.queue(queue)])]

    async def live_workers(self, queues: Iterable[str]) -> list[LiveWorker]:
        """Return the live workers of queues, each once, as its last heartbeat describes it."""
        return (await self._workers_of(queues, most_lost=0))[0]

    async def live_and_lost_workers(
        self, queues: Iterable[str]
    ) -> tuple[list[LiveWorker], Sequence[LostWorker]]:
        """Return the live workers of queues, and the last 100 that were lost, the newest loss first."""
        live, lost = await self._workers_of(queues, most_lost=_MOST_LOST)
        for worker in live:
            lost.pop(worker.record.worker_id, None)
        newest = sorted(lost.items(), key=lambda one: -one[1])[:_MOST_LOST]
        return live, [LostWorker(worker_id, time) for worker_id, time in newest]

    async def _workers_of(
        self, queues: Iterable[str], *, most_lost: int
    ) -> tuple[list[LiveWorker], dict[str, int]]:
        found: dict[str, LiveWorker] = {}
        all_lost: dict[str, int] = {}
        names = list(queues)
        for at in range(0, len(names), _AT_ONCE):
            live, lost = await self._some_workers(names[at : at + _AT_ONCE], most_lost)
            all_lost |= lost
            for worker in live:
                known = found.get(worker.record.worker_id)
                if known is None or (known.heartbeat_ms or 0) < (worker.heartbeat_ms or 0):
                    found[worker.record.worker_id] = worker
        return list(found.values()), all_lost

    async def _some_workers(
        self, queues: Sequence[str], most_lost: int
    ) -> tuple[Sequence[LiveWorker], dict[str, int]]:
        keys = self.keys
        _, lost, *stored = await self._core.link.read(
            script("workers"),
            [keys.workers(queue) for queue in queues],
            [_LARGEST_RECORD, most_lost, *(keys.worker(queue, "") for queue in queues)],
        )
        # Another program wrote a record that cannot be read: the worker's next heartbeat replaces it.
        live = [
            LiveWorker(record, heartbeat_ms(one))
            for one in stored
            if (record := worker_record(one)) is not None
        ]
        pairs = zip(lost[::2], lost[1::2], strict=True)
        return live, {one.decode(errors="surrogateescape"): ms_of(time) for one, time in pairs}

    async def worker_vitals(self, worker_ids: Sequence[str]) -> list[WorkerVitals]:
        """Return what workers do, as of their last heartbeats, in the order of their ids."""
        if not worker_ids:
            return []
        stored = await self._core.link.read(
            script("vitals"), [self.keys.vitals(one) for one in worker_ids], [LARGEST_VITALS]
        )
        return [WorkerVitals() if one is None else worker_vitals(one) for one in stored]
