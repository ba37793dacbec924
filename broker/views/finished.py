"""Lists of ended jobs, newest first, from the indexes that finish and abort keep."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.scripts import script


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedPage:
    """A part of an index."""

    #: Id and time of the end in unix ms of each job, newest first. A result may have expired since.
    entries: Sequence[tuple[str, int]]
    #: Where the next page begins; empty = this is the last page.
    cursor: str


class FinishedPart(Part):
    """Lists jobs that have ended and whose results are kept (finished.lua).

    Stock arq's workers keep no index: their results are found by id, or by `results`, which scans.
    """

    async def finished_ids(
        self,
        queue: str,
        *,
        only_failed: bool = False,
        cursor: str = "",
        limit: int = 100,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> FinishedPage:
        """Return a page of the jobs of a queue that have ended, newest first.

        A page goes on where the one before ended, whatever has been added or removed in the meantime.

        Args:
            queue: Name of the queue.
            only_failed: Leave out jobs that succeeded.
            cursor: From the previous page; empty = start.
            limit: Number of jobs on a page.
            since_ms: Earliest end, unix ms.
            until_ms: Latest end, unix ms.

        Raises:
            ValueError: The cursor is not from a page.
        """
        index = self.keys.failed(queue) if only_failed else self.keys.finished(queue)
        after_ms, after = _place(cursor)
        earliest = "-inf" if since_ms is None else since_ms
        until = [each for each in (until_ms, after_ms) if each is not None]
        if after_ms is not None and until_ms is not None and until_ms < after_ms:
            after = ""
        found = await self._core.link.read(
            script("finished"), [index], [earliest, min(until, default="+inf"), limit, after]
        )
        entries = [
            (job_id.decode(errors="surrogateescape"), ms_of(score))
            for job_id, score in zip(found[::2], found[1::2], strict=True)
        ]
        last = entries[-1] if len(entries) == limit else None
        return FinishedPage(entries=entries, cursor=f"{last[1]}:{last[0]}" if last else "")

    async def forget_finished(self, queue: str, job_ids: Sequence[str]) -> None:
        """Remove jobs from the indexes of a queue, because their results have expired."""
        if job_ids:
            for index in (self.keys.finished(queue), self.keys.failed(queue)):
                await self._core.link.command("ZREM", index, *job_ids)


def _place(cursor: str) -> tuple[int | None, str]:
    """Take a cursor apart: the time and the id of the last job before it."""
    if not cursor:
        return None, ""
    time, colon, job_id = cursor.partition(":")
    if not (colon and job_id):
        raise ValueError("A cursor must be that of another page.")
    return int(time), job_id
