"""Lists of ended jobs, newest first, from the indexes that finish and abort keep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobgate.broker.milliseconds import LATEST_MS, ms_of
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
        place = end_place(cursor, since_ms, until_ms)
        found = await self._core.link.read(
            script("finished"), [index], [place.earliest, place.latest, limit, place.after]
        )
        entries = [
            (job_id.decode(errors="surrogateescape"), ms_of(score))
            for job_id, score in zip(found[::2], found[1::2], strict=True)
        ]
        return FinishedPage(entries=entries, cursor=place_after(found[-2:]) if len(entries) == limit else "")

    async def forget_finished(self, queue: str, job_ids: Sequence[str]) -> None:
        """Remove jobs whose results have expired from the indexes of a queue (forget.lua).

        Those that have ended again since stay.
        """
        if job_ids:
            places = [self.keys.finished(queue), self.keys.failed(queue)]
            prefix = self.keys.result("")
            await self._core.link.run(script("forget"), places, [prefix, *job_ids], is_hint=True)


class EndPlace(NamedTuple):
    """Where a page of an index begins and where it ends at the latest, as the scripts take it."""

    earliest: int | str
    latest: int | str
    #: The last job before it, which ended at the latest time; empty = there is none.
    after: str


def end_place(cursor: str, since_ms: int | None, until_ms: int | None) -> EndPlace:
    """Return the place of a page; arguments and errors are those of `finished_ids`."""
    after_ms, after = _place(cursor)
    until = [each for each in (until_ms, after_ms) if each is not None]
    if after_ms is not None and until_ms is not None and until_ms < after_ms:
        after = ""
    return EndPlace("-inf" if since_ms is None else since_ms, min(until, default="+inf"), after)


def place_after(entry: Sequence[bytes]) -> str:
    """Return the cursor of what follows an entry of an index: its id and its time."""
    job_id, time = entry
    return f"{ms_of(time)}:{job_id.decode(errors='surrogateescape')}"


def _place(cursor: str) -> tuple[int | None, str]:
    """Take a cursor apart: the time and the id of the last job before it, which may be from another list."""
    if not cursor:
        return None, ""
    time, colon, job_id = cursor.partition(":")
    exact = float(time)
    if not (colon and job_id) or math.isnan(exact):
        raise ValueError("A cursor must be that of another page.")
    latest = math.floor(min(max(exact, -LATEST_MS), LATEST_MS))
    return latest, job_id if latest == exact else ""
