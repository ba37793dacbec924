"""Workers say that they live and how they are, and take their leave."""

import secrets
from collections.abc import Awaitable, Iterable
from typing import Any

from jobgate.broker.bodies.worker_records import encode_worker_record
from jobgate.broker.core import Core, to_ms
from jobgate.broker.errors import BrokerError, BrokerMisconfigured
from jobgate.broker.records import WorkerRecord
from jobgate.broker.scripts.loader import script


class Announcing:
    """Keeps the records of workers, one per queue that a worker serves."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """Say that a worker lives; see `Broker.announce`."""
        keys, stored = self._core.keys, encode_worker_record(record)
        await _each(
            self._core.link.run(
                script("announce"),
                [keys.workers(keys.queue(queue)), keys.worker(queue, record.worker_id)],
                [record.worker_id, stored, to_ms(ttl)],
                is_hint=True,
            )
            for queue in record.queues
        )

    async def mark_data_set(self) -> None:
        """See which data set Redis holds, and name it where nobody has; see `Broker.mark_data_set`."""
        core = self._core
        core.data_set.note(
            await core.link.run(script("data_set"), [core.keys.epoch], [secrets.token_hex(16)])
        )

    async def retire(self, record: WorkerRecord) -> None:
        """Take a worker off the list; see `Broker.retire`."""
        keys, worker_id = self._core.keys, record.worker_id
        await _each(
            self._core.link.run(
                script("retire"),
                [
                    keys.workers(queue),
                    keys.worker(queue, worker_id),
                    keys.claim(queue, worker_id),
                    record.health_key or keys.health_check(queue),
                ],
                [worker_id, keys.worker(queue, ""), keys.health_check(queue)],
            )
            for queue in record.queues
        )

    async def write_health(self, queue: str, line: str, *, key: str | None, ttl: float) -> None:
        """Write arq's health line; see `Broker.write_health`."""
        place = key or self._core.keys.health_check(queue)
        if not await self._core.link.run(script("health"), [queue, place], [line, to_ms(ttl)], is_hint=True):
            raise BrokerMisconfigured(
                f"The Redis key {place} does not hold a health line: set another health_check_key."
            )


async def _each(calls: Iterable[Awaitable[Any]]) -> None:
    """Make each call; one that fails keeps none of the others. Raises the last error."""
    failed: BrokerError | None = None
    for call in calls:
        try:
            await call
        except BrokerError as error:
            failed = error
    if failed is not None:
        raise failed
