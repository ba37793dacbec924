"""Workers announce themselves, write arq's health line, and retire."""

from collections.abc import Awaitable, Iterable
from typing import Any

from jobgate.broker.bodies import WorkerRecord, encode_worker_record
from jobgate.broker.errors import BrokerError, BrokerMisconfigured
from jobgate.broker.milliseconds import to_ms
from jobgate.broker.part import Part
from jobgate.broker.scripts import script


class AnnouncePart(Part):
    """Keeps the records of live workers (announce.lua, retire.lua) and the health line (health.lua)."""

    async def announce(self, record: WorkerRecord, *, ttl: float) -> None:
        """List a worker as alive in each of its queues, for the next `ttl` seconds."""
        stored = encode_worker_record(record)
        await _each(
            self._core.link.run(
                script("announce"),
                [self.keys.workers(self.keys.queue(queue)), self.keys.worker(queue, record.worker_id)],
                [record.worker_id, stored, to_ms(ttl)],
                is_hint=True,
            )
            for queue in record.queues
        )

    async def retire(self, record: WorkerRecord) -> None:
        """Remove a worker from its queues, and the health line with the last worker that writes it."""
        keys, worker_id = self.keys, record.worker_id
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

    async def write_health(self, queue: str, line: str, *, ttl: float, key: str | None = None) -> None:
        """Write the health line that arq's workers share, for `arq --check` and other readers.

        Args:
            queue: The queue whose length is appended to the line.
            line: The line up to there, `Jan-31 12:00:00 j_complete=1 … queued=`.
            ttl: Seconds to keep it.
            key: Redis key; None = arq's.

        Raises:
            BrokerMisconfigured: The key holds another type of value.
        """
        place = key or self.keys.health_check(queue)
        if not await self._core.link.run(script("health"), [queue, place], [line, to_ms(ttl)], is_hint=True):
            raise BrokerMisconfigured(
                f"The Redis key {place} does not hold a health line: set another health_check_key."
            )


async def _each(calls: Iterable[Awaitable[Any]]) -> None:
    """Make every call, even if one fails. Raises the last error."""
    failed: BrokerError | None = None
    for call in calls:
        try:
            await call
        except BrokerError as error:
            failed = error
    if failed is not None:
        raise failed
