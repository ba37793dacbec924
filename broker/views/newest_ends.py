"""The newest jobs of several queues that have ended: a glance at them, which costs one call of Redis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.scripts import script

#: Bytes of a result up to which it is read.
_LARGEST_RESULT: Final = 16_384


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEnd:
    """A job that has ended."""

    job_id: str
    queue: str
    #: When it ended, unix ms.
    time_ms: int
    #: None = its result is large, unreadable or gone.
    function: str | None = None
    success: bool | None = None


class EndsPart(Part):
    """Reads which jobs have just ended (ends.lua). Those whose results are not kept are not among them."""

    async def newest_ends(self, queues: Sequence[str], *, since_ms: int, limit: int) -> list[JobEnd]:
        """Return the newest jobs that have ended after a time, the newest first.

        Args:
            queues: At least one queue.
            since_ms: The time, unix ms by the Redis clock. One to come, which shows that the clock was set
                back, means 30 s ago.
            limit: Most jobs of each queue.
        """
        keys = self.keys
        found = await self._core.link.read(
            script("ends"),
            [keys.finished(queue) for queue in queues],
            [since_ms, limit, _LARGEST_RESULT, keys.result("")],
        )
        ends = [
            await self._end(queue, *one)
            for queue, jobs in zip(queues, found, strict=True)
            for one in _in_threes(jobs)
        ]
        return sorted(ends, key=lambda end: -end.time_ms)

    async def _end(self, queue: str, name: bytes, score: bytes, blob: bytes | None) -> JobEnd:
        job_id = name.decode(errors="surrogateescape")
        result = await self._core.decoder.result_or_none(blob, job_id)
        return JobEnd(
            job_id=job_id,
            queue=queue,
            time_ms=ms_of(score),
            function=result.function if result else None,
            success=result.success if result else None,
        )


def _in_threes(jobs: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (jobs[at : at + 3] for at in range(0, len(jobs), 3))
