"""Queues: which exist, how full each is, and which workers serve it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from jobgate.broker.bodies import WorkerRecord, worker_record
from jobgate.broker.keys import why_not_queue
from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Largest record of a worker in bytes: enough for a thousand queues.
_LARGEST_RECORD = 262_144
#: Longest lease that is supported, in ms: running jobs are looked for among the ids due until then.
_LONGEST_LEASE_MS = 60_000
#: Most ids that are looked at in each of the two windows where running jobs can be.
_COUNT_WINDOW = 1000
#: Keys that one step of the scan for queues looks at.
_SCAN_STEP = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueDepth:
    """The depth of one queue, and its workers."""

    queue: str
    queued: int
    deferred: int
    in_progress: int
    #: Seconds since the oldest due job that no worker holds became due; 0 = none.
    oldest_due_age: float
    #: Number of live workers, without those of stock arq.
    workers: int
    #: Whether it is paused for jobgate's workers.
    is_paused: bool = False
    #: Whether a worker, perhaps of stock arq, has written its health line within its interval (an hour in
    #: arq). `arq --check` reads the same line. A worker that was killed leaves it behind.
    has_health_line: bool = False


class QueuePart(Part):
    """Reads queues and their workers."""

    async def queues(self) -> list[str]:
        """Return the default queue and all queues that hold jobs, have a live worker or are paused.

        This scans all keys of the database without blocking others: do not call it often.
        """
        keys = self.keys
        found = {keys.default_queue}
        async for key in self._scan("TYPE", "zset"):
            if key.endswith(workers := keys.workers("")):
                found.add(key.removesuffix(workers))
            elif key != keys.abort and await self._holds_jobs(key):
                found.add(key)
        paused = keys.paused("")
        others = tuple(of("") for of in (keys.job, keys.result, keys.in_progress, keys.retry))
        async for key in self._scan("MATCH", f"*{paused}"):
            if not key.startswith(others):  # ids may hold anything
                found.add(key.removesuffix(paused))
        # A key with another purpose is not a queue, whatever another program has written there.
        return sorted(name for name in found if why_not_queue(keys.namespace, name) is None)

    async def _holds_jobs(self, key: str) -> bool:
        """Return whether the first members of a sorted set are job ids; if not, another program wrote it."""
        ids = await self._core.link.command("ZRANGEBYSCORE", key, "-inf", "+inf", "LIMIT", 0, 5)
        jobs = [self.keys.job(job_id.decode(errors="surrogateescape")) for job_id in ids]
        return bool(jobs and await self._core.link.command("EXISTS", *jobs))

    async def _scan(self, *condition: str) -> AsyncIterator[str]:
        cursor = b"0"
        while True:
            cursor, found = await self._core.link.command("SCAN", cursor, *condition, "COUNT", _SCAN_STEP)
            for key in found:
                yield key.decode(errors="surrogateescape")
            if cursor == b"0":
                return

    async def workers(self, queue: str | None = None) -> list[WorkerRecord]:
        """Return the live workers of a queue, by default the default queue; stock arq workers are unknown."""
        keys, queue = self.keys, self.keys.queue(queue)
        _, *records = await self._core.link.read(
            script("workers"), [keys.workers(queue)], [keys.worker(queue, ""), _LARGEST_RECORD]
        )
        # Another program wrote a record that cannot be read: the worker's next heartbeat replaces it.
        return [record for record in map(worker_record, records) if record is not None]

    async def queue_depth(self, queue: str | None = None) -> QueueDepth:
        """Count the jobs of a queue by status; running ones are exact up to 1,000 of each kind."""
        keys, queue = self.keys, self.keys.queue(queue)
        queued, deferred, in_progress, oldest_ms, workers, paused, health = await self._core.link.read(
            script("depth"),
            [queue, keys.workers(queue), keys.paused(queue), keys.health_check(queue)],
            [keys.in_progress(""), _LONGEST_LEASE_MS, _COUNT_WINDOW],
        )
        return QueueDepth(
            queue=queue,
            queued=queued,
            deferred=deferred,
            in_progress=in_progress,
            oldest_due_age=oldest_ms / 1000,
            workers=workers,
            is_paused=bool(paused),
            has_health_line=bool(health),
        )
