"""Failed jobs with the notes of their failures: reading them costs little, and no result is decoded."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from jobgate.broker.bodies import FailureNote, failure_note
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.scripts import script
from jobgate.broker.views import end_place, place_after

_note = lru_cache(maxsize=4096)(failure_note)


class FailedJob(NamedTuple):
    """A job that failed."""

    queue: str
    job_id: str
    finish_time_ms: int
    #: None = it has none that can be read; only its result says more.
    note: FailureNote | None
    #: Whether it was run again.
    is_retried: bool

    @property
    def place(self) -> str:
        """The cursor of the jobs after it."""
        return f"{self.finish_time_ms}:{self.job_id}"


class FailedPart(Part):
    """Reads failed jobs (failed.lua)."""

    async def failed_jobs(
        self,
        queue: str,
        *,
        cursor: str = "",
        limit: int = 500,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> tuple[Sequence[FailedJob], str]:
        """Return failed jobs of a queue whose results are kept, newest first, and the next cursor.

        Arguments, cursors and errors are those of `finished_ids`. There may be none although more follow.
        """
        keys, place = self.keys, end_place(cursor, since_ms, until_ms)
        page, notes, retried = await self._core.link.read(
            script("failed"),
            [keys.failed(queue)],
            [
                place.earliest, place.latest, limit, place.after,
                keys.failure(""), keys.retried(""), keys.result(""),
            ],
        )  # fmt: skip
        jobs = [
            FailedJob(
                queue, job_id.decode(errors="surrogateescape"), ms_of(time), _note(note), again is not None
            )
            for job_id, time, note, again in zip(page[::2], page[1::2], notes, retried, strict=True)
            if note is not None
        ]
        return jobs, place_after(page[-2:]) if len(page) == 2 * limit else ""
