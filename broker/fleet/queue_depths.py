"""Queues: which exist, and how full each is."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from jobgate.broker.errors import NotAQueue
from jobgate.broker.keys import why_not_queue
from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Longest lease that is supported, in ms: running jobs are looked for among the ids due until then.
_LONGEST_LEASE_MS = 60_000
#: Most ids that are looked at in each of the two windows where running jobs can be.
_COUNT_WINDOW = 1000
#: Keys that one step of the scan for queues looks at.
_SCAN_STEP = 1000
#: Queues that are counted by one call of the script, fewer if they are large.
_AT_ONCE = 20
#: Most queues in use that are read; known.lua keeps no more.
_MOST_KNOWN = 1000


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
    #: When the pause began, in unix ms; None = it is not paused, or another program has paused it.
    paused_since_ms: int | None = None


class QueuePart(Part):
    """Reads queues (depth.lua, queues.lua)."""

    async def queues(self) -> list[str]:
        """Return the default queue and all queues that hold jobs, were in use lately or are paused.

        This scans all keys of the database without blocking others: do not call it often.
        """
        keys = self.keys
        found = {keys.default_queue, *await self.known_queues()}
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
        return sorted(filter(self._is_queue, found))

    async def known_queues(self) -> list[str]:
        """Return the queues that were in use within the last day, sorted, without a scan: at most 1,000.

        A queue is in use while it has a live worker of jobgate, when it is paused, and when jobs are enqueued
        into it through a gateway.
        """
        found = await self._core.link.read(script("queues"), [self.keys.queues], [_MOST_KNOWN])
        names = (name.decode(errors="surrogateescape") for name in found)
        return sorted(name for name in names if name and self._is_queue(name))

    def _is_queue(self, name: str) -> bool:
        """Return whether jobs may be in a queue of this name; operations are enqueued by gateways only."""
        return name == self.keys.operations or why_not_queue(self.keys.namespace, name) is None

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

    async def queue_depth(self, queue: str | None = None) -> QueueDepth:
        """Count the jobs of a queue by status; running ones are exact up to 1,000 of each kind.

        Raises:
            NotAQueue: Its key holds another type of value.
        """
        (depth,) = await self.queue_depths([self.keys.queue(queue)])
        if depth is None:
            raise NotAQueue
        return depth

    async def queue_depths(self, queues: Sequence[str]) -> list[QueueDepth | None]:
        """Count the jobs of queues, as `queue_depth`, several with one call of Redis.

        None stands for a queue whose key holds another type of value.
        """
        found: list[QueueDepth | None] = []
        while len(found) < len(queues):
            found += await self._depths(queues[len(found) : len(found) + _AT_ONCE])
        return found

    async def _depths(self, queues: Sequence[str]) -> list[QueueDepth | None]:
        keys = self.keys
        counted = await self._core.link.read(
            script("depth"),
            [
                key
                for queue in queues
                for key in (queue, keys.workers(queue), keys.paused(queue), keys.health_check(queue))
            ],
            [keys.in_progress(""), _LONGEST_LEASE_MS, _COUNT_WINDOW],
        )
        return [
            None if numbers is None else _depth(queue, numbers)
            for queue, numbers in zip(queues, counted, strict=False)  # the last ones may be missing
        ]


def _depth(queue: str, numbers: Sequence[int | None]) -> QueueDepth:
    """Return the answer of the script for one queue."""
    queued, deferred, in_progress, oldest_ms, workers, paused, health = (each or 0 for each in numbers[:7])
    return QueueDepth(
        queue=queue,
        queued=queued,
        deferred=deferred,
        in_progress=in_progress,
        oldest_due_age=oldest_ms / 1000,
        workers=workers,
        is_paused=bool(paused),
        has_health_line=bool(health),
        paused_since_ms=numbers[7],
    )
