"""Workers announce themselves, write arq's health line, and retire."""

import secrets
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jobgate.broker.bodies import WorkerRecord, WorkerVitals, encode_worker_record, encode_worker_vitals
from jobgate.broker.errors import BrokerError, BrokerMisconfigured
from jobgate.broker.milliseconds import to_ms
from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Seconds that a catalogue lives after the last heartbeat that names it. It must outlive the records of its
#: workers (15 s), so that readers find it. The rest saves a worker that was blocked from sending it again.
_CATALOGUE_TTL = 120.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The answer to an announcement."""

    #: Whether the worker's catalogue is stored, and stays so; if not, `publish` it.
    is_published: bool
    #: Whether an idle worker polls each of its queues, as soon as this one would; if not, it should claim, to
    #: become the one that does.
    is_polled: bool


class AnnouncePart(Part):
    """Keeps the records of live workers (announce.lua, retire.lua), what they offer, and the health line."""

    async def announce(
        self, record: WorkerRecord, *, ttl: float, size: int = 0, vitals: WorkerVitals | None = None,
        poll: float | None = None, timeout: float | None = None,
    ) -> Heartbeat:  # fmt: skip
        """List a worker as alive in each of its queues, for the next `ttl` seconds.

        It also notes that its queues are in use, and which data set Redis holds (see `mark_data_set`).

        Args:
            record: The worker.
            ttl: Seconds.
            size: Length of its catalogue in bytes.
            vitals: What it does now; None = unknown.
            poll: Seconds after which it would poll its queues. A worker that polls later does not count as
                polling; None = every poll counts.
            timeout: Seconds, if fewer than the broker's deadline.
        """
        keys, queues = self.keys, [self.keys.queue(queue) for queue in record.queues]
        places = [keys.epoch, keys.queues, keys.vitals(record.worker_id)]
        for queue in queues:
            places += [keys.workers(queue), keys.worker(queue, record.worker_id), keys.poller(queue)]
        if record.catalogue is not None:
            places.append(keys.catalogue(record.catalogue))
        name, is_published, is_polled = await self._core.link.run(
            script("announce"),
            places,
            [
                record.worker_id, encode_worker_record(record), to_ms(ttl), to_ms(_CATALOGUE_TTL), size,
                "" if vitals is None else encode_worker_vitals(vitals), secrets.token_hex(16),
                "" if poll is None else to_ms(poll), *queues,
            ],
            is_hint=True,
            timeout=timeout,
        )  # fmt: skip
        self._core.data_set.note(name)
        return Heartbeat(is_published == 1, is_polled == 1)

    async def note_queues(self, queues: Sequence[str]) -> None:
        """Note that queues are in use, whether or not a worker serves them: they are known for a day."""
        await self._core.link.run(script("note_queues"), [self.keys.queues], list(queues), is_hint=True)

    async def publish(self, digest: str, catalogue: bytes) -> None:
        """Store an encoded catalogue for as long as workers announce its digest.

        Args:
            digest: Its digest.
            catalogue: Its stored form.
        """
        await self._core.link.run(
            script("publish"), [self.keys.catalogue(digest)], [catalogue, to_ms(_CATALOGUE_TTL)], is_hint=True
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
                    keys.vitals(worker_id),
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


async def _each(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """Make every call, even if one fails, and return the answers. Raises the last error."""
    failed: BrokerError | None = None
    answers = []
    for call in calls:
        try:
            answers.append(await call)
        except BrokerError as error:
            failed = error
    if failed is not None:
        raise failed
    return answers
