"""Lists of jobs and of results, page by page. An unreadable entry does not fail its page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from jobgate.broker.errors import DecodeError, InvalidCursor
from jobgate.broker.milliseconds import ms_of
from jobgate.broker.part import Part
from jobgate.broker.records import JobBody, JobResult
from jobgate.broker.scripts import script
from jobgate.broker.views.job_view import JobStatus

#: Values that one command fetches: a result may be megabytes large.
_AT_ONCE = 64
#: Entries of a queue that one script looks at: it blocks Redis for less than a millisecond.
MOST_LOOKS: Final = 1000
#: Longest id in a cursor, in bytes: stock arq's producers may write any.
_LONGEST_ID = 512
#: A score as Redis writes it.
_SCORE = re.compile(r"-?([0-9]{1,20}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?|inf)")
#: Redis counts with 64 bits; it refuses what is no such number.
_SCAN_CURSOR = re.compile("[0-9]{1,20}")
_WILDCARDS = re.compile(r"([\\*?\[\]])")


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedJob:
    """One member of a queue: a job that waits or runs."""

    job_id: str
    queue: str
    #: When it is due; while it runs, the end of its lease.
    score_ms: int
    #: None = there is none, or it cannot be read.
    body: JobBody | None
    #: Whether it has no body, because that expired or was lost.
    is_lost: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuePage:
    """A part of a queue, in no particular order."""

    jobs: Sequence[QueuedJob]
    #: Where the next page begins; empty = this is the last page.
    cursor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IdPage:
    """A part of a list of job ids, without duplicates."""

    ids: Sequence[str]
    #: Where the next page begins; empty = this is the last page.
    cursor: str
    #: For each id where a page begins after it; empty = the list has no order.
    places: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultPage:
    """A part of all stored results, in no particular order."""

    results: Sequence[JobResult]
    #: Ids of results that cannot be read.
    unreadable: Sequence[str]
    #: Where the next page begins; empty = this is the last page.
    cursor: str


class ListPart(Part):
    """Lists jobs and results."""

    async def queued_jobs(self, queue: str | None = None, *, cursor: str = "", limit: int = 100) -> QueuePage:
        """Return a page of the jobs that wait or run in a queue, by default the default queue.

        Args:
            queue: Name of the queue.
            cursor: From the previous page; empty = start.
            limit: Approximate number of jobs on a page; a short queue is one page.
        """
        queue = self.keys.queue(queue)
        following, *found = await self._core.link.read(
            script("queued"), [queue], [self.keys.job(""), cursor or "0", limit]
        )
        entries = zip(found[::3], found[1::3], found[2::3], strict=True)
        return QueuePage(
            jobs=[await self._queued(queue, *entry) for entry in entries], cursor=_next_cursor(following)
        )

    async def due_ids(
        self,
        queue: str,
        *,
        cursor: str = "",
        limit: int = 100,
        looks: int = MOST_LOOKS,
        status: JobStatus | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        newest: bool = False,
    ) -> IdPage:
        """Return ids of the jobs that wait or run in a queue, in order.

        The order is that of the due times; a running job stands at the end of its lease. A job that keeps its
        place is on one page. One that is claimed, retried or released moves.

        Args:
            queue: Name of the queue.
            cursor: From the previous page; empty = start.
            limit: Most ids on the page.
            looks: Most entries of the queue to look at, up to 1,000. A page may be empty and not be the last.
            status: Only jobs of this status; None = all.
            since_ms: The earliest due time.
            until_ms: The latest due time.
            newest: Whether the latest due time comes first.

        Raises:
            InvalidCursor: The cursor is not from a page.
        """
        score, job_id = _place(cursor)
        lowest = "-inf" if since_ms is None else since_ms
        highest = "inf" if until_ms is None else until_ms
        last_score, last_id, *found = await self._core.link.read(
            script("due_order"),
            [queue],
            [
                *(self.keys.in_progress(""), lowest, highest, score, job_id),
                *(limit, min(looks, MOST_LOOKS), status or "", "1" if newest else ""),
            ],
        )
        scores, ids = found[::2], found[1::2]
        return IdPage(
            ids=list(map(_text, ids)),
            cursor=_place_after(last_score, last_id, newest=newest) if last_score else "",
            places=[_place_after(*one, newest=newest) for one in zip(scores, ids, strict=True)],
        )

    async def result_ids(self, *, cursor: str = "", limit: int = 1000) -> IdPage:
        """Return a page of the ids of all results; arguments as in `results`."""
        keys, following = await self._result_keys(cursor, limit)
        return IdPage(ids=[self._job_id(key) for key in dict.fromkeys(keys)], cursor=following)

    async def results(self, *, cursor: str = "", limit: int = 1000) -> ResultPage:
        """Return a page of the results of all queues, from a scan that does not block Redis.

        Args:
            cursor: From the previous page; empty = start.
            limit: Number of keys of any kind to look at. A page may be empty and still not be the last.

        Raises:
            InvalidCursor: The cursor is not from a page.
        """
        keys, following = await self._result_keys(cursor, limit)
        ids = [self._job_id(key) for key in keys]
        results: list[JobResult] = []
        unreadable: list[str] = []
        for job_id, blob in zip(ids, await self._blobs(keys), strict=True):
            try:
                if blob is not None:  # None = it has just expired
                    results.append(await self._core.decoder.result(blob, job_id))
            except DecodeError:
                unreadable.append(job_id)
        return ResultPage(results=results, unreadable=unreadable, cursor=following)

    async def _result_keys(self, cursor: str, limit: int) -> tuple[Sequence[bytes], str]:
        if cursor and not (_SCAN_CURSOR.fullmatch(cursor) and int(cursor) < 1 << 64):
            raise InvalidCursor
        pattern = _WILDCARDS.sub(r"\\\1", self.keys.result("")) + "*"
        following, keys = await self._core.link.command(
            "SCAN", cursor or "0", "MATCH", pattern, "COUNT", limit
        )
        return keys, _next_cursor(following)

    def _job_id(self, key: bytes) -> str:
        return _text(key)[len(self.keys.result("")) :]

    async def _blobs(self, keys: Sequence[bytes]) -> list[bytes | None]:
        blobs: list[bytes | None] = []
        for at in range(0, len(keys), _AT_ONCE):
            blobs += await self._core.link.command("MGET", *keys[at : at + _AT_ONCE])
        return blobs

    async def _queued(self, queue: str, job_id: bytes, score: bytes, blob: bytes | None) -> QueuedJob:
        return QueuedJob(
            job_id=_text(job_id),
            queue=queue,
            score_ms=ms_of(score),
            body=await self._core.decoder.job_or_none(blob),
            is_lost=blob is None,
        )


def _place_after(score: bytes, job_id: bytes, *, newest: bool) -> str:
    if len(job_id) > _LONGEST_ID:  # skips what begins alike, so that cursors stay short
        job_id = job_id[:_LONGEST_ID] + (b"" if newest else b"\xff")
    return f"{score.decode()}:{_text(job_id)}"


def _place(cursor: str) -> tuple[str, str]:
    """Return the score and the id in a cursor of `due_ids`, as text; empty = start."""
    score, colon, job_id = cursor.partition(":")
    if cursor and not (colon and _SCORE.fullmatch(score)):
        raise InvalidCursor
    return score, job_id


def _text(raw: Any) -> str:
    """Return an id as text; bytes that are not UTF-8 become surrogates, which encode to the same bytes."""
    return bytes(raw).decode(errors="surrogateescape")


def _next_cursor(cursor: bytes) -> str:
    return "" if cursor == b"0" else cursor.decode()
