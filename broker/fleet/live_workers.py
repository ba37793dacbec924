"""Live workers: who they are, and what they do."""

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
from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Largest record of a worker in bytes: enough for a thousand queues.
_LARGEST_RECORD = 262_144
#: Queues whose workers are read at the same time.
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker that has announced itself within the last 15 seconds."""

    record: WorkerRecord
    #: When it did so last, in unix ms; None = another program wrote its record.
    heartbeat_ms: int | None


class WorkerPart(Part):
    """Reads the workers of queues (workers.lua) and what they do (vitals.lua)."""

    async def workers(self, queue: str | None = None) -> list[WorkerRecord]:
        """Return the live workers of a queue, by default the default queue; stock arq workers are unknown."""
        return [worker.record for worker in await self.live_workers([self.keys.queue(queue)])]

    async def live_workers(self, queues: Iterable[str]) -> list[LiveWorker]:
        """Return the live workers of queues, each once, as its last heartbeat describes it."""
        found: dict[str, LiveWorker] = {}
        names = list(queues)
        for at in range(0, len(names), _AT_ONCE):
            for worker in await self._workers_of(names[at : at + _AT_ONCE]):
                known = found.get(worker.record.worker_id)
                if known is None or (known.heartbeat_ms or 0) < (worker.heartbeat_ms or 0):
                    found[worker.record.worker_id] = worker
        return list(found.values())

    async def _workers_of(self, queues: Sequence[str]) -> list[LiveWorker]:
        keys = self.keys
        _, *stored = await self._core.link.read(
            script("workers"),
            [keys.workers(queue) for queue in queues],
            [_LARGEST_RECORD, *(keys.worker(queue, "") for queue in queues)],
        )
        # Another program wrote a record that cannot be read: the worker's next heartbeat replaces it.
        return [
            LiveWorker(record, heartbeat_ms(one))
            for one in stored
            if (record := worker_record(one)) is not None
        ]

    async def worker_vitals(self, worker_ids: Sequence[str]) -> list[WorkerVitals]:
        """Return what workers do, as of their last heartbeats, in the order of their ids."""
        if not worker_ids:
            return []
        stored = await self._core.link.read(
            script("vitals"), [self.keys.vitals(one) for one in worker_ids], [LARGEST_VITALS]
        )
        return [WorkerVitals() if one is None else worker_vitals(one) for one in stored]
